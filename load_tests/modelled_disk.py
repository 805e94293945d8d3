"""A disk that keeps only what was synced, and whatever else chance lets it keep.

The least that POSIX promises, and what Linux file systems really do: a sync of a file covers its bytes and its length;
a sync of a directory covers its names, which otherwise reach the disk in order and some time; of bytes not yet synced
each sector may or may not have been written, in any order; and after a sync that failed nobody will ever write them
again, while the next sync succeeds (https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

import os
from pathlib import Path
from random import Random
from typing import NamedTuple

from load_tests.shim import Kind, Record

SECTOR = 512
"""Bytes that are written whole or not at all (https://sqlite.org/atomiccommit.html, section 2)."""
PASSING = ("-shm", ".lock", "/lock", ".bell")
"""Files that mean nothing after a restart: shared memory, locks, doorbells."""


class _Write(NamedTuple):
    offset: int
    data: bytes


class _Length(NamedTuple):
    length: int


class _File:
    """One inode: what is safe, and what came since."""

    def __init__(self) -> None:
        self.safe = bytearray()
        self.pending: list[_Write | _Length] = []
        self.covered = 0
        """How much of `pending` the sync under way covers."""

    def synced(self) -> None:
        for each in self.pending[: self.covered]:
            _put(self.safe, each)
        del self.pending[: self.covered]

    def failed(self, chance: Random) -> None:
        """What a failed sync left is settled once and for all: it is there, or it never will be."""
        for each in self.pending[: self.covered]:
            _put_some(self.safe, each, chance, chance.random())
        del self.pending[: self.covered]

    def after_cut(self, chance: Random, share: float) -> bytes:
        left = bytearray(self.safe)
        for each in self.pending:
            _put_some(left, each, chance, share)
        return bytes(left)


def _put(content: bytearray, change: _Write | _Length) -> None:
    match change:
        case _Length(length):
            del content[length:]
            content.extend(bytes(length - len(content)))
        case _Write(offset, data):
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data


def _put_some(content: bytearray, change: _Write | _Length, chance: Random, share: float) -> None:
    """Let each sector of a change happen with this probability."""
    if isinstance(change, _Length):
        if chance.random() < share:
            _put(content, change)
        return
    at = 0
    while at < len(change.data):
        end = min(len(change.data), at + SECTOR - (change.offset + at) % SECTOR)
        if share == 1 or (share and chance.random() < share):
            _put(content, _Write(change.offset + at, change.data[at:end]))
        at = end


class _Folder:
    """A folder; what is in it, the names say."""


_Node = _File | _Folder


class _Name(NamedTuple):
    """A change of names: `path` means `node` from now on; nothing, when that is None. `gone` is renamed away."""

    path: str
    node: _Node | None
    gone: str = ""


class Disk:
    """The disk below a folder that is itself safe. Feed it records in order; cut its power at any time."""

    def __init__(self, root: Path, chance: Random) -> None:
        self._root = str(root)
        self._chance = chance
        self._nodes: dict[int, _Node] = {}
        """What an inode number means now; numbers are used again."""
        self._names: dict[str, _Node] = {}
        """Safe ones."""
        self._pending: list[_Name] = []
        self._covered: dict[str, int] = {}
        """folder → how many of `_pending` the sync of its names under way covers."""

    def take(self, record: Record) -> None:
        """Let it happen."""
        if record.path.endswith(PASSING):
            return
        node = self._nodes.get(record.inode)
        match record.kind:
            case Kind.CREATE | Kind.MKDIR:
                fresh = _File() if record.kind is Kind.CREATE else _Folder()
                self._nodes[record.inode] = fresh
                self._pending.append(_Name(record.path, fresh))
            case Kind.LINK:
                self._pending.append(_Name(record.other, node))
            case Kind.RENAME:
                self._pending.append(_Name(record.other, node, gone=record.path))
            case Kind.UNLINK:
                self._pending.append(_Name(record.path, None))
            case Kind.WRITE if isinstance(node, _File):
                node.pending.append(_Write(record.offset, record.data))
            case Kind.TRUNCATE if isinstance(node, _File):
                node.pending.append(_Length(record.offset))
            case Kind.SYNC | Kind.SYNCED:
                if isinstance(node, _File):
                    self._sync(node, record)
                else:
                    self._sync_names(record)

    def _sync(self, file: _File, record: Record) -> None:
        if record.kind is Kind.SYNC:
            file.covered = len(file.pending)
        elif record.error:
            file.failed(self._chance)
        else:
            file.synced()

    def _sync_names(self, record: Record) -> None:
        folder = record.path.rstrip("/")
        if record.kind is Kind.SYNC:
            self._covered[folder] = len(self._pending)
        elif not record.error:
            covered = self._pending[: self._covered.pop(folder)]
            mine = [each for each in covered if os.path.dirname(each.path) == folder]
            for each in mine:
                _rename(self._names, each)
            self._pending = [each for each in self._pending if not any(each is one for one in mine)]

    def cut(self, left: Path) -> None:
        """Write what is left of the folder after a power cut at this moment below another. Goes on afterwards."""
        share = self._chance.choice((0.0, 1.0, self._chance.random()))
        names = dict(self._names)
        for each in self._pending[: round(len(self._pending) * share)]:
            _rename(names, each)
        left.mkdir()
        for path, node in sorted(names.items(), key=lambda item: item[0]):
            if os.path.dirname(path) not in names and os.path.dirname(path) != self._root:
                continue
            target = left / os.path.relpath(path, self._root)
            if isinstance(node, _Folder):
                target.mkdir()
            else:
                target.write_bytes(node.after_cut(self._chance, share))


def _rename(names: dict[str, _Node], change: _Name) -> None:
    if change.gone:
        names.pop(change.gone, None)
    if change.node is None:
        names.pop(change.path, None)
    else:
        names[change.path] = change.node
