"""Rows of the SQLite store, packed small."""

import contextlib
import sqlite3
from pathlib import Path

from collector.event import Event, Trust, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from sessionizer.state import Refs, encode
from sessionizer.store.packing import MAGIC, RowPacker, RowUnpacker
from sessionizer.store.sqlite import SqliteStore
from sessionizer.store.sqlite_seals import allow_sealing, unseal
from sessionizer.worker import Worker


def view(nth: int) -> Record:
    at = f"2026-03-02T08:{nth:02}:00.000Z"
    return Record(
        "",
        to_record(
            Event(
                type="page",
                message_id=f"9b0de4f1-5c77-4e0b-8f3a-{nth:012}",
                timestamp=at,
                received_at=at,
                source="florist",
                trust=Trust.PUBLIC,
                anonymous_id="3f1c2ab4-77de-4d0e-9c55-0a6b1f2e8d90",
            )
        ),
    )


async def fold(path: Path, count: int) -> None:
    log, store = MemoryLog(), await SqliteStore.open(path, writer=True)
    await log.append([view(nth) for nth in range(count)])
    await Worker(log, store).catch_up()
    await store.close()


def rows(path: Path) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [unseal(row, key) for row, key in db.execute("select record, key from visitors")]


async def test_a_visitor_takes_less_than_half_of_what_its_record_has(tmp_path: Path) -> None:
    await fold(tmp_path / "store.db", 5)
    (row,) = rows(tmp_path / "store.db")
    assert row.startswith(MAGIC)
    assert len(row) < len(RowUnpacker().unpack(row)) / 2


async def test_rows_kept_before_there_was_packing_are_read(tmp_path: Path) -> None:
    await fold(tmp_path / "store.db", 5)
    (row,) = rows(tmp_path / "store.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as db:
        allow_sealing(db)
        db.execute("update visitors set record = seal(?, key, 0)", (RowUnpacker().unpack(row),))
        db.commit()
    store = await SqliteStore.open(tmp_path / "store.db", writer=False)
    async with store.snapshot() as snapshot:
        (visitor,) = (await snapshot.visitors(await snapshot.keys("", 10))).values()
    assert visitor.events == 5
    await store.close()


def test_what_cannot_be_packed_smaller_is_kept_as_it_is() -> None:
    empty = Refs()
    assert RowPacker().pack(empty) == encode(empty)
    assert RowUnpacker().unpack(encode(empty)) == encode(empty)
