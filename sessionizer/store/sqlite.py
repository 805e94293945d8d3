"""The profile store in one SQLite file, written by the mind's process alone.

`synchronous=normal`: after a power cut the last commits may be gone, position included, and the mind folds those events
again from the log, which lost nothing. So no commit here waits for a disk.
"""

import asyncio
import json
import sqlite3
from array import array
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from collector.runtime.doorbell import Doorbell, Ringer, Signal
from collector.runtime.folder import Lock
from collector.runtime.sqlite import (
    Connection,
    close_all,
    connect,
    leave_no_trace,
    migrate,
    schema_version,
    transaction,
)
from sessionizer.state import (
    Refs,
    Root,
    Session,
    Slice,
    Visitor,
    VisitorChange,
    decode_refs,
    decode_session,
    decode_slice,
    decode_visitor,
    encode,
)
from sessionizer.store import Commit, Conflict, Erasing, StoreUnavailable

TOPIC = "store"
READERS = 5
"""Snapshots at once; a further one waits `READER_WAIT_S`. The position has a connection of its own, and never waits."""
READER_WAIT_S = 5.0
WRITER_CACHE_BYTES = 32 * 1024 * 1024
READER_CACHE_BYTES = 4 * 1024 * 1024
HASH_BYTES = 8
"""Of a message id's hash, kept for each event in `arrivals`."""

T = TypeVar("T")
Row = TypeVar("Row", Slice, Session)
_read_root = msgspec.json.Decoder(tuple[str, ...]).decode
_write_root = msgspec.json.Encoder().encode


class SqliteStore:
    """A ProfileStore in a file. Open it for writing in one process, for reading in any."""

    def __init__(
        self, writer: Connection | None, readers: list[Connection], run_dir: Path | None, lock: Lock | None
    ) -> None:
        self._writer = writer
        self._all_readers = readers
        self._positions, *rest = readers
        self._readers: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for each in rest:
            self._readers.put_nowait(each)
        self._ringer = Ringer(run_dir, TOPIC) if run_dir is not None and writer is not None else None
        self._bell: Signal = Doorbell(run_dir, TOPIC) if run_dir is not None and writer is None else Signal()
        self._lock = lock

    @classmethod
    async def open(cls, path: Path, *, writer: bool, run_dir: Path | None = None, readers: int = READERS) -> Self:
        """Open (a writer makes) the file. Raises Taken when another process writes it, sqlite3.Error when it cannot."""
        lock = Lock.beside(path) if writer else None
        writing: Connection | None = None
        reading: list[Connection] = []
        try:
            if writer:
                writing = await connect(path, writer=True, synchronous="normal", cache_bytes=WRITER_CACHE_BYTES)
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
            with _wrapped_errors():
                position = await connection.run(_begin_reading)
            yield SqliteSnapshot(connection, position)
        finally:
            await asyncio.shield(self._finish_reading(connection))

    async def _finish_reading(self, connection: Connection) -> None:
        try:
            await connection.run(_end_reading)
        finally:
            self._readers.put_nowait(connection)

    async def commit(self, commit: Commit) -> None:
        if self._writer is None:
            raise RuntimeError("this store was opened for reading")
        with _wrapped_errors():
            await asyncio.shield(self._writer.run(_commit, commit))
        self._ring()

    def _ring(self) -> None:
        self._bell.ring()
        if self._ringer is not None:
            self._ringer.ring()

    async def leave_no_trace(self) -> bool:
        if self._writer is None:
            raise RuntimeError("this store was opened for reading")
        with _wrapped_errors():
            done, news = await self._writer.run(_leave_no_trace)
        if news:
            self._ring()
        return done

    async def position(self) -> int:
        with _wrapped_errors():
            return await self._positions.run(_position)

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


