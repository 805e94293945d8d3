"""Events that did not reach the log, in a SQLite file of their own: a queue that forgets its oldest.

`synchronous=NORMAL`: their senders were told that they were refused, so a power cut may take the last of them.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar

from collector.log import LogUnavailable, Refusal
from collector.runtime.clock import now_ms
from collector.runtime.folder import Lock
from collector.runtime.sqlite import (
    Connection,
    close_all,
    connect,
    leave_no_trace,
    migrate,
    migrations,
    schema_version,
    transaction,
)

T = TypeVar("T")

MIGRATIONS = files("collector.log") / "migrations" / "refused"

MAX_BYTES = 64 * 1024 * 1024
"""Default cap on what is kept. The file stays near it: SQLite uses the room of removed rows again."""
MAX_AGE_S = 30 * 86_400
"""Default cap on age."""
ROW_BYTES = 40
"""What a refusal takes beside its texts: ids, times, headers of row and page, rounded up."""

_INSERT = (
    "/* SqliteRefused.keep */ insert into refused (received_at_ms, bytes, source, reason, detail, body)"
    " values (?, ?, ?, ?, ?, ?)"
)
_EXPIRE = "/* SqliteRefused.keep */ delete from refused where received_at_ms < ? returning bytes"
_OLDEST = "/* SqliteRefused.keep */ select refusal_id, bytes from refused order by refusal_id"
_DROP = "/* SqliteRefused.keep */ delete from refused where refusal_id <= ?"
_READ = (
    "/* SqliteRefused.read */ select refusal_id, received_at_ms, source, reason, detail, body from refused"
    " where refusal_id > ? and received_at_ms >= ? order by refusal_id limit ?"
)
_SETTLE = (
    "/* SqliteRefused.settle */ delete from refused"
    " where refusal_id in (select value from json_each(?)) returning bytes"
)
_TOTAL = "/* SqliteRefused.open */ select coalesce(sum(bytes), 0) from refused"


def size_of(refusal: Refusal) -> int:
    """About the bytes a refusal takes on disk."""
    texts = (refusal.source, refusal.reason, refusal.detail)
    return ROW_BYTES + sum(len(each.encode(errors="replace")) for each in texts) + len(refusal.body)


class SqliteRefused:
    """RefusedEvents in a file. Made by `open`. Every method raises LogUnavailable when the file cannot be used."""

    def __init__(
        self,
        connection: Connection,
        lock: Lock | None,
        total_bytes: int,
        max_bytes: int,
        max_age_s: float,
        clock: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._total_bytes = total_bytes
        """Of all rows; only the connection's thread touches it."""
        self._max_bytes = max_bytes
        self._max_age_ms = int(max_age_s * 1000)
        self._clock = clock
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        writer: bool,
        max_bytes: int = MAX_BYTES,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], int] = now_ms,
    ) -> Self:
        """Open the file; a writer makes it when there is none. `clock` gives milliseconds since 1970.

        Raises Taken when another process writes it, SchemaTooNew, and LogUnavailable for a reader that finds no file.
        """
        async with contextlib.AsyncExitStack() as undo:
            lock = undo.enter_context(Lock.beside(path)) if writer else None
            try:
                connection = await connect(path, writer=writer, synchronous="normal")
            except sqlite3.Error as error:
                raise LogUnavailable(f"no refused events at {path}: {error}") from error
            undo.push_async_callback(close_all, connection)
            if writer:
                await migrate(connection, MIGRATIONS)
            elif await schema_version(connection) != len(migrations(MIGRATIONS)):
                raise LogUnavailable(f"the refused events at {path} have another schema")
            total_bytes = await connection.run(_total)
            undo.pop_all()
            return cls(connection, lock, total_bytes, max_bytes, max_age_s, clock)

    async def keep(self, refusals: Sequence[Refusal]) -> None:
        rows = [
            (each.received_at_ms, size_of(each), *map(_storable, (each.source, each.reason, each.detail)), each.body)
            for each in refusals
        ]
        await self._run(self._keep, rows)

    async def read(self, after: int, limit: int) -> list[Refusal]:
        return await self._run(_select, (after, self._oldest_ms(), limit))

    async def settle(self, refusal_ids: Sequence[int]) -> None:
        await self._run(self._settle, json.dumps(list(refusal_ids)))

    async def erase(self, refusal_ids: Sequence[int]) -> None:
        await self._run(self._settle, json.dumps(list(refusal_ids)))
        await self._run(_rewrite)
        if not await self._run(leave_no_trace):
            raise LogUnavailable("somebody is reading the refused events; their traces stay until nobody is")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await close_all(self._connection)
        finally:
            if self._lock is not None:
                self._lock.close()

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        if self._closed:
            raise LogUnavailable("the refused events are closed")
        try:
            return await self._connection.run(work, *args)
        except sqlite3.Error as error:
            raise LogUnavailable(f"the refused events cannot be used: {error}") from error

    def _oldest_ms(self) -> int:
        return self._clock() - self._max_age_ms

    # ---- on the connection's thread

    def _keep(self, db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        with transaction(db):
            db.executemany(_INSERT, rows)
            total = self._total_bytes + sum(row[1] for row in rows)
            total -= sum(size for (size,) in db.execute(_EXPIRE, (self._oldest_ms(),)).fetchall())
            if total > self._max_bytes:
                last, freed = _oldest_beyond(db, total - self._max_bytes)
                db.execute(_DROP, (last,))
                total -= freed
        self._total_bytes = total

    def _settle(self, db: sqlite3.Connection, refusal_ids: str) -> None:
        with transaction(db):
            freed = sum(size for (size,) in db.execute(_SETTLE, (refusal_ids,)).fetchall())
        self._total_bytes -= freed


def _rewrite(db: sqlite3.Connection) -> None:
    """Write the file anew: pages that were split or joined may hold copies of rows that are gone."""
    db.execute("/* SqliteRefused.erase */ vacuum")


def _oldest_beyond(db: sqlite3.Connection, excess_bytes: int) -> tuple[int, int]:
    """The last of the oldest rows that together take at least `excess_bytes`, and what they take."""
    freed = 0
    last = 0
    for refusal_id, size in db.execute(_OLDEST):
        last = refusal_id
        freed += size
        if freed >= excess_bytes:
            break
    return last, freed


def _select(db: sqlite3.Connection, arguments: tuple[int, int, int]) -> list[Refusal]:
    return [Refusal(*row) for row in db.execute(_READ, arguments)]


def _total(db: sqlite3.Connection) -> int:
    total: int = db.execute(_TOTAL).fetchone()[0]
    return total


def _storable(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 can hold."""
    return text.encode(errors="replace").decode()
