"""Records packed small: what the file holds, and what it takes to read it again."""

import contextlib
import sqlite3
import zlib
from pathlib import Path

import pytest
import zstandard

from collector.event import Derived, Event, Trust, to_record
from collector.log import CorruptRecord, Record
from collector.log import sqlite as module
from collector.log.packing import MAGIC, Dictionary, Packer, shipped
from collector.log.sqlite import SqliteLog

AT = "2026-03-02T08:00:00.000Z"
PAGE = {"url": "https://florist.example/bouquets/12", "path": "/bouquets/12", "title": "Tulips", "search": ""}


def page_view(nth: int) -> bytes:
    return to_record(
        Event(
            type="page",
            message_id=f"5a1f3c9e-7d42-4c1b-9a6e-{nth:012}",
            timestamp=AT,
            received_at=AT,
            source="default",
            trust=Trust.PUBLIC,
            anonymous_id="c2e96d04-da02-41eb-b114-576cf62c6f45",
            properties=PAGE,
            context={"page": PAGE, "locale": "de-DE", "library": {"name": "ariane.js", "version": "0.1.0"}},
            derived=Derived(browser="Firefox", os="Linux", page_url=PAGE["url"], channel="direct"),
        )
    )


def kept(path: Path) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [body for (body,) in db.execute("select body from records order by position")]


async def test_a_page_view_takes_a_third_of_its_bytes(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    views = [page_view(n) for n in range(50)]
    await log.append([Record("", each) for each in views])
    assert [each.body for each in await log.read(0, 0, 100)] == views
    await log.close()
    assert sum(map(len, kept(tmp_path / "log.db"))) < sum(map(len, views)) / 3


@pytest.mark.parametrize(
    "body", [b"", b"x", b"{}", MAGIC, MAGIC + b"no frame", zstandard.compress(b"a frame of its own" * 9), b"\0" * 9000]
)
async def test_any_bytes_come_back_as_they_were(body: bytes, tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    position = await log.append([Record("", body)])
    assert [each.body for each in await log.fetch([position])] == [body]
    await log.close()


async def test_records_kept_before_there_was_packing_are_read(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await log.append([Record("", b"x")])
    await log.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as db:
        view = page_view(1)
        db.execute("update records set body = ?, crc = ?", (view, zlib.crc32(view, 1)))
        db.commit()
    log = await SqliteLog.open(tmp_path / "log.db", writer=False)
    assert [each.body for each in await log.read(0, 0, 10)] == [view]
    await log.close()


async def test_a_log_is_read_with_the_dictionaries_it_was_written_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader_first = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await reader_first.append([Record("", page_view(1))])
    await reader_first.close()
    reader = await SqliteLog.open(tmp_path / "log.db", writer=False)
    assert len(await reader.read(0, 0, 10)) == 1
    other = zstandard.train_dictionary(4096, [page_view(n) + bytes(str(n * 7919), "ascii") * 9 for n in range(2000)])
    monkeypatch.setattr(module, "shipped", lambda: Dictionary(other.dict_id(), other.as_bytes()))
    newer = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await newer.append([Record("", page_view(2))])
    numbers = [zstandard.get_frame_parameters(each).dict_id for each in kept(tmp_path / "log.db")]
    assert numbers == [shipped().number, other.dict_id()]
    for each in (newer, reader):  # the reader was there before the newer dictionary
        assert [stored.body for stored in await each.read(0, 0, 10)] == [page_view(1), page_view(2)]
        await each.close()


async def test_a_damaged_dictionary_serves_nothing(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True)
    await log.append([Record("", page_view(1))])
    await log.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as db:
        (body,) = db.execute("select body from dictionaries").fetchone()
        db.execute("update dictionaries set body = ?", (body[:9000] + b"?" + body[9001:],))
        db.commit()
    log = await SqliteLog.open(tmp_path / "log.db", writer=False)
    with pytest.raises(CorruptRecord):
        await log.read(0, 0, 10)
    await log.close()


def test_packing_makes_nothing_larger() -> None:
    packer = Packer(shipped())
    for body in (b"", b"a", b'{"type":"page"}', bytes(range(256))):
        assert len(packer.pack(body)) <= len(body)