class SqliteSnapshot:
    """One read transaction."""

    def __init__(self, connection: Connection, position: int) -> None:
        self._connection = connection
        self.position = position

    async def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with _wrapped_errors():
            return await self._connection.run(_select, sql, parameters)

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        sql = """/* Snapshot.visitors */
            select key, record from visitors where key in (select value from json_each(?))"""
        return {key: decode_visitor(record) for key, record in await self._rows(sql, _array(keys))}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        sql = """/* Snapshot.chunks */
            select key, refs from visitors join chunks using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _grouped(await self._rows(sql, _array(keys)), decode_refs)

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        sql = """/* Snapshot.slices */
            select key, slice from visitors join slices using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _in_order(await self._rows(sql, _array(keys)), decode_slice)

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        sql = """/* Snapshot.sessions */
            select key, session from visitors join sessions using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _in_order(await self._rows(sql, _array(keys)), decode_session)

    async def slices_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Slice]]:
        return _in_order(await self._near("slices", "slice", times), decode_slice)

    async def sessions_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Session]]:
        return _in_order(await self._near("sessions", "session", times), decode_session)

    async def _near(self, table: str, column: str, times: Mapping[str, Collection[int]]) -> list[Any]:
        wanted = json.dumps([[key, t] for key, of_key in times.items() for t in sorted(set(of_key))])
        sql = f"""/* Snapshot.{table}_near */
            with late as (
                select visitor, visitors.key as key, json_extract(value, '$[1]') as t
                from json_each(?) join visitors on visitors.key = json_extract(value, '$[0]')
            ), bounds as (
                select visitor, key, t,
                    (select max(started) from {table} as a where a.visitor = late.visitor and started < t) as before,
                    (select min(started) from {table} as b where b.visitor = late.visitor and started > t) as after
                from late
            )
            select distinct key, {column} from bounds join {table} as each using (visitor)
            where each.started in (before, t, after)"""  # noqa: S608 - the names are ours
        return await self._rows(sql, wanted)

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        sql = """/* Snapshot.naming */
            select identifier, key from naming join visitors using (visitor)
            where identifier in (select value from json_each(?)) order by identifier, key"""
        found = _grouped(await self._rows(sql, _array(identifiers)), _same)
        return {name: found.get(name, []) for name in identifiers}

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]:
        sql = """/* Snapshot.provers */
            select identifier, key from naming indexed by proven join visitors using (visitor)
            where proves and identifier in (select value from json_each(?))"""
        return {name: set(keys) for name, keys in _grouped(await self._rows(sql, _array(identifiers)), _same).items()}

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        sql = """/* Snapshot.protected */
            select value from json_each(?)
            where exists (select 1 from naming indexed by proven where proves and identifier = value)"""
        return {name for (name,) in await self._rows(sql, _array(identifiers))}

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        sql = """/* Snapshot.retracted */
            select distinct message_id from retractions where message_id in (select value from json_each(?))"""
        return {message_id for (message_id,) in await self._rows(sql, _array(message_ids))}

    async def retractions(self, message_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        sql = """/* Snapshot.retractions */
            select message_id, retraction, reason from retractions
            where message_id in (select value from json_each(?)) order by message_id, retraction"""
        found: dict[str, list[tuple[str, str]]] = {}
        for message_id, retraction, reason in await self._rows(sql, _array(message_ids)):
            found.setdefault(message_id, []).append((retraction, reason))
        return found

    async def retracted_after(self, received_at: str) -> set[str]:
        sql = """/* Snapshot.retracted_after */
            select distinct message_id from retractions as late where received_at > ? and not exists (
                select 1 from retractions as early where early.message_id = late.message_id and early.received_at <= ?
            )"""
        return {message_id for (message_id,) in await self._rows(sql, received_at, received_at)}

    async def positions_of(self, hashes: Collection[bytes]) -> list[int]:
        with _wrapped_errors():
            return await self._connection.run(_find_arrivals, set(hashes))

    async def root(self, profile_id: str) -> Root | None:
        rows = await self._rows("/* Snapshot.root */ select root from profile_ids where profile_id = ?", profile_id)
        return _read_root(rows[0][0]) if rows else None

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        sql = """/* Snapshot.roots */
            select profile_id, root from profile_ids where profile_id > ? order by profile_id limit ?"""
        return [(profile_id, _read_root(root)) for profile_id, root in await self._rows(sql, after, limit)]

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        sql = """/* Snapshot.known_ids */
            select profile_id from profile_ids where profile_id in (select value from json_each(?))"""
        return {profile_id for (profile_id,) in await self._rows(sql, _array(profile_ids))}

    async def keys(self, after: str, limit: int) -> list[str]:
        sql = "/* Snapshot.keys */ select key from visitors where key > ? order by key limit ?"
        return [key for (key,) in await self._rows(sql, after, limit)]

    async def counts(self) -> dict[str, int]:
        return dict(await self._rows("/* Snapshot.counts */ select name, value from books"))

    async def sizes(self) -> dict[str, int]:
        sql = """/* Snapshot.sizes */ select
            (select count(*) from profile_ids), (select count(*) from sessions), (select count(*) from visitors),
            (select coalesce(max(value), 0) from books where name = 'stored')"""
        profiles, closed, visitors, events = (await self._rows(sql))[0]
        return {"profiles": profiles, "sessions": closed + visitors, "visitors": visitors, "events": events}

    async def known_retractions(self, retractions: Collection[str]) -> set[str]:
        sql = """/* Snapshot.known_retractions */
            select retraction from retraction_events where retraction in (select value from json_each(?))"""
        return {retraction for (retraction,) in await self._rows(sql, _array(retractions))}

    async def suppressed(self) -> list[int]:
        return [
            position for (position,) in await self._rows("/* Snapshot.suppressed */ select position from suppressed")
        ]

    async def quarantined(self) -> list[tuple[int, str]]:
        return await self._rows("/* Snapshot.quarantined */ select position, reason from quarantine order by position")


@contextmanager
def _wrapped_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the profile store: {error}") from error


def _begin_reading(db: sqlite3.Connection) -> int:
    db.execute("begin")
    return _position(db)


def _position(db: sqlite3.Connection) -> int:
    position: int = db.execute(
        "/* ProfileStore.position */ select value from books where name = 'position'"
    ).fetchone()[0]
    return position


def _end_reading(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("rollback")


def _select(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
    return db.execute(sql, parameters).fetchall()


def _array(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _same(value: T) -> T:
    return value


def _grouped(rows: Iterable[tuple[str, Any]], decode: Callable[[Any], T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for key, value in rows:
        found.setdefault(key, []).append(decode(value))
    return found


def _in_order(rows: Iterable[tuple[str, Any]], decode: Callable[[Any], Row]) -> dict[str, list[Row]]:
    found = _grouped(rows, decode)
    for each in found.values():
        each.sort(key=lambda row: row.first)
    return found


def _find_arrivals(db: sqlite3.Connection, wanted: set[bytes]) -> list[int]:
    found = []
    for hashes, packed in db.execute(
        "/* Snapshot.positions_of */ select hashes, positions from arrivals order by first"
    ):
        positions = array("q", packed)
        if len(wanted) > len(positions):
            present = {hashes[at : at + HASH_BYTES]: n for n, at in enumerate(range(0, len(hashes), HASH_BYTES))}
            if wanted.isdisjoint(present):
                continue
        for each in wanted:
            at = hashes.find(each)
            while at >= 0:
                if at % HASH_BYTES == 0:
                    found.append(positions[at // HASH_BYTES])
                at = hashes.find(each, at + 1)
    return sorted(found)


def _commit(db: sqlite3.Connection, commit: Commit) -> None:
    with transaction(db):
        moved = db.execute(
            "/* ProfileStore.commit */ update books set value = ? where name = 'position' and value = ?",
            (commit.position, commit.expected),
        ).rowcount
        if moved != 1:
            raise Conflict(f"the store is no longer at position {commit.expected}")
        if commit.erasing is not None:
            _erase(db, commit.erasing, commit.position)
        db.executemany(
            "/* ProfileStore.commit */ insert into suppressed (position) values (?)",
            [(each,) for each in commit.suppressed],
        )
        _keep_records(db, [change for change in commit.changes if not _has_rows(change)])
        for change in commit.changes:
            if _has_rows(change):
                _keep_visitor(db, change)
        db.executemany(
            """/* ProfileStore.commit */
            insert into retractions (message_id, retraction, reason, received_at) values (?, ?, ?, ?)
            on conflict (message_id, retraction) do update set received_at = min(received_at, excluded.received_at)""",
            commit.retracted,
        )
        db.executemany(
            "/* ProfileStore.commit */ insert into retraction_events (retraction) values (?)",
            [(each,) for each in commit.retraction_events],
        )
        if commit.arrivals:
            db.execute(
                "/* ProfileStore.commit */ insert into arrivals (first, hashes, positions) values (?, ?, ?)",
                (
                    commit.arrivals[0][0],
                    b"".join(hashed for _, hashed in commit.arrivals),
                    array("q", [position for position, _ in commit.arrivals]).tobytes(),
                ),
            )
        db.executemany(
            "/* ProfileStore.commit */ insert or ignore into profile_ids (profile_id, root) values (?, ?)",
            [(profile_id, _write_root(root).decode()) for profile_id, root in commit.roots.items()],
        )
        db.executemany(
            "/* ProfileStore.commit */ insert or ignore into quarantine (position, reason) values (?, ?)",
            commit.quarantined,
        )
        db.executemany(
            """/* ProfileStore.commit */ insert into books (name, value) values (?, ?)
            on conflict (name) do update set value = value + excluded.value""",
            list(commit.counted.items()),
        )


def _erase(db: sqlite3.Connection, erasing: Erasing, position: int) -> None:
    for key in erasing.visitors:
        row = db.execute(
            "/* ProfileStore.commit */ delete from visitors where key = ? returning visitor", (key,)
        ).fetchone()
        if row is not None:
            for table in ("chunks", "slices", "sessions", "naming"):
                db.execute(f"/* ProfileStore.commit */ delete from {table} where visitor = ?", row)  # noqa: S608
    for table, column, values in (
        ("profile_ids", "profile_id", erasing.profile_ids),
        ("retractions", "message_id", erasing.message_ids),
        ("retraction_events", "retraction", erasing.retraction_events),
        ("quarantine", "position", erasing.positions),
    ):
        db.executemany(
            f"/* ProfileStore.commit */ delete from {table} where {column} = ?",  # noqa: S608
            [(each,) for each in values],
        )
    db.executemany(
        "/* ProfileStore.commit */ update retractions set reason = ? where retraction = ?",
        [(reason, each) for each, reason in erasing.reasons.items()],
    )
    _forget_arrivals(db, erasing.positions)
    _note(db, "erased", position)


def _forget_arrivals(db: sqlite3.Connection, positions: set[int]) -> None:
    """Take events out of the arrivals, batch by batch."""
    left = sorted(positions, reverse=True)
    while left:
        row = db.execute(
            "/* ProfileStore.commit */ select first, hashes, positions from arrivals where first <= ? "
            "order by first desc limit 1",
            (left[0],),
        ).fetchone()
        if row is None:
            return
        first, hashes, packed = row
        kept = [(n, each) for n, each in enumerate(array("q", packed)) if each not in positions]
        if len(kept) < len(packed) // 8:
            db.execute(
                "/* ProfileStore.commit */ update arrivals set hashes = ?, positions = ? where first = ?",
                (
                    b"".join(hashes[n * HASH_BYTES : (n + 1) * HASH_BYTES] for n, _ in kept),
                    array("q", [each for _, each in kept]).tobytes(),
                    first,
                ),
            )
        left = [each for each in left if each < first]


def _leave_no_trace(db: sqlite3.Connection) -> tuple[bool, bool]:
    """Whether no trace is left, and whether that is news.

    The file is written anew: SQLite overwrites deleted rows, but not the copies of them that it leaves in the free
    space of pages it once split.
    """
    found = dict(db.execute("/* ProfileStore.leave_no_trace */ select name, value from books"))
    erased = found.get("erased", 0)
    if found.get("traceless", 0) >= erased:
        return True, False
    if found.get("rewritten", 0) < erased:
        db.execute("/* ProfileStore.leave_no_trace */ vacuum")
        _note(db, "rewritten", erased)
    if not leave_no_trace(db):
        return False, False
    _note(db, "traceless", erased)
    return True, True


def _note(db: sqlite3.Connection, name: str, position: int) -> None:
    db.execute("/* ProfileStore.note */ insert or replace into books (name, value) values (?, ?)", (name, position))


def _has_rows(change: VisitorChange) -> bool:
    return bool(
        change.refolded or change.chunks or change.slices or change.sessions or change.dropped_sessions or change.index
    )


def _keep_records(db: sqlite3.Connection, changes: list[VisitorChange]) -> None:
    """Keep visitors that closed nothing and named nobody new: nearly all, in one go."""
    db.executemany(
        """/* ProfileStore.commit */ insert into visitors (key, record) values (?, ?)
        on conflict (key) do update set record = excluded.record""",
        [(change.key, encode(change.record)) for change in changes],
    )


def _keep_visitor(db: sqlite3.Connection, change: VisitorChange) -> None:
    (visitor,) = db.execute(
        """/* ProfileStore.commit */ insert into visitors (key, record) values (?, ?)
        on conflict (key) do update set record = excluded.record returning visitor""",
        (change.key, encode(change.record)),
    ).fetchone()
    if change.refolded:
        for table in ("chunks", "slices", "sessions", "naming"):
            db.execute(f"/* ProfileStore.commit */ delete from {table} where visitor = ?", (visitor,))  # noqa: S608
    if change.chunks:
        db.executemany(
            "/* ProfileStore.commit */ insert or replace into chunks (visitor, number, refs) values (?, ?, ?)",
            [(visitor, number, encode(each)) for number, each in change.chunks.items()],
        )
    if change.slices:
        db.executemany(
            """/* ProfileStore.commit */
            insert or replace into slices (visitor, number, started, slice) values (?, ?, ?, ?)""",
            [(visitor, number, each.first[0], encode(each)) for number, each in change.slices.items()],
        )
    if change.sessions:
        db.executemany(
            """/* ProfileStore.commit */
            insert or replace into sessions (visitor, number, started, session) values (?, ?, ?, ?)""",
            [(visitor, number, each.first[0], encode(each)) for number, each in change.sessions.items()],
        )
    if change.dropped_sessions:
        db.executemany(
            "/* ProfileStore.commit */ delete from sessions where visitor = ? and number = ?",
            [(visitor, number) for number in change.dropped_sessions],
        )
    if change.index:
        db.executemany(
            """/* ProfileStore.commit */ insert into naming (identifier, visitor, proves) values (?, ?, ?)
            on conflict (identifier, visitor) do update set proves = max(proves, excluded.proves)""",
            [(name, visitor, proves) for name, proves in change.index.items()],
        )
