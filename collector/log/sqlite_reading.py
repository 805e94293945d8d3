"""Reading the log's file, and trusting none of it. On the connection's thread.

Every row is held against its checksum, which covers its position too: a record that a flipped bit has moved is no more
served than one it has changed. Positions leave no gaps, so a row that a damaged page hides is missed, and told like a
damaged one. Erased rows are zeros under a negative checksum, and nothing else is.
"""

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from itertools import islice

from collector.log import CorruptRecord, Stored
from collector.log.packing import Unpacker, Unreadable

# As blobs and integers whatever the row says they are: a flipped type must not end in an exception of another kind.
_ROW = "select position, cast(body as blob), cast(crc as integer) from records"
_READ = f"/* SqliteLog.read */ {_ROW} where position > ? order by position"
_FETCH = f"/* SqliteLog.fetch */ {_ROW} where position in (select value from json_each(?)) order by position"  # noqa: S608
_END = "/* SqliteLog.end */ select coalesce(max(position), 0) from records"
_COUNT = "/* SqliteLog.count */ select count(*) from records where crc >= 0"
_MARKED = "/* SqliteLog.marked */ select position from marked where position > ? order by position"
_EXAMINE = "/* SqliteLog.examine */ pragma integrity_check(3)"


def checksum(body: bytes, position: int) -> int:
    """Of a row: CRC-32 of its body, begun with its position."""
    return zlib.crc32(body, position & 0xFFFFFFFF)


def read(db: sqlite3.Connection, unpacker: Unpacker, after: int, limit: int) -> list[Stored]:
    """Up to `limit` records after a position. Raises CorruptRecord, for one that is missing too."""
    with closing(db.execute(_READ, (after,))) as rows:  # left open half way, it would hold on to this state of the file
        return list(islice(_checked(db, unpacker, _in_line(rows, after)), limit))


def fetch(db: sqlite3.Connection, unpacker: Unpacker, positions: Collection[int]) -> list[Stored]:
    """The records at these positions, without erased ones and those that are yet to come. Raises CorruptRecord."""
    rows = db.execute(_FETCH, (json.dumps(list(positions)),)).fetchall()
    if len(rows) < len(positions):
        missing = set(positions).difference(row[0] for row in rows)
        if missing and min(missing) <= end(db):
            raise CorruptRecord(min(missing))
    return list(_checked(db, unpacker, rows))


def marked(db: sqlite3.Connection, unpacker: Unpacker, after: int) -> list[Stored]:
    """The marked records after a position. Raises CorruptRecord, for a mark that points at nothing too."""
    positions = [position for (position,) in db.execute(_MARKED, (after,))]
    found = fetch(db, unpacker, positions) if positions else []
    if len(found) < len(positions):
        raise CorruptRecord(min(set(positions).difference(each.position for each in found)))
    return found


def end(db: sqlite3.Connection) -> int:
    last: int = db.execute(_END).fetchone()[0]
    return last


def count(db: sqlite3.Connection) -> int:
    there: int = db.execute(_COUNT).fetchone()[0]
    return there


def examine(db: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file's structure."""
    return [each for (each,) in db.execute(_EXAMINE) if each != "ok"]


Row = tuple[int, bytes, int]


def _in_line(rows: Iterable[Row], after: int) -> Iterator[Row]:
    """The rows, as long as each follows the one before."""
    expected = after + 1
    for row in rows:
        if row[0] != expected:
            raise CorruptRecord(expected)
        yield row
        expected += 1


def _checked(db: sqlite3.Connection, unpacker: Unpacker, rows: Iterable[Row]) -> Iterator[Stored]:
    unpack = unpacker.unpack
    for position, body, crc in rows:
        if checksum(body, position) == crc:
            try:
                yield Stored(position, unpack(db, body))
            except Unreadable as error:
                raise CorruptRecord(position) from error
        elif crc is None or crc >= 0 or any(body):
            raise CorruptRecord(position)
