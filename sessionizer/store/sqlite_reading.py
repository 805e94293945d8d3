"""Reading the SQLite store: one transaction, whatever is committed meanwhile."""

import json
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from collector.runtime.sqlite import Connection
from sessionizer.facts import FactRow, unpack
from sessionizer.state import (
    LastSession,
    Refs,
    Root,
    Run,
    Session,
    Slice,
    Visitor,
    decode_last_session,
    decode_refs,
    decode_run,
    decode_session,
    decode_slice,
    decode_visitor,
)
from sessionizer.store import Crowd, Damaged, StoreUnavailable
from sessionizer.store.packing import RowUnpacker
from sessionizer.store.sqlite_examining import examine
from sessionizer.store.sqlite_seals import unseal

HASH_BYTES = 8
"""Of a message id's hash, kept for each event in `arrivals`."""

T = TypeVar("T")
Row = TypeVar("Row", Slice, Session)
_decode_root = msgspec.json.Decoder(tuple[str, ...]).decode


class SqliteSnapshot:
    """One read transaction."""

    def __init__(self, connection: Connection, position: int, unpacker: RowUnpacker) -> None:
        self._connection = connection
        self.position = position
        self._unpack = unpacker.unpack

    def _refs(self, kept: bytes) -> Refs:
        return decode_refs(self._unpack(kept))

    def _run(self, kept: bytes) -> Run:
        return decode_run(self._unpack(kept))

    def _slice(self, kept: bytes) -> Slice:
        return decode_slice(self._unpack(kept))

    def _session(self, kept: bytes) -> Session:
        return decode_session(self._unpack(kept))

    async def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        with wrapped_errors():
            return await self._connection.run(_select, sql, parameters)

    async def _records(self, keys: Collection[str]) -> Iterator[tuple[str, bytes]]:
        sql = """/* Snapshot.visitors */
            select key, record from visitors where key in (select value from json_each(?))"""
        return ((key, self._unpack(unseal(record, key))) for key, record in await self._rows(sql, _array(keys)))

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        return {key: decode_visitor(body) for key, body in await self._records(keys)}

    async def last_sessions(self, keys: Collection[str]) -> dict[str, LastSession]:
        return {key: decode_last_session(body) for key, body in await self._records(keys)}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        sql = """/* Snapshot.chunks */
            select key, refs, number from visitors join chunks using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _grouped(_unsealed(await self._rows(sql, _array(keys))), self._refs)

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        sql = """/* Snapshot.slices */
            select key, slice, number from visitors join slices using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _in_order(_unsealed(await self._rows(sql, _array(keys))), self._slice)

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        sql = """/* Snapshot.sessions */
            select key, session, number from visitors join sessions using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        return _in_order(_unsealed(await self._rows(sql, _array(keys))), self._session)

    async def runs(self, keys: Collection[str]) -> dict[str, list[Run]]:
        sql = """/* Snapshot.runs */
            select key, run, number from visitors join runs using (visitor)
            where key in (select value from json_each(?)) order by visitor, number"""
        found = _grouped(_unsealed(await self._rows(sql, _array(keys))), self._run)
        return {key: sorted(runs, key=lambda run: run.slice.first) for key, runs in found.items()}

    async def slices_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Slice]]:
        return _in_order(_unsealed(await self._near("slices", "slice", times)), self._slice)

    async def sessions_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Session]]:
        return _in_order(_unsealed(await self._near("sessions", "session", times)), self._session)

    async def _near(self, table: str, column: str, times: Mapping[str, Collection[int]]) -> list[Any]:
        wanted = json.dumps([[key, t] for key, of_key in times.items() for t in sorted(set(of_key))])
        sql = f"""/* Snapshot.{table}_near */
            with late as (
                select visitor, visitors.key as key, json_extract(value, '$[1]') as t
                from json_each(?) join visitors on visitors.key = json_extract(value, '$[0]')
            ), bounds as materialized (
                select visitor, key, t,
                    (select max(started) from {table} as a where a.visitor = late.visitor and started < t) as before,
                    (select min(started) from {table} as b where b.visitor = late.visitor and started > t) as after
                from late
            )
            select distinct key, {column}, number from bounds join {table} as each using (visitor)
            where each.started in (before, t, after)"""  # noqa: S608 - the names are ours
        return await self._rows(sql, wanted)

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        sql = """/* Snapshot.naming */
            select identifier, key, (select visitor from visitors as found where found.key = visitors.key) is visitor
            from naming join visitors using (visitor)
            where identifier in (select value from json_each(?)) order by identifier, key"""
        rows = await self._rows(sql, _array(identifiers))
        if not all(is_found for _, _, is_found in rows):
            raise Damaged  # by its key another visitor would be found, or none: it would be left out
        found = _grouped([(identifier, key) for identifier, key, _ in rows], _same)
        return {name: found.get(name, []) for name in identifiers}

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        with wrapped_errors():
            return await self._connection.run(_count_crowds, contacts, users, devices)

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
        with wrapped_errors():
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

    async def examine(self) -> list[str]:
        with wrapped_errors():
            return await self._connection.run(examine)

    async def counts(self) -> dict[str, int]:
        return dict(await self._rows("/* Snapshot.counts */ select name, value from books"))

    async def facts(self, after: int, limit: int) -> list[FactRow]:
        with wrapped_errors():
            return await self._connection.run(_read_facts, after, limit)

    async def pending(self, keys: Collection[str]) -> dict[str, int]:
        sql = """/* Snapshot.pending */
            select key, due from visitors join pending using (visitor)
            where key in (select value from json_each(?))"""
        return dict(await self._rows(sql, _array(keys)))

    async def due(self, now_ms: int, limit: int) -> list[str]:
        sql = """/* Snapshot.due */
            select key from pending join visitors using (visitor) where due <= ? order by due, visitor limit ?"""
        return [key for (key,) in await self._rows(sql, now_ms, limit)]

    async def sizes(self) -> dict[str, int]:
        sql = """/* Snapshot.sizes */ select
            (select count(*) from profile_ids), (select count(*) from sessions), (select count(*) from visitors),
            (select coalesce(max(value), 0) from books where name = 'stored'), (select count(*) from waiting)"""
        profiles, closed, visitors, events, waiting = (await self._rows(sql))[0]
        return {
            "profiles": profiles,
            "sessions": closed + visitors,
            "visitors": visitors,
            "events": events,
            "waiting": waiting,
        }

    async def waiting(self, keys: Collection[str]) -> set[str]:
        sql = """/* Snapshot.waiting */
            select key from visitors join waiting using (visitor) where key in (select value from json_each(?))"""
        return {key for (key,) in await self._rows(sql, _array(keys))}

    async def next_waiting(self, limit: int) -> list[str]:
        sql = (
            "/* Snapshot.next_waiting */ select key from waiting join visitors using (visitor) order by visitor limit ?"
        )
        return [key for (key,) in await self._rows(sql, limit)]

    async def shared_devices(self) -> list[str]:
        sql = (
            "/* Snapshot.shared_devices */ select key from visitors indexed by shared_devices where shared order by key"
        )
        return [key for (key,) in await self._rows(sql)]

    async def crowded(self, users: int, devices: int) -> dict[str, Crowd]:
        sql = """/* Snapshot.crowded */
            select contact, count(distinct user) as users,
                count(distinct case when user is null then visitor end) as devices
            from carrying indexed by carriers group by contact having users > ? or devices > ?"""
        return {contact: Crowd(*counted) for contact, *counted in await self._rows(sql, users, devices)}

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
def wrapped_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the profile store: {error}") from error


def begin(db: sqlite3.Connection) -> int:
    db.execute("begin")
    return position_in(db)


def position_in(db: sqlite3.Connection) -> int:
    position: int = db.execute(
        "/* ProfileStore.position */ select value from books where name = 'position'"
    ).fetchone()[0]
    return position


def end(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("rollback")


def _select(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
    return db.execute(sql, parameters).fetchall()


def _count_crowds(db: sqlite3.Connection, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
    def count(sql: str, contact: str, most: int) -> int:
        counted: int = db.execute(sql, (contact, most)).fetchone()[0]
        return counted

    return {contact: Crowd(count(_USERS, contact, users), count(_DEVICES, contact, devices)) for contact in contacts}


def _skipping(column: str, where: str) -> str:
    """How many different values follow each other in the index, up to a number: one look a value, not one a row."""
    following = f"select min({column}) from carrying indexed by carriers where contact = ?1 and {where}"  # noqa: S608
    return f"""/* Snapshot.crowds */
        with recursive found (value) as (
            {following}
            union all
            select ({following} and {column} > found.value) from found where found.value is not null
            limit ?2
        ) select count(value) from found"""  # noqa: S608 - the names are ours


_USERS = _skipping("user", "user is not null")
_DEVICES = _skipping("visitor", "user is null")


def _array(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _read_root(kept: str) -> Root:
    """Raises Damaged."""
    try:
        return _decode_root(kept)
    except msgspec.MsgspecError as error:
        raise Damaged from error


def _same(value: T) -> T:
    return value


def _unsealed(rows: Iterable[tuple[str, bytes, int]]) -> Iterator[tuple[str, bytes]]:
    """(key, blob) of rows that say what they are sealed with. Raises Damaged."""
    return ((key, unseal(sealed, key, number)) for key, sealed, number in rows)


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


def _read_facts(db: sqlite3.Connection, after: int, limit: int) -> list[FactRow]:
    rows: list[FactRow] = []
    for first, found_ms, packed in db.execute(
        """/* Snapshot.facts */ select first, found, facts from facts
        where first >= coalesce((select max(first) from facts where first <= ?), 0) order by first""",
        (after + 1,),
    ):
        rows.append(FactRow(first, found_ms, unpack(packed)))
        if first + len(rows[-1].facts) > after + limit:
            break
    return rows


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
