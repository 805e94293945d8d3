"""A process whose disk, sockets and clock pass through `shim.c`: recorded, made to fail, or months ahead.

    shim = Shim(scratch, root=scratch / "disk")
    with serving(scratch / "disk" / "data", env=shim.env(trace=scratch / "trace")): ...
    for record in records(scratch / "trace"): ...

The shim is compiled at first use, so it needs a C compiler (`Missing` says so). Child processes inherit it.
"""

import ctypes
import mmap
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("shim.c")


class Missing(Exception):
    """A program that a test of faults needs is not here. Install it, or do without that test."""


class Kind(StrEnum):
    """What a record says happens."""

    CREATE = "C"
    """A file comes into being under a name."""
    MKDIR = "M"
    WRITE = "W"
    TRUNCATE = "T"
    """To `offset` bytes."""
    SYNC = "S"
    """A sync of a file, or of a directory's names, begins."""
    SYNCED = "E"
    """It has ended; `error` is 0 when it succeeded."""
    RENAME = "R"
    LINK = "L"
    UNLINK = "U"
    ANSWER = "A"
    """The first bytes of an HTTP answer go out."""


class Record(NamedTuple):
    """One thing that a process did."""

    kind: Kind
    error: int
    inode: int
    offset: int
    path: str
    other: str
    """The new name, for RENAME and LINK."""
    data: bytes


_HEAD = struct.Struct("=c3xiQQII")


def records(trace: Path) -> Iterator[Record]:
    """What the processes did, in order."""
    with trace.open("rb") as file:
        while head := file.read(_HEAD.size):
            kind, error, inode, offset, names, size = _HEAD.unpack(head)
            path, _, other = file.read(names).decode().partition("\n")
            yield Record(Kind(kind.decode()), error, inode, offset, path, other, file.read(size))


class _Fault(ctypes.Structure):
    """`struct fault` of shim.c."""

    _fields_ = (
        ("armed", ctypes.c_uint32),
        ("calls", ctypes.c_uint32),
        ("error", ctypes.c_uint32),
        ("spare", ctypes.c_uint32),
        ("hits", ctypes.c_uint32),
        ("suffix", ctypes.c_char * 64),
    )


CALLS = {"write": 1, "sync": 2, "truncate": 4}


class Shim:
    """Compiled, and what a process needs in its environment. Files below `root`, an absolute path, are watched."""

    def __init__(self, scratch: Path, root: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise Missing("a C compiler (gcc) is needed to stand between the server and its disk")
        scratch.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._library = scratch / "shim.so"
        self._fault_file = scratch / "fault"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", self._library, SOURCE, "-ldl"], check=True, timeout=60
        )
        self._fault_file.write_bytes(bytes(mmap.PAGESIZE))
        with self._fault_file.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self._fault = _Fault.from_buffer(self._page)

    def env(self, trace: Path | None = None, ahead_s: int = 0) -> dict[str, str]:
        """The environment of a process that is recorded in `trace`, and whose clock is `ahead_s` seconds ahead."""
        env = {"LD_PRELOAD": str(self._library), "SHIM_ROOT": str(self._root), "SHIM_FAULT": str(self._fault_file)}
        if trace is not None:
            env["SHIM_TRACE"] = str(trace)
        return env | {"SHIM_CLOCK_AHEAD_S": str(ahead_s)}

    @contextmanager
    def failing(self, call: str, error: int, suffix: str, spare: int = 0) -> Iterator[None]:
        """Within, every call of this kind (`CALLS`) on files whose path ends so fails, after `spare` that do not."""
        self._fault.calls, self._fault.error, self._fault.spare = CALLS[call], error, spare
        self._fault.suffix, self._fault.hits = suffix.encode(), 0
        self._fault.armed = 1
        try:
            yield
        finally:
            self._fault.armed = 0

    @property
    def hits(self) -> int:
        """How many calls have failed since `failing` began."""
        return int(self._fault.hits)
