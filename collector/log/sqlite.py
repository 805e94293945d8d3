"""The log in one SQLite file. Durable by `synchronous=FULL`, and fast all the same by group commit.

A commit costs an fsync, whoever shares it. So appends that arrive while a commit is under way wait for it together and
then share the next one: alone, an append is committed at once, without any timer; under load, the groups grow by
themselves. `synchronous=NORMAL` would only sync at checkpoints, and a power cut would take acknowledged records with it
(https://sqlite.org/pragma.html#pragma_synchronous).
"""

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from collector.log import LogUnavailable, Record, Standing, Stored, Tally, sqlite_books, sqlite_reading, sqlite_writing
from collector.log.packing import Packer, Unpacker, keep_dictionary, shipped
from collector.log.reserve import Reserve
from collector.log.sqlite_writing import Entry
from collector.runtime.doorbell import LOOK_AGAIN_S, Doorbell, Ringer, Signal
from collector.runtime.folder import Lock
from collector.runtime.sqlite import (
    Connection,
    close_all,
    connect,
    leave_no_trace,
    migrate,
    migrations,
    schema_version,
)

T = TypeVar("T")

TOPIC = "log"
"""The doorbell rung after every durable append."""
MIGRATIONS = files("collector.log") / "migrations" / "log"

PAGE_BYTES = 8192
"""Measured against SQLite's default of 4096 and against 16,384: records of 180 bytes and lone appends are as fast on
all three; of 900 bytes, 50 a commit, 118 k/s against 83 and 114. A lone append writes a page or two, so not larger."""
CHECKPOINT_PAGES = 2000
"""16 MiB of WAL before a commit folds it into the file (https://sqlite.org/wal.html#avoiding_excessively_large_wal_files).
Measured at 50 records of 900 bytes a commit, the 99th percentile and the longest: 4 MiB (SQLite's default) 6 ms and
11 ms, 16 MiB 0.6 ms and 26 ms, 64 MiB 0.6 ms and 85 ms."""
HEADROOM_BYTES = 64 * 1024 * 1024
"""Free space before a log that has failed takes records again. On a full disk a small write may well succeed right
after a large one has failed; without this gap the log would answer yes and no in turns."""
RESERVE_BYTES = 32 * 1024 * 1024
"""Kept back for erasures. One needs about what `store.db` and `refused.db` take; with less it is finished later."""
START_BYTES = 1024 * 1024
"""What a server needs to start: locks, notes, shared memory of three databases."""
FIRST_RETRY_S = 0.25
LAST_RETRY_S = 2.0
"""A look at a disk that is still full costs next to nothing, and senders wait for it."""

_log = logging.getLogger(__name__)


