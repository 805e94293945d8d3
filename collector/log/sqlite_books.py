"""The log's side of the books, in the log's own file and transactions. On the connections' threads.

One row, added to once a commit, whoever shares that commit.
"""

import sqlite3
from collections.abc import Iterable

from collector.log import Standing, Tally

_ENTER = (
    "/* SqliteLog.append */ update books set received = received + ?, rejected = rejected + ?,"
    " withheld = withheld + ?, suppressed = suppressed + ?"
)
_STANDING = (
    "/* SqliteLog.standing */ select received, rejected, withheld, suppressed,"
    " (select coalesce(max(position), 0) from records) - ? from books"
)
_ERASED = "/* SqliteLog.erased */ select count(*) from records where position > ? and position <= ? and crc < 0"


def enter(db: sqlite3.Connection, tallies: Iterable[Tally]) -> None:
    """Enter these, inside the caller's transaction."""
    db.execute(_ENTER, tuple(map(sum, zip(*tallies, strict=True))))


def standing(db: sqlite3.Connection, after: int) -> Standing:
    """The books and what lies after a position: one statement, so one moment."""
    return Standing(*db.execute(_STANDING, (after,)).fetchone())


def erased(db: sqlite3.Connection, after: int, upto: int) -> int:
    """How many records in this range were erased; their rows are still there."""
    count: int = db.execute(_ERASED, (after, upto)).fetchone()[0]
    return count
