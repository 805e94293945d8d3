"""However a visitor's events come in, one by one, late, in batches or all at once, what is kept of it is the same."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Contact, Event, StoredEvent, Trust, from_record_lazily, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import pipeline, slices
from sessionizer.evidence import Happening, Read, proves, take_apart
from sessionizer.people import FoldedPeople
from sessionizer.pipeline import Known
from sessionizer.state import Refs, Session, Slice, Visitor, VisitorChange
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.histories import arrivals, histories
from tests.worked_cases import all_cases, events_of

EXPORTS = ("profiles", "events", "sessions")
MANY = 10_000
Kept = tuple[Any, ...]
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
sizes = st.lists(st.integers(1, 6), max_size=8)


def kept(
    record: Visitor, chunks: Sequence[Refs], closed: Iterable[Slice], ended: Iterable[Session], index: dict[str, bool]
) -> Kept:
    """Everything kept of a visitor, with slices and sessions named by their order instead of by number."""
    parts = sorted([*closed, *([record.slice] if record.slice else [])], key=lambda each: each.first)
    runs = sorted([*ended, *([record.session] if record.session else [])], key=lambda each: each.first)
    open_ones = (
        record.slice is not None and parts[-1] is record.slice,
        record.session is not None and runs[-1] is record.session,
    )
    for run in runs:
        run.number = run.began_in = 0
    for part in parts:
        part.number = 0
    refs = [*chunks, record.tail]
    columns = (
        b"".join(each.ids for each in refs),
        [t for each in refs for t in each.times],
        [p for each in refs for p in each.positions],
    )
    return (
        record.device,
        record.events,
        open_ones,
        columns,
        [msgspec.to_builtins(each) for each in parts],
        [msgspec.to_builtins(each) for each in runs],
        index,
    )


async def kept_in(store: MemoryStore) -> dict[str, Kept]:
    """By visitor's key."""
    async with store.snapshot() as snapshot:
        keys = await snapshot.keys("", MANY)
        records, chunks = await snapshot.visitors(keys), await snapshot.chunks(keys)
        parts, runs = await snapshot.slices(keys), await snapshot.sessions(keys)
    return {
        key: kept(records[key], chunks.get(key, ()), parts.get(key, ()), runs.get(key, ()), store.visitors[key].index)
        for key in keys
    }


def kept_of(change: VisitorChange) -> Kept:
    ordered_chunks = [change.chunks[number] for number in sorted(change.chunks)]
    return kept(change.record, ordered_chunks, change.slices.values(), change.sessions.values(), change.index)


def records_of(history: Iterable[Event]) -> list[Record]:
    return [Record(event.anonymous_id or "", to_record(event)) for event in history]


async def folded(history: Sequence[Event], batches: Sequence[int]) -> tuple[MemoryLog, MemoryStore]:
    """A log of the history, folded after each batch of these sizes, and at the end."""
    log, store = MemoryLog(), MemoryStore()
    worker = Worker(log, store, batch=5)
    rest = records_of(history)
    for size in [*batches, len(rest)]:
        batch, rest = rest[:size], rest[size:]
        await log.append(batch)
        await worker.catch_up()
    return log, store


async def exports_of(log: MemoryLog, store: MemoryStore) -> dict[str, bytes]:
    people = FoldedPeople(store, log)
    return {what: b"".join([chunk async for chunk in people.export(what)]) for what in EXPORTS}


def fold_at_once(read: Read) -> dict[str, Kept]:
    """By the definition: each visitor's events in order, through `slices.fold`."""
    retracted = _retracted(read)
    by_visitor = pipeline.sort(read.happenings, Known({}, {}, {}, set(), set())).fresh
    every = [each for happenings in by_visitor.values() for each in happenings]
    protected = {name for each in every if each.message_id not in retracted for name in proves(each.event)}
    return {
        key: kept_of(slices.fold(happenings[0].device, _ordered(happenings), retracted, protected))
        for key, happenings in by_visitor.items()
    }


def _ordered(happenings: Sequence[Happening]) -> list[Happening]:
    return sorted(happenings, key=lambda each: each.key)


