"""Trace a server's system calls under load: each answer of 200 goes out only after an fdatasync that covers its event.

    python load_tests/synced.py --requests 100000

`strace` shows every write and sync of the edge in the order in which they began and ended. An event is durable once a
sync of the log's WAL has ended well that began after a page with its record was written to it, byte for byte. The first
bytes of an answer of 200 must go to their socket later than that. Every answer is looked at; none may be missing.
"""

import argparse
import asyncio
import base64
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_tests.shim import Missing
from tests.running_ariane import ROOT, serving

CONNECTIONS = 64
TRACED = "pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg"
LONGEST_SHOWN = 9000
"""More bytes of each call than a page of the log has, so that no event is cut off."""
END_TIMEOUT_S = 30.0

_CALL = re.compile(
    r"(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\(\d+<(?P<file>[^>]*)>)(?P<rest>.*)"
)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ANSWER = re.compile(rb"HTTP/1\.1 200 .*?Log-Position: (\d+)\r", re.DOTALL)
_LEAF = 0x0D
"""The first byte of a page that holds rows (https://sqlite.org/fileformat2.html, section 1.6)."""
_RETURNED = re.compile(r" = (-?\d+)[^=]*$")


def strace(output: Path) -> list[str]:
    """What to put before a command to trace it. Raises Missing."""
    program = shutil.which("strace")
    if program is None:
        raise Missing("strace is needed to see system calls: apt-get install strace")
    shown = ("-y", "-xx", "-s", str(LONGEST_SHOWN), "-e", f"trace={TRACED}", "-o", str(output))
    return [program, "-D", "-f", "--seccomp-bpf", *shown]  # -D: the process we start and stop is the server itself


class Step(NamedTuple):
    """A system call that begins or ends."""

    begins: bool
    ends: bool
    name: str
    file: str
    shown: str
    """Its arguments as far as they are known."""
    returned: int | None


def steps(trace: Path) -> Iterator[Step]:
    """The calls of all threads in order; one that others came in between of is a beginning and, later, an end."""
    begun: dict[str, Step] = {}
    with trace.open(errors="replace") as lines:
        for line in lines:
            found = _CALL.match(line)
            if found is None:
                continue
            if found["resumed"]:
                beginning = begun.pop(found["pid"])
                yield beginning._replace(begins=False, ends=True, returned=_returned(line))
            elif line.rstrip().endswith("<unfinished ...>"):
                begun[found["pid"]] = step = Step(
                    True, False, found["name"], _plain(found["file"]).decode(), found["rest"], None
                )
                yield step
            else:
                yield Step(True, True, found["name"], _plain(found["file"]).decode(), found["rest"], _returned(line))


def _bytes(step: Step) -> bytes:
    """What the call was given to write."""
    return b"".join(map(_plain, _STRING.findall(step.shown)))


def _plain(shown: str) -> bytes:
    """Undo strace's `-xx`."""
    return bytes.fromhex(shown.replace("\\x", ""))


def rowids(page: bytes) -> Iterator[int]:
    """The row ids in a page of rows; none of another page."""
    if len(page) < 512 or page[0] != _LEAF:
        return
    for nth in range(int.from_bytes(page[3:5], "big")):
        at = int.from_bytes(page[8 + 2 * nth : 10 + 2 * nth], "big")
        _size, at = _varint(page, at)
        yield _varint(page, at)[0]


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of up to eight bytes, seven bits in each, and where the next begins."""
    value = 0
    while True:
        value = value << 7 | page[at] & 0x7F
        at += 1
        if not page[at - 1] & 0x80:
            return value, at


def _returned(line: str) -> int | None:
    found = _RETURNED.search(line)
    return int(found[1]) if found else None


class Seen(NamedTuple):
    """What a trace shows."""

    durable_at: dict[int, int]
    """log position → the step at which a sync that covers it had ended."""
    answered_at: dict[int, int]
    """log position → the step at which its answer of 200 began to go out."""
    syncs: int


def look(trace: Path, stored: Mapping[int, bytes]) -> Seen:
    """Read a trace through; `stored` is what the log holds at which position."""
    seen = Seen({}, {}, 0)
    written: set[int] = set()
    covered: set[int] = set()
    syncs = 0
    for number, step in enumerate(steps(trace)):
        wal = step.file.endswith("log.db-wal")
        if wal and step.name.startswith("pwrite") and step.ends and (step.returned or 0) > 0:
            page = _bytes(step)
            written.update(each for each in rowids(page) if each in stored and stored[each] in page)
        elif wal and step.name in ("fdatasync", "fsync"):
            if step.begins:
                covered, written = written, set()
            if step.ends and step.returned == 0:
                syncs += 1
                for each in covered:
                    seen.durable_at.setdefault(each, number)
        elif step.begins and "socket" in step.file and (answer := _ANSWER.match(_bytes(step))):
            seen.answered_at.setdefault(int(answer[1]), number)
    return seen._replace(syncs=syncs)


class Result(NamedTuple):
    """Whether answers waited for their syncs."""

    answers: int
    syncs: int
    untrue: int
    """Answers of 200 that went out before their event was durable."""
    unseen: int
    """Requests whose answer the trace does not show."""

    def __str__(self) -> str:
        return (
            f"{self.answers:,} answers of 200, {self.syncs:,} syncs: {self.untrue:,} went out before an fdatasync "
            f"that covers their event, {self.unseen:,} were not seen"
        )


def measure(scratch: Path, requests: int, root: Path = ROOT) -> Result:
    """Trace an edge of the sources at `root` over so many requests of one event. Raises Missing."""
    trace, data = scratch / "trace", scratch / "data"
    with serving(data, "--roles", "edge", under=strace(trace), root=root) as server:
        asyncio.run(_send(server.url, server.keys["write_key"], requests))
    _wait_for_end(trace)
    seen = look(trace, _stored(data / "log.db"))
    untrue = sum(
        seen.durable_at.get(position, sys.maxsize) > answered for position, answered in seen.answered_at.items()
    )
    return Result(len(seen.answered_at), seen.syncs, untrue, requests - len(seen.answered_at))


def _wait_for_end(trace: Path) -> None:
    """Wait until strace has written that the last process has ended."""
    deadline_s = time.monotonic() + END_TIMEOUT_S
    while b"+++ exited" not in trace.read_bytes()[-200:].splitlines()[-1]:
        assert time.monotonic() < deadline_s, "strace has not ended"
        time.sleep(0.05)


def _stored(path: Path) -> dict[int, bytes]:
    """log position → the record as it lies in the file."""
    with closing(sqlite3.connect(path)) as db:
        return {position: bytes(body) for position, body in db.execute("select position, body from records")}


async def _send(url: str, key: str, requests: int) -> None:
    """Send single events over `CONNECTIONS` connections, each waiting for its answer; all must be accepted."""
    numbers = iter(range(requests))
    host = urlsplit(url)
    head = f"POST /v1/page HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Basic {_user(key)}\r\n"

    async def one_after_another() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        for number in numbers:
            page = {"messageId": f"traced-{number:07}", "anonymousId": f"d{number % 997}", "properties": {"path": "/"}}
            body = msgspec.json.encode(page)
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b'{"success":true}')
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one_after_another())


def _user(key: str) -> str:
    return base64.b64encode(f"{key}:".encode()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Traces syncs and answers; exits with 1 when an answer came too soon.")
    parser.add_argument("--requests", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-synced-") as scratch:
        result = measure(Path(scratch), options.requests)
    print(result)
    sys.exit(bool(result.untrue or result.unseen))


if __name__ == "__main__":
    main()
