"""The worker goes on: past records nobody can read or fold, past a store that is busy, past another worker."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.event import Event, Trust, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from collector.log.sqlite import SqliteLog
from collector.runtime import clock
from sessionizer import worker as worker_module
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store import Commit, StoreUnavailable
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.folding import everything

DEVICE = Who("anonymous_id", "d1")


def event(nth: int, seconds: float | None = None, **fields: Any) -> Event:
    """A page view of one device, or whatever the fields say."""
    at = clock.to_text(1_770_000_000_000 + round((nth if seconds is None else seconds) * 1000))
    said = {"type": "page", "source": "default", "trust": Trust.PUBLIC, "anonymous_id": "d1", **fields}
    return Event(message_id=f"m{nth}", timestamp=at, received_at=at, **said)


def record(each: Event) -> Record:
    return Record(each.anonymous_id or "", to_record(each))


def poison(nth: int) -> Record:
    """Readable as an event, and no edge would have stored it: properties that are no object."""
    raw = msgspec.json.decode(to_record(event(nth, type="track", event="Order Completed")))
    return Record("d1", msgspec.json.encode({**raw, "properties": 7}))


async def views(store: MemoryStore, log: EventLog) -> int:
    profile = await FoldedPeople(store, log).profile(DEVICE)
    return profile.totals.page_views if profile is not None else 0


async def quarantined(store: MemoryStore) -> dict[int, str]:
    async with store.snapshot() as snapshot:
        return dict(await snapshot.quarantined())


async def test_catching_up_folds_everything_and_says_how_many() -> None:
    log, store = MemoryLog(), MemoryStore()
    await log.append([record(event(nth)) for nth in range(25)])
    assert await Worker(log, store, batch=10).catch_up() == 25
    assert await store.position() == 25
    assert await views(store, log) == 25
    assert await Worker(log, store).catch_up() == 0


async def test_while_many_wait_more_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "BATCH", 4)
    monkeypatch.setattr(worker_module, "MOST", 10)
    log, store = MemoryLog(), MemoryStore()
    await log.append([record(event(nth)) for nth in range(31)])
    worker = Worker(log, store)
    assert [await worker.step(0.0) for _ in range(5)] == [4, 8, 10, 9, 0]
    await log.append([record(event(nth)) for nth in range(31, 37)])
    assert [await worker.step(0.0) for _ in range(3)] == [4, 2, 0]


async def test_a_copy_that_comes_a_year_later_changes_nothing_and_stops_nothing() -> None:
    log, store = MemoryLog(), MemoryStore()
    year = [record(event(nth, seconds=nth * 5 * 86_400)) for nth in range(75)]
    await log.append(year)
    worker = Worker(log, store, batch=20)
    await worker.catch_up()
    before = await everything(FoldedPeople(store, log))
    await log.append([each for each in year for _ in range(2)])
    for _ in range(40):
        await worker.step(0.0)
    assert await store.position() == await log.end() == 225
    assert await everything(FoldedPeople(store, log)) == before
    async with store.snapshot() as snapshot:
        counts = await snapshot.counts()
    assert (counts["stored"], counts["duplicate"]) == (75, 150)


@pytest.mark.parametrize("bad", [b"not json", b"{}", b"[]", b"\xff", b'{"type": 7}'])
async def test_a_record_that_is_no_event_is_set_aside_and_stops_nothing(bad: bytes) -> None:
    log, store = MemoryLog(), MemoryStore()
    await log.append([record(event(1)), Record("d1", bad), record(event(3))])
    await Worker(log, store).catch_up()
    assert await views(store, log) == 2
    ((position, why),) = (await quarantined(store)).items()
    assert (position, why.startswith("unreadable: ")) == (2, True)


@pytest.mark.parametrize("batch", [1, 3, 2000])
async def test_an_event_that_cannot_be_folded_is_set_aside_with_its_reason_and_stops_nothing(batch: int) -> None:
    log, store = MemoryLog(), MemoryStore()
    good = [record(event(nth)) for nth in range(9)]
    await log.append([poison(100), *good[:4], poison(101), *good[4:], poison(102)])
    await Worker(log, store, batch=batch).catch_up()
    assert await store.position() == 12
    assert await views(store, log) == 9
    found = await quarantined(store)
    assert list(found) == [1, 6, 12]
    assert all(why.startswith("ValidationError: ") for why in found.values())
    async with store.snapshot() as snapshot:
        counts = await snapshot.counts()
    assert (counts["stored"], counts["quarantined"]) == (9, 3)


async def corrupted(folder: Path, records: Sequence[Record], position: int) -> SqliteLog:
    """A log of these records, one of which rotted on the disk."""
    log = await SqliteLog.open(folder / "log.db", writer=True, run_dir=folder)
    await log.append(records)
    await log.close()
    rot(folder, position)
    return await SqliteLog.open(folder / "log.db", writer=True, run_dir=folder)


def rot(folder: Path, position: int) -> None:
    with contextlib.closing(sqlite3.connect(folder / "log.db")) as db, db:
        assert (
            db.execute("update records set body = cast(body || 'x' as blob) where position = ?", (position,)).rowcount
            == 1
        )


@pytest.mark.parametrize("batch", [1, 4, 2000])
async def test_a_damaged_record_is_skipped_and_set_aside(tmp_path: Path, batch: int) -> None:
    log = await corrupted(tmp_path, [record(event(nth)) for nth in range(1, 9)], 5)
    store = MemoryStore()
    async with asyncio.timeout(20):
        await Worker(log, store, batch=batch).catch_up()
    assert await store.position() == 8
    assert await views(store, log) == 7
    assert list(await quarantined(store)) == [5]
    await log.close()


async def test_a_record_that_rots_after_it_was_folded_never_moves_the_position_back(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, run_dir=tmp_path)
    store = MemoryStore()
    worker = Worker(log, store)
    await log.append([record(event(nth)) for nth in range(1, 5)])
    await worker.catch_up()
    await log.close()
    rot(tmp_path, 2)
    log = await SqliteLog.open(tmp_path / "log.db", writer=True, run_dir=tmp_path)
    worker = Worker(log, store)
    logout = event(5, seconds=2.5, type="track", event="Logged Out")  # late, and a cut: needs the visitor's whole past
    await log.append([record(logout), record(event(6, anonymous_id="d2"))])
    async with asyncio.timeout(20):
        await worker.catch_up()
    assert await store.position() == 6
    assert list(await quarantined(store)) == [5]
    assert (await FoldedPeople(store, log).profile(Who("anonymous_id", "d2"))) is not None, "others go on"
    await log.close()


class FullDisk(MemoryStore):
    """A store on a disk that is full for the first commits."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    async def commit(self, commit: Commit) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("database or disk is full")
        await super().commit(commit)


