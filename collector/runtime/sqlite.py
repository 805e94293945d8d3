"""SQLite as every part of ours uses it: WAL, one writing process, explicit transactions, a forward-only schema.

One process owns each file, and one connection of it writes and checkpoints; all others open the file read-only. That is
not taste: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database that two connections write or checkpoint at once
(https://sqlite.org/wal.html, "The WAL-Reset Bug"), and the SQLite that Python links is often that old
(`linked_version`).

A read-only connection never checkpoints, not even when it is the last to close: it would need a write lock on a
descriptor that cannot have one. So the `-wal` file it leaves behind is folded in by the next writer.
"""

import asyncio
import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiosqlite

T = TypeVar("T")

Synchronous = Literal["full", "normal", "off"]
"""`full`: a commit returns after an fsync of the WAL. `normal`: after a write; a power cut may lose the last ones.
`off`: nothing is ever synced, and a power cut may leave no database at all."""

FIRST_SAFE_VERSION = (3, 51, 3)
"""The first release without the WAL-reset bug (https://sqlite.org/wal.html)."""
BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for a lock. Only a foreign tool or a finishing checkpoint can hold one that matters."""
TRACE_TIMEOUT_MS = 200
"""How long to wait for readers before giving up, for now, to cut the WAL; writers wait as long."""
WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""Where the WAL file is cut back to after a checkpoint; without a limit it keeps its largest size ever for good
(https://sqlite.org/pragma.html#pragma_journal_size_limit)."""


class SchemaTooNew(Exception):
    """The file was written by a newer release. Use that release, or a copy of the data folder from before it."""