def _retracted(read: Read) -> set[str]:
    """What the retractions name; the first of two with one id counts (rule 1)."""
    first: dict[tuple[str, str], StoredEvent] = {}
    for event in read.retractions:
        first.setdefault((event.source, event.message_id), event)
    return {each for event in first.values() for each in msgspec.json.decode(event.properties)["message_ids"]}


@given(st.data(), histories(), sizes)
@slow
def test_events_added_one_by_one_or_in_batches_leave_what_folding_them_at_once_leaves(
    data: st.DataObject, history: list[Event], batches: list[int]
) -> None:
    async def run() -> None:
        log, store = await folded(data.draw(arrivals(history)), data.draw(st.sampled_from((batches, [1] * MANY))))
        read = take_apart(await log.read(0, 0, MANY))
        assert await kept_in(store) == fold_at_once(read)

    asyncio.run(run())


@given(histories(), sizes, sizes)
@slow
def test_a_replay_in_any_batches_gives_the_same_bytes(history: list[Event], one: list[int], other: list[int]) -> None:
    async def run() -> None:
        log, store = await folded(history, one)
        log_again, store_again = await folded(history, other)
        assert await exports_of(log, store) == await exports_of(log_again, store_again)
        assert await kept_in(store) == await kept_in(store_again)
        for counted in ("stored", "duplicate", "retraction", "quarantined"):
            assert store.books.get(counted, 0) == store_again.books.get(counted, 0), counted

    asyncio.run(run())


@given(histories(), sizes)
@slow
def test_everything_twice_changes_nothing_but_the_count_of_duplicates(history: list[Event], batches: list[int]) -> None:
    async def run() -> None:
        log, store = await folded(history, batches)
        before, kept_before = await exports_of(log, store), await kept_in(store)
        await log.append(records_of(history))
        await Worker(log, store).catch_up()
        assert await exports_of(log, store) == before
        assert await kept_in(store) == kept_before
        stored = store.books["stored"] + store.books["retraction"]
        assert stored + store.books["duplicate"] == 2 * len(history)

    asyncio.run(run())


def test_a_visitor_with_thousands_of_events_is_appended_to_and_folded_alike() -> None:
    """Many chunks of references, with a late event far in the past."""

    async def run() -> None:
        def view(nth: int, seconds: int) -> Event:
            at = clock.to_text(1_770_000_000_000 + seconds * 1000)
            return Event(
                type="page",
                message_id=f"m{nth}",
                timestamp=at,
                received_at=at,
                source="default",
                trust=Trust.PUBLIC,
                anonymous_id="d1",
            )

        history = [view(nth, nth * 600) for nth in range(700)] + [view(1000, 601), view(1001, -5), view(1002, 300_000)]
        log, store = await folded(history, [400, 1, 299, 1, 1])
        assert await kept_in(store) == fold_at_once(take_apart(await log.read(0, 0, MANY)))

    asyncio.run(run())


def test_a_record_is_decoded_as_it_was_written() -> None:
    """The lazily decoded event says what the canonical one says."""
    for case in all_cases():
        for event in events_of(case):
            lazily = from_record_lazily(to_record(event))
            same: Mapping[str, Any] = {
                name: getattr(event, name) for name in ("message_id", "user_id", "contacts", "trust")
            }
            assert {name: getattr(lazily, name) for name in same} == same


def test_a_claim_that_comes_late_stands_where_it_would_have_stood_in_time() -> None:
    def said(message_id: str, seconds: int, **fields: Any) -> Event:
        at = clock.to_text(1_770_000_000_000 + seconds * 1000)
        about = {"timestamp": at, "received_at": at, "source": "default", "trust": Trust.PUBLIC, "anonymous_id": "d1"}
        return Event(type="page", message_id=message_id, **(about | fields))

    signed, email = (Contact(type="email", value="a@x.org", signed=is_signed) for is_signed in (True, False))
    proof = {"trust": Trust.PROVEN, "anonymous_id": "hers", "user_id": "jane", "contacts": (signed,)}
    history = [
        said("m0", 0),
        said("proof", 1, **proof),
        said("m3", 900),
        said("m2", 60, user_id="jane"),
        said("m1", 10, contacts=(email,)),
    ]

    async def run() -> None:
        _, together = await folded(history, [])  # one batch, put in order
        _, one_by_one = await folded(history, [1] * len(history))
        assert await kept_in(one_by_one) == await kept_in(together)

    asyncio.run(run())
