"""Where a late event moves cuts, only the stretches around it are folded again, to what folding everything gives."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.event import Derived, Event, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from sessionizer import mending, runs, state
from sessionizer.decision import Decision
from sessionizer.erasures import Erasures
from sessionizer.evidence import take_apart
from sessionizer.people import FoldedPeople
from sessionizer.store import Damaged, ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.folding import as_bytes, check, everything, few_are_many, fold_in_memory
from tests.histories import BASE_MS, histories, visits
from tests.oracle import Most
from tests.sessionizer import test_facts
from tests.sessionizer.test_late_events import LOGOUT, MINUTE_MS, STORIES, event, mail

steps = st.sampled_from([(1,) * 60, (2,) * 30, (5,) * 12])
"""Sizes of the batches in which a history comes: small ones, to its end."""


@contextmanager
def always(of_a_run: int = runs.EVENTS) -> Iterator[None]:
    """Mend visitors however few events they have; with runs of so many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mending, "LEAST_EVENTS", 0)
        if of_a_run != runs.EVENTS:
            patch.setattr(runs, "EVENTS", of_a_run)
            patch.setattr(runs, "LONG", 2)
        yield


def visits_at_a_kiosk(count: int) -> list[Event]:
    """Visits of ten events each: a login, eight pages, a logout. Fewer users than would make it a shared device."""
    made = []
    for nth in range(count):
        start = 60 * nth
        made.append(event(f"v{nth:03}a", start, user_id=f"u{nth % 7}"))
        made += [event(f"v{nth:03}b{page}", start + 1 + page) for page in range(8)]
        made.append(event(f"v{nth:03}c", start + 10, **LOGOUT))
    return made


def long_stay(chance: Random) -> tuple[list[Event], list[Event]]:
    """Fifty events of hardly anybody on one device, in order; and a few that come late, most of them cutting."""
    names = chance.choice(((None,), ("jane",), (None, None, None, None, "jane")))
    minutes = list(accumulate(chance.choice((1, 5, 29, 31)) for _ in range(50)))
    stay = [_of_the_stay(chance, f"s{nth:02}", minute, chance.choice(names)) for nth, minute in enumerate(minutes)]
    late: list[Event] = []
    for nth in range(chance.randint(1, 6)):
        minute = chance.choice(minutes) + chance.choice((0, 0.5, 30))
        match chance.randint(0, 5):
            case 0 | 1 | 2:
                late.append(event(f"t{nth}", minute, **LOGOUT))
            case 3:
                late.append(event(f"t{nth}", minute, user_id=chance.choice(("jane", "joe", "jim"))))
            case _:
                late.append(_of_the_stay(chance, f"t{nth}", minute, None))
    return stay, late


def _of_the_stay(chance: Random, message_id: str, minute: float, user: str | None) -> Event:
    what: dict[str, Any] = {"derived": Derived(channel=chance.choice((None, "email")), browser=message_id)}
    match chance.randint(0, 9):
        case 0:
            name = chance.choice(("Order Completed", "Order Refunded", "Product Added", "Cart Viewed"))
            about = {"order_id": chance.choice(("O1", "O2", None)), "revenue": "5.10", "product_id": "A", "price": 2}
            what |= {"type": "track", "event": name, "properties": about}
        case 1:
            what |= {"type": "identify", "traits": {"plan": message_id}}
        case 2:
            what |= {"contacts": mail(chance.choice(("a@x.org", "a@x.org", "b@x.org")))}
    return event(message_id, minute, user_id=user, **what)


@given(st.one_of(visits(60), visits(60), histories()), steps)
@settings(max_examples=60)
def test_mended_visitors_are_what_the_oracle_says(history: list[Event], sizes: Sequence[int]) -> None:
    with always():
        check(history, sizes)


@given(st.one_of(visits(60), histories()), steps, st.integers(2, 4), st.integers(0, 3))
@settings(max_examples=60)
def test_so_they_are_where_long_slices_are_parted_at_runs(
    history: list[Event], sizes: Sequence[int], of_a_run: int, users: int
) -> None:
    with always(of_a_run):
        check(history, sizes, Most(users_of_device=users or Most().users_of_device))


@given(seed=st.integers(0, 2**32), of_a_run=st.integers(2, 5))
@example(seed=283, of_a_run=5)  # the open session stays as it is, and another is open after it
@settings(max_examples=60)
def test_a_long_stay_is_parted_to_what_the_oracle_says(seed: int, of_a_run: int) -> None:
    chance = Random(seed)
    stay, late = long_stay(chance)
    with always(of_a_run):
        check([*stay, *late], [len(stay), *(chance.randint(1, 2) for _ in late)], Most(users_of_device=4))


@given(st.one_of(visits(60), histories()), steps, st.integers(0, 2))
@settings(max_examples=40)
def test_so_they_are_on_shared_devices(history: list[Event], sizes: Sequence[int], users: int) -> None:
    with always():
        check(history, sizes, Most(users_of_device=users))


@given(visits(40), steps, st.sampled_from([2, 3, runs.EVENTS]))
@settings(max_examples=60)
def test_what_is_published_of_mended_visitors_gives_the_sessions_there_are(
    history: list[Event], sizes: Sequence[int], of_a_run: int
) -> None:
    with always(of_a_run):
        asyncio.run(test_facts.follow_along(history, list(sizes), MemoryStore(), []))