class Connection(aiosqlite.Connection):
    """aiosqlite's connection, able to do a whole piece of work in one trip to its thread.

    A trip costs tens of microseconds, and a transaction made of single awaits can be interleaved by another task's.
    The thread never holds up the process's exit.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=256)
        # aiosqlite's thread waits for ever for a close that an exception may have skipped; a process must still exit.
        self._thread.daemon = True

    def join(self) -> None:
        """Wait for the thread of a connection that failed to open, before its loop can be gone."""
        self._thread.join(timeout=BUSY_TIMEOUT_S)

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """`work(sqlite3_connection, *args)` on the connection's own thread.

        A cancelled caller stops waiting; the work itself is not undone, and a commit in it still lands.
        """
        result: T = await self._execute(work, self._conn, *args)  # type: ignore[no-untyped-call]
        return result


def linked_version() -> tuple[int, int, int]:
    """The version of SQLite this Python runs on; compare with FIRST_SAFE_VERSION."""
    major, minor, patch = sqlite3.sqlite_version_info
    return major, minor, patch


async def connect(
    path: Path,
    *,
    writer: bool,
    synchronous: Synchronous = "full",
    page_bytes: int = 4096,
    cache_bytes: int = 2 * 1024 * 1024,
    checkpoint_pages: int = 1000,
) -> Connection:
    """Open a file in WAL mode, made (0600) when a writer finds none.

    In autocommit mode: whoever wants a transaction says `begin immediate` and `commit`. `page_bytes` counts only for a
    new file, `checkpoint_pages` (WAL pages before a commit folds them in) only for the writer. Raises sqlite3.Error,
    also when a reader finds no file.
    """
    connection = Connection(partial(_open, path, writer, synchronous, page_bytes, cache_bytes, checkpoint_pages))
    try:
        await connection
    except (sqlite3.Error, OSError):
        connection.join()
        raise
    return connection


def _open(
    path: Path, writer: bool, synchronous: Synchronous, page_bytes: int, cache_bytes: int, checkpoint_pages: int
) -> sqlite3.Connection:
    if writer:
        path.touch(mode=0o600, exist_ok=True)
    uri = f"{path.absolute().as_uri()}?mode={'rw' if writer else 'ro'}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.create_function("crc32", 2, zlib.crc32, deterministic=True)  # for migrations
    try:
        for pragma in _pragmas(writer, synchronous, page_bytes, cache_bytes, checkpoint_pages):
            connection.execute(f"pragma {pragma}").close()
        _check_schema(connection)
    except sqlite3.Error:
        connection.close()
        raise
    except UnicodeDecodeError as error:  # SQLite's own message, quoting it
        connection.close()
        raise sqlite3.DatabaseError("the file's schema is damaged") from error
    return connection


def _pragmas(
    writer: bool, synchronous: Synchronous, page_bytes: int, cache_bytes: int, checkpoint_pages: int
) -> tuple[str, ...]:
    shared = (f"cache_size = {-(cache_bytes // 1024)}", "trusted_schema = off")
    if not writer:
        return (*shared, "query_only = on")
    return (
        f"page_size = {page_bytes}",  # before the first page is written, so before journal_mode
        "journal_mode = wal",
        f"synchronous = {synchronous}",
        f"wal_autocheckpoint = {checkpoint_pages}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        "secure_delete = on",  # what is deleted is overwritten (but for copies in pages that were split: `vacuum`)
        *shared,
    )


def migrations(folder: Traversable) -> list[tuple[int, str]]:
    """The schema steps in a folder of `0001_what.sql` files: number and SQL, in order, numbered 1, 2, 3 …"""
    found = sorted((int(each.name[:4]), each) for each in folder.iterdir() if each.name.endswith(".sql"))
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations in {folder} are not numbered 1 to {len(found)}")
    return [(number, each.read_text()) for number, each in found]


def statements(sql: str) -> Iterator[str]:
    """The single statements of a script. (`executescript` would commit the transaction it runs in.)"""
    so_far = ""
    for line in sql.splitlines(keepends=True):
        so_far += line
        if sqlite3.complete_statement(so_far):
            yield so_far
            so_far = ""
    if so_far.strip():
        yield so_far


async def migrate(connection: Connection, folder: Traversable) -> int:
    """Take the schema to the newest step, each in one transaction with its number (`pragma user_version`).

    Returns the version. Forward only: raises SchemaTooNew for a file that a newer release has touched.
    """
    return await connection.run(_migrate, migrations(folder))


async def schema_version(connection: Connection) -> int:
    """The number of the last migration applied; 0 for a file that nobody has set up yet."""
    return await connection.run(_schema_version)


def _schema_version(db: sqlite3.Connection) -> int:
    version: int = db.execute("pragma user_version").fetchone()[0]
    return version


def _migrate(db: sqlite3.Connection, steps: list[tuple[int, str]]) -> int:
    current = _schema_version(db)
    if current > len(steps):
        raise SchemaTooNew(f"the file has schema {current}, this release knows {len(steps)}")
    for number, sql in steps[current:]:
        with transaction(db):
            for statement in statements(sql):
                db.execute(statement)
            db.execute(f"pragma user_version = {number}")
            _seal_schema(db)
    if _schema_seal(db) == 0:  # an earlier release's
        with transaction(db):
            _seal_schema(db)
    return len(steps)


def _seal_schema(db: sqlite3.Connection) -> None:
    """Hold the schema to its words, in a header field that SQLite leaves to us.

    A flipped bit in the name of a column, or in what is unique, would else give other answers.
    """
    db.execute(f"pragma application_id = {_schema_checksum(db)}")


def _check_schema(db: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError for a schema that is not what was written. An earlier release's is not looked at."""
    db.execute("begin")  # so that nobody migrates in between
    try:
        seal = _schema_seal(db)
        if seal not in (0, _schema_checksum(db)):
            raise sqlite3.DatabaseError("the file's schema is damaged")
    finally:
        db.execute("rollback")


def _schema_seal(db: sqlite3.Connection) -> int:
    seal: int = db.execute("pragma application_id").fetchone()[0]
    return seal


def _schema_checksum(db: sqlite3.Connection) -> int:
    """31 bits, never 0, of everything in the schema but where it lies."""
    names = db.execute("select type, name, tbl_name, sql from sqlite_schema order by type, name").fetchall()
    return (zlib.crc32(repr(names).encode()) & 0x7FFFFFFF) or 1


def leave_no_trace(db: sqlite3.Connection) -> bool:
    """Fold the WAL into the file and cut it to nothing, so that what was deleted is in neither.

    False when a reader holds on to an older state: try again. Runs on the connection's thread.
    """
    db.execute(f"pragma busy_timeout = {TRACE_TIMEOUT_MS}").close()
    try:
        busy, _, _ = db.execute("pragma wal_checkpoint(truncate)").fetchone()
    finally:
        db.execute(f"pragma busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}").close()
    return not busy


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All the block's writes, committed at its end, or none; for work that runs on the connection's thread."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:  # SQLite rolls back by itself when the disk is full, but not after every error
            db.execute("rollback")
        raise


async def close_all(*connections: Connection | None) -> None:
    """Close in the order given, every one of them whatever happens to the others."""
    results = [await _close(each) for each in connections if each is not None]
    for error in results:
        if error is not None:
            raise error


async def _close(connection: Connection) -> sqlite3.Error | None:
    try:
        await asyncio.shield(connection.close())
    except sqlite3.Error as error:
        return error
    return None