async def test_a_store_that_cannot_be_written_is_tried_again_and_nothing_is_set_aside() -> None:
    log, store = MemoryLog(), FullDisk(1)
    await log.append([record(event(nth)) for nth in range(3)])
    running = asyncio.create_task(Worker(log, store).run())
    async with asyncio.timeout(10):
        while await store.position() < 3:
            await store.wait(1.0)
    running.cancel()
    await asyncio.wait([running])
    assert store.failures == 0
    assert await views(store, log) == 3
    assert await quarantined(store) == {}


async def test_a_running_worker_folds_what_comes_while_it_waits() -> None:
    log, store = MemoryLog(), MemoryStore()
    running = asyncio.create_task(Worker(log, store).run())
    async with asyncio.timeout(10):
        for nth in range(1, 20):
            await log.append([record(event(nth))])
            while await store.position() < nth:
                await store.wait(1.0)
    running.cancel()
    await asyncio.wait([running])
    assert await views(store, log) == 19


async def test_two_workers_on_one_store_fold_everything_once() -> None:
    log, store = MemoryLog(), MemoryStore()
    await log.append([record(event(nth)) for nth in range(200)])
    await asyncio.gather(*(Worker(log, store, batch=7).catch_up() for _ in range(3)))
    assert await views(store, log) == 200
    async with store.snapshot() as snapshot:
        assert (await snapshot.counts())["stored"] == 200


odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ("1e999999999", "-1e-999999999", "0e999999999", "9" * 400, "NaN", "Infinity", 10**400, 1e308, "１２")
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
property_names = st.sampled_from(
    (
        "order_id",
        "revenue",
        "total",
        "currency",
        "products",
        "product_id",
        "sku",
        "quantity",
        "price",
        "name",
        "engaged_ms",
    )
)
odd_products = st.lists(st.dictionaries(property_names, odd_values, max_size=4), max_size=3)
odd_properties = st.dictionaries(property_names, odd_values | odd_products, max_size=6)
odd_events = st.builds(
    lambda nth, name, properties, traits, context: (
        lambda: event(
            nth,
            type="identify" if name is None else "track",
            event=name,
            properties=properties,
            traits=traits,
            context=context,
        )
    ),
    st.integers(0, 50),
    st.sampled_from(
        (None, "Order Completed", "Order Refunded", "Product Added", "Product Removed", "Cart Viewed", "X")
    ),
    odd_properties,
    st.dictionaries(st.text(max_size=6), odd_values, max_size=3),
    st.dictionaries(st.sampled_from(("traits", "page", "x")), odd_values, max_size=2),
)


@given(st.lists(odd_events, min_size=1, max_size=6))
@settings(deadline=None)
def test_whatever_properties_an_event_has_it_is_folded_and_shown(made: list[Callable[[], Event]]) -> None:
    async def run() -> None:
        log, store = MemoryLog(), MemoryStore()
        await log.append([record(make()) for make in made])
        await Worker(log, store).catch_up()
        assert await quarantined(store) == {}
        people = FoldedPeople(store, log)
        for what in ("profiles", "events", "sessions"):
            assert b"".join([chunk async for chunk in people.export(what)])

    asyncio.run(run())