LATE = {
    "a logout in the middle of a visit": event("late", 60 * 20 + 4.5, **LOGOUT),
    "a logout between two visits": event("late", 60 * 20 + 40, **LOGOUT),
    "a logout before all visits": event("late", -60, **LOGOUT),
    "another user in the middle of a visit": event("late", 60 * 20 + 4.5, user_id="u9"),
    "the next visit's user in the middle of a visit": event("late", 60 * 20 + 4.5, user_id="u0"),
    "another user before a visit's login": event("late", 60 * 20 - 5, user_id="u9"),
    "an e-mail before a visit's login": event("late", 60 * 20 - 5, contacts=mail("a@x.org")),
    "a login at the moment of another": event("v020aa", 60 * 20, user_id="u9"),
    "a logout in the last visit": event("late", 60 * 39 + 4.5, **LOGOUT),
}


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("backend", ["memory", "sqlite"])
async def test_a_late_event_is_mended_from_few_events(name: str, backend: str, tmp_path: object) -> None:
    before = visits_at_a_kiosk(40)
    store = MemoryStore() if backend == "memory" else await open_store(f"sqlite:{tmp_path}/store.db", writer=True)
    try:
        log = Counting()
        await told(log, store, before)
        log.fetched.clear()
        await told(log, store, [LATE[name]])
        assert len(log.fetched) <= 22, "two visits, and the event after them"
        found = await everything(FoldedPeople(store, log))
    finally:
        await store.close()
    assert as_bytes(found) == await in_one_go([LATE[name], *before])


@pytest.mark.parametrize("seed", range(3))
def test_visits_that_come_in_any_order_are_mended_to_the_same_bytes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "LEAST_EVENTS", 20)
    history = visits_at_a_kiosk(40)
    in_time = as_bytes(fold_in_memory(history, []))
    Random(seed).shuffle(history)
    assert as_bytes(fold_in_memory(history, [1, 2, 5] * 50)) == in_time


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@pytest.mark.parametrize("every", [1, 40])
async def test_a_long_stretch_is_parted_without_reading_it_again(backend: str, every: int, tmp_path: object) -> None:
    """Pages a minute, or forty minutes, apart: in one long session, or each in its own."""
    before = [event(f"p{nth:04}", nth * every, user_id="jane") for nth in range(6000)]
    late = event("late", 3000.5 * every, **LOGOUT)
    store = MemoryStore() if backend == "memory" else await open_store(f"sqlite:{tmp_path}/store.db", writer=True)
    try:
        log = Counting()
        await told(log, store, before)
        log.fetched.clear()
        await told(log, store, [late])
        assert len(log.fetched) <= runs.LONG + 2 * runs.EVENTS + 1
        found = await everything(FoldedPeople(store, log))
    finally:
        await store.close()
    assert as_bytes(found) == await in_one_go([late, *before])


def test_references_that_pile_up_in_one_place_are_spread_again() -> None:
    late = [event(f"late{nth:03}", 60 * 20 + 4.5 + nth / 1000, user_id=f"u{nth % 2}") for nth in range(600)]
    history = [*visits_at_a_kiosk(40), *reversed(late)]
    log, store = MemoryLog(), MemoryStore()

    async def run() -> None:
        await told(log, store, history[:400])
        for start in range(400, len(history), 50):
            await told(log, store, history[start : start + 50])
        async with store.snapshot() as snapshot:
            chunks = (await snapshot.chunks(["dd1"]))["dd1"]
        assert max(map(len, chunks)) <= state.MAX_CHUNK
        assert as_bytes(await everything(FoldedPeople(store, log))) == await in_one_go(history)

    asyncio.run(run())


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("of_a_run", [2, 5, runs.EVENTS])
def test_a_late_event_mended_is_as_if_it_had_been_in_time(name: str, of_a_run: int) -> None:
    before, late = STORIES[name]
    with always(of_a_run), few_are_many(Most()):
        check([*before, late], [1] * len(before))


@pytest.mark.parametrize("minute", [2, 99])
async def test_a_run_that_begins_with_no_event_of_its_visitor_is_damage(minute: int) -> None:
    """In the moment of one that is, or after all of them."""
    log, store = MemoryLog(), MemoryStore()
    with always(2):
        await told(log, store, [event(f"m{nth}", nth, user_id="jane") for nth in range(6)])
        run = state.decode_run(store.visitors["dd1"].runs[0])
        run.slice.first = (BASE_MS + minute * MINUTE_MS, "m", "default", False)
        store.visitors["dd1"].runs[0] = state.encode(run)
        await log.append([Record("d1", to_record(event("late", 0.5, **LOGOUT)))])
        async with store.snapshot() as snapshot:
            with pytest.raises(Damaged):
                await Decision(log, snapshot, Erasures(log)).of(take_apart(await log.read(0, 6, 1)))


class Counting(MemoryLog):
    """A log that notes which records are read again."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[int] = []

    async def fetch(self, positions: Sequence[int]) -> list[object]:  # type: ignore[override]
        self.fetched += positions
        return await super().fetch(positions)  # type: ignore[return-value]


async def in_one_go(history: Sequence[Event]) -> dict[str, bytes]:
    """The exports after one batch with everything."""
    log, store = MemoryLog(), MemoryStore()
    await told(log, store, history)
    return as_bytes(await everything(FoldedPeople(store, log)))


async def told(log: EventLog, store: ProfileStore, events: Sequence[Event]) -> None:
    """Append these events, and fold them."""
    await log.append([Record(each.anonymous_id or "", to_record(each)) for each in events])
    await Worker(log, store).catch_up()
