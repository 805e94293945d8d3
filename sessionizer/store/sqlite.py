"""The profile store in one SQLite file, written by the mind's process alone.

`synchronous=normal`: after a power cut the last commits may be gone, position included, and the mind folds those events
again from the log, which lost nothing. So no commit here waits for a disk.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Self

from collector.runtime.doorbell import Doorbell, Ringer, Signal
from collector.runtime.folder import Lock
from collector.runtime.sqlite import Connection, close_all, connect, migrate, schema_version
from sessionizer.store import Commit, StoreUnavailable
from sessionizer.store.packing import RowPacker, RowUnpacker
from sessionizer.store.sqlite_reading import SqliteSnapshot, begin, end, position_in, wrapped_errors
from sessionizer.store.sqlite_seals import allow_sealing
from sessionizer.store.sqlite_writing import keep, leave_nothing

TOPIC = "store"
READERS = 5
"""Snapshots at once; a further one waits `READER_WAIT_S`. The position has a connection of its own, and never waits."""
READER_WAIT_S = 5.0
WRITER_CACHE_BYTES = 32 * 1024 * 1024
CHECKPOINT_PAGES = 1000
"""SQLite's default: 4 MiB of WAL."""
UNSYNCED_CHECKPOINT_PAGES = 16_000
"""64 MiB: a page that many commits change is folded in once."""
READER_CACHE_BYTES = 4 * 1024 * 1024


class SqliteStore:
    """A ProfileStore in a file. Open it for writing in one process, for reading in any."""

    def __init__(
        self, writer: Connection | None, readers: list[Connection], run_dir: Path | None, lock: Lock | None
    ) -> None:
        self._writer = writer
        self._packer = RowPacker()
        self._unpacker = RowUnpacker()
        self._all_readers = readers
        self._positions, *rest = readers
        self._readers: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for each in rest:
            self._readers.put_nowait(each)
        self._ringer = Ringer(run_dir, TOPIC) if run_dir is not None and writer is not None else None
        self._bell: Signal = Doorbell(run_dir, TOPIC) if run_dir is not None and writer is None else Signal()
        self._lock = lock

    @classmethod
    async def open(
        cls, path: Path, *, writer: bool, run_dir: Path | None = None, readers: int = READERS, unsynced: bool = False
    ) -> Self:
        """Open (a writer makes) the file. Raises Taken when another process writes it, sqlite3.Error when it cannot.

        `unsynced`: for a file that counts for nothing until it is complete, and then is synced by whoever made it.
        """
        lock = Lock.beside(path) if writer else None
        writing: Connection | None = None
        reading: list[Connection] = []
        try:
            if writer:
                writing = await connect(
                    path,
                    writer=True,
                    synchronous="off" if unsynced else "normal",
                    cache_bytes=WRITER_CACHE_BYTES,
                    checkpoint_pages=UNSYNCED_CHECKPOINT_PAGES if unsynced else CHECKPOINT_PAGES,
                )
                await writing.run(allow_sealing)
                await migrate(writing, files("sessionizer.store") / "migrations" / "sqlite")
            for _ in range(readers + 1):  # one for positions
                reading.append(await connect(path, writer=False, cache_bytes=READER_CACHE_BYTES))  # noqa: PERF401 - closed one by one when a later one fails
            if not writer and await schema_version(reading[0]) == 0:
                raise sqlite3.OperationalError(f"{path} has no tables yet")
        except BaseException:
            await close_all(*reading, writing)
            if lock is not None:
                lock.close()
            raise
        return cls(writing, reading, run_dir, lock)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["SqliteSnapshot"]:
        try:
            async with asyncio.timeout(READER_WAIT_S):
                connection = await self._readers.get()
        except TimeoutError as error:
            raise StoreUnavailable("the profile store: all its readers are busy, with exports perhaps") from error
        try:
            with wrapped_errors():
                position = await connection.run(begin)
            yield SqliteSnapshot(connection, position, self._unpacker)
        finally:
            await asyncio.shield(self._finish_reading(connection))

    async def _finish_reading(self, connection: Connection) -> None:
        try:
            await connection.run(end)
        finally:
            self._readers.put_nowait(connection)

    async def commit(self, commit: Commit) -> None:
        if self._writer is None:
            raise RuntimeError("this store was opened for reading")
        with wrapped_errors():
            await asyncio.shield(self._writer.run(keep, commit, self._packer))
        self._ring()

    def _ring(self) -> None:
        self._bell.ring()
        if self._ringer is not None:
            self._ringer.ring()

    async def leave_no_trace(self) -> bool:
        if self._writer is None:
            raise RuntimeError("this store was opened for reading")
        with wrapped_errors():
            done, news = await self._writer.run(leave_nothing)
        if news:
            self._ring()
        return done

    async def position(self) -> int:
        with wrapped_errors():
            return await self._positions.run(position_in)

    def heard(self) -> int:
        """What to give `wait` to miss no commit after this moment."""
        return self._bell.heard()

    async def wait(self, timeout_s: float, heard: int | None = None) -> bool:
        return await self._bell.wait(timeout_s, heard)

    async def close(self) -> None:
        await close_all(*self._all_readers, self._writer)
        if isinstance(self._bell, Doorbell):
            self._bell.close()
        if self._ringer is not None:
            self._ringer.close()
        if self._lock is not None:
            self._lock.close()