class _Append(NamedTuple):
    """What one caller appends, and where it waits for its last position."""

    entry: Entry
    answer: asyncio.Future[int]

    def refuse(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(LogUnavailable(why))


class SqliteLog:
    """An EventLog in a file. Made by `open`; the process that opens it for writing is its only writer."""

    partitions = 1

    def __init__(
        self,
        path: Path,
        reading: Connection,
        writing: Connection | None,
        lock: Lock | None,
        end: int,
        bell: Signal,
        ringer: Ringer | None,
        headroom_bytes: int,
        reserve: Reserve,
    ) -> None:
        self._path = path
        self._reading = reading
        self._writing = writing
        self._lock = lock
        self._end = end
        self._bell = bell
        self._ringer = ringer
        self._headroom_bytes = headroom_bytes
        self._packer = Packer(shipped())
        self._unpacker = Unpacker()
        self._reserve = reserve
        self._waiting: list[_Append] = []
        self._committer: asyncio.Task[None] | None = None
        self._trouble: str | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        writer: bool,
        run_dir: Path | None = None,
        headroom_bytes: int = HEADROOM_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> Self:
        """Open a log; a writer makes it when there is none.

        `run_dir` is where the doorbells hang: a writer rings there, a reader listens (without one it looks once a
        second). Raises Taken when another process writes it, SchemaTooNew, and LogUnavailable when the file cannot be
        used; for a reader also when there is none, or its writer has yet to bring it up to date.
        """
        try:
            return await cls._open(path, writer, run_dir, headroom_bytes, reserve_beside(path, reserve_bytes))
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"the log at {path} cannot be opened: {error}") from error

    @classmethod
    async def _open(cls, path: Path, writer: bool, run_dir: Path | None, headroom_bytes: int, reserve: Reserve) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            if not writer:
                reading = await _open_reader(path, undo)
                bell = Signal() if run_dir is None else undo.enter_context(Doorbell(run_dir, TOPIC))
                undo.pop_all()
                return cls(path, reading, None, None, 0, bell, None, headroom_bytes, reserve)
            lock = undo.enter_context(Lock.beside(path))
            writing = await connect(
                path, writer=True, synchronous="full", page_bytes=PAGE_BYTES, checkpoint_pages=CHECKPOINT_PAGES
            )
            undo.push_async_callback(close_all, writing)
            await migrate(writing, MIGRATIONS)
            await writing.run(keep_dictionary, shipped())
            end = await writing.run(sqlite_reading.end)
            reading = await _open_reader(path, undo)
            reserve.keep(_free_bytes(path), headroom_bytes)
            undo.pop_all()
            ringer = None if run_dir is None else Ringer(run_dir, TOPIC)
            log = cls(path, reading, writing, lock, end, Signal(), ringer, headroom_bytes, reserve)
            if reserve.given_up_bytes:
                log._wait_for_room(writing, "the disk is full, and what was kept back is given up")
            return log

    # ---- appending

    async def append(self, records: Sequence[Record], tally: Tally | None = None) -> int:
        return await self._append(records, tally, marked=False)

    async def append_marked(self, records: Sequence[Record]) -> int:
        return await self._append(records, None, marked=True)

    async def _append(self, records: Sequence[Record], tally: Tally | None, *, marked: bool) -> int:
        if self._closed or self._writing is None:
            raise LogUnavailable("the log is closed" if self._closed else "the log was opened for reading only")
        if self._trouble is not None and not marked:
            raise LogUnavailable(self._trouble)
        if not records and tally is None:
            return self._end
        bodies = [self._packer.pack(record.body) for record in records]
        entry = Entry(bodies, Tally(len(records)) if tally is None else tally, marked)
        mine = _Append(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_in_groups(self._writing), name="log group commit")
        return await mine.answer

    async def _commit_in_groups(self, writing: Connection) -> None:
        """Commit what waits, and then what came to wait meanwhile, until nothing does."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit(writing, [each for each in group if not each.answer.done()])  # done: cancelled
        finally:
            self._committer = None
            self._refuse_waiting("the log could not commit")  # nobody, unless an exception ended the loop

    async def _commit(self, writing: Connection, group: list[_Append]) -> None:
        try:
            ends = await writing.run(sqlite_writing.insert, self._end + 1, [each.entry for each in group])
        except sqlite3.Error as error:
            self._stop_appending(writing, error)
        else:
            self._end = ends[-1] if ends else self._end
            for each, end in zip(group, ends, strict=True):
                if not each.answer.done():
                    each.answer.set_result(end)
            self._bell.ring()
            if self._ringer is not None:
                self._ringer.ring()
        finally:  # whatever happened, nobody is left waiting
            for each in group:
                each.refuse(self._trouble or "the log could not commit")

    def _refuse_waiting(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.refuse(why)

    # ---- erasing

    async def erase(self, positions: Sequence[int]) -> int:
        if self._closed or self._writing is None:
            raise LogUnavailable("the log is closed" if self._closed else "the log was opened for reading only")
        try:
            count = await self._writing.run(sqlite_writing.erase, json.dumps(list(positions)))
            clean = await self._writing.run(leave_no_trace)
            self._reserve.keep(_free_bytes(self._path), self._headroom_bytes)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"the log cannot be erased from: {error}") from error
        if not clean:
            raise LogUnavailable("somebody is reading an older state of the log; traces stay until they are done")
        return count

    async def make_room(self) -> None:
        if self._closed or self._writing is None:
            raise LogUnavailable("the log is closed" if self._closed else "the log was opened for reading only")
        try:
            wanted = self._trouble is not None or _free_bytes(self._path) < self._reserve.size_bytes
            if wanted and (freed := self._reserve.give_up()):
                _log.warning("reserve given up for an erasure", extra={"bytes": freed})
        except OSError as error:
            raise LogUnavailable(f"what was kept back on the disk cannot be freed: {error}") from error

    async def marked(self, after: int = 0) -> list[Stored]:
        return await self._read(sqlite_reading.marked, self._unpacker, after)

    # ---- trouble and recovery

    def _stop_appending(self, writing: Connection, error: sqlite3.Error) -> None:
        """Refuse appends from now on, until a probe shows that the disk takes them again."""
        _log.error("log stopped", extra={"error": str(error), "sqlite_error": getattr(error, "sqlite_errorname", None)})
        self._wait_for_room(writing, f"the log cannot be written: {error}")

    def _wait_for_room(self, writing: Connection, why: str) -> None:
        self._trouble = why
        self._refuse_waiting(why)
        if not self._closed and (self._recovery is None or self._recovery.done()):
            self._recovery = asyncio.create_task(self._recover(writing), name="log recovery")

    async def _recover(self, writing: Connection) -> None:
        """Try again, ever more slowly, until there is room and a write has reached the disk."""
        pause_s = FIRST_RETRY_S
        while self._trouble is not None:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LAST_RETRY_S)
            try:
                if _free_bytes(self._path) >= self._headroom_bytes + self._reserve.given_up_bytes:
                    self._reserve.keep(_free_bytes(self._path), self._headroom_bytes)
                    await writing.run(sqlite_writing.probe)
                    self._end = await writing.run(
                        sqlite_reading.end
                    )  # a commit that was reported as failed may have landed
                    self._trouble = None
                    _log.warning("log resumed")
            except (sqlite3.Error, OSError) as error:
                self._trouble = f"the log cannot be written: {error}"

    async def healthy(self) -> bool:
        return not self._closed and self._writing is not None and self._trouble is None

    # ---- reading

    async def read(self, partition: int, after: int, limit: int, wait_s: float = 0.0) -> list[Stored]:
        if partition not in range(self.partitions):
            raise ValueError(f"no partition {partition}")
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + wait_s
        while True:
            heard = self._bell.heard()
            if found := await self._read(sqlite_reading.read, self._unpacker, after, limit):
                return found
            left_s = deadline_s - clock()
            if left_s <= 0:
                return []
            await self._bell.wait(min(left_s, LOOK_AGAIN_S), after=heard)

    async def fetch(self, positions: Sequence[int]) -> list[Stored]:
        return await self._read(sqlite_reading.fetch, self._unpacker, positions)

    async def end(self) -> int:
        return self._end if self._writing is not None else await self._read(sqlite_reading.end)

    async def count(self) -> int:
        return await self._read(sqlite_reading.count)

    async def standing(self, after: int) -> Standing:
        return await self._read(sqlite_books.standing, after)

    async def examine(self) -> list[str]:
        try:
            return await self._read(sqlite_reading.examine)
        except LogUnavailable as error:
            return [str(error)]

    async def erased(self, after: int, upto: int) -> int:
        return await self._read(sqlite_books.erased, after, upto)

    async def _read(self, work: Callable[..., T], *args: object) -> T:
        if self._closed:
            raise LogUnavailable("the log is closed")
        try:
            return await self._reading.run(work, *args)
        except sqlite3.Error as error:
            raise LogUnavailable(f"the log cannot be read: {error}") from error

    # ---- closing

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._committer is not None:
            await asyncio.wait([self._committer])
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        if isinstance(self._bell, Doorbell):
            self._bell.close()
        if self._ringer is not None:
            self._ringer.close()
        try:
            await close_all(self._reading, self._writing)  # the writer last: it folds the WAL into the file
        finally:
            if self._lock is not None:
                self._lock.close()


def reserve_beside(path: Path, size_bytes: int = RESERVE_BYTES) -> Reserve:
    """What is kept back on the disk of the log at this path."""
    return Reserve(path.with_name(f"{path.name}.reserve"), size_bytes)


async def _open_reader(path: Path, undo: contextlib.AsyncExitStack) -> Connection:
    reading = await connect(path, writer=False)
    undo.push_async_callback(close_all, reading)
    version = await schema_version(reading)
    if version != len(migrations(MIGRATIONS)):
        raise LogUnavailable(f"the log at {path} has schema {version}, not {len(migrations(MIGRATIONS))}")
    return reading


def make_room_to_start(path: Path) -> None:
    """Give up what is kept back where not even a server could start, whose locks and notes take room."""
    if _free_bytes(path) < START_BYTES:
        reserve_beside(path).give_up()


def _free_bytes(path: Path) -> int:
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize
