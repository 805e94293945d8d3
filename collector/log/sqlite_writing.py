"""Writing the log's file. On the connection's thread.

Few statements, whatever the number of rows: each lets go of Python's lock, and must get it back from the event loop.
Sixty-four rows a statement take 1.0 us a row, one 1.7, the wait for the lock not counted.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from collector.log import Tally, sqlite_books
from collector.log.sqlite_reading import checksum
from collector.runtime.sqlite import transaction

ROWS_AT_ONCE = 64

_MARK = "/* SqliteLog.append_marked */ insert into marked (position) values (?)"
_ERASE = (
    "/* SqliteLog.erase */ update records set body = zeroblob(length(body)), crc = "
    "case when crc < 0x80 then -0x80 when crc < 0x8000 then -0x8000 when crc < 0x800000 then -0x800000"
    " when crc < 0x80000000 then -0x80000000 else -0x800000000000 end"
    " where position in (select value from json_each(?)) and crc >= 0"
)
"""Zeros of the same length, in place: nothing is moved, so no copy of anything is left in a page's free space, and the
position stays taken. A negative checksum, as wide as the one before, marks the row."""


class Entry(NamedTuple):
    """One append: its records as they are kept, and what it enters in the books."""

    bodies: list[bytes]
    tally: Tally
    marked: bool = False
    """The last record is to be found without reading the log through."""


def insert(db: sqlite3.Connection, first: int, entries: Sequence[Entry]) -> list[int]:
    """Add every append's rows in one durable transaction; the position of the last row of each."""
    ends: list[int] = []
    position = first - 1
    for each in entries:
        position += len(each.bodies)
        ends.append(position)
    bodies = [body for each in entries for body in each.bodies]
    with transaction(db):
        for values in _in_pieces(first, bodies):
            db.execute(_insert_rows(len(values) // 3), values)
        for each, end in zip(entries, ends, strict=True):
            if each.marked:
                db.execute(_MARK, (end,))
        if entries:  # none: all their callers were cancelled
            sqlite_books.enter(db, [each.tally for each in entries])
    return ends


def erase(db: sqlite3.Connection, positions: str) -> int:
    """Overwrite the records at these positions, a JSON array; how many there were."""
    with transaction(db):
        return db.execute(_ERASE, (positions,)).rowcount


def probe(db: sqlite3.Connection) -> None:
    """A durable write that changes nothing: the schema's number, written again."""
    version = db.execute("/* SqliteLog.probe */ pragma user_version").fetchone()[0]
    db.execute(f"/* SqliteLog.probe */ pragma user_version = {version}")


def _in_pieces(first: int, bodies: Sequence[bytes]) -> Iterator[tuple[bytes | int, ...]]:
    """Rows of position, body and checksum, as one statement after the other takes them."""
    for start in range(0, len(bodies), ROWS_AT_ONCE):
        numbered = enumerate(bodies[start : start + ROWS_AT_ONCE], first + start)
        yield tuple(chain.from_iterable((number, body, checksum(body, number)) for number, body in numbered))


@cache
def _insert_rows(count: int) -> str:
    rows = ", ".join(["(?, ?, ?)"] * count)
    return f"/* SqliteLog.append */ insert into records (position, body, crc) values {rows}"  # noqa: S608
