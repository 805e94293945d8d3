"""As of a moment, everything is as if nothing had been received later: today's store agrees with one fed only that."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import RETRACTION, Contact, Event, Trust, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import exporting
from sessionizer.as_of import AsOfSnapshot
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.store.sqlite import SqliteStore
from sessionizer.worker import Worker
from tests.histories import histories

EXPORTS = ("events", "sessions")
"""With the profile id in every row. (The list of all profiles goes by the ids that have been handed out.)"""
BACKENDS = ("memory", "sqlite")


@asynccontextmanager
async def opened(backend: str) -> Any:
    """An empty store."""
    if backend == "memory":
        yield MemoryStore()
        return
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "store.db", writer=True)
        try:
            yield store
        finally:
            await store.close()


async def folded(history: Sequence[Event], store: ProfileStore, batch: int = 5) -> MemoryLog:
    """The log of this history, folded into the store."""
    log = MemoryLog()
    await log.append([Record(event.anonymous_id or "", to_record(event)) for event in history])
    await Worker(log, store, batch=batch).catch_up()
    return log


async def exported(what: str, snapshot: Any, log: MemoryLog) -> bytes:
    return b"".join([chunk async for chunk in exporting.lines(what, snapshot, log)])


def everybody(history: Sequence[Event]) -> set[Who]:
    """Every identifier anybody could ask for."""
    named = {("anonymous_id", event.anonymous_id) for event in history}
    named |= {("user_id", user) for event in history for user in (event.user_id, event.previous_id)}
    named |= {(contact.type, contact.value) for event in history for contact in event.contacts}
    return {Who(kind, value) for kind, value in named if value is not None}


async def answers(people: FoldedPeople, who: Who, as_of_ms: int | None) -> list[Any]:
    return [
        await people.profile(who, as_of_ms=as_of_ms),
        await people.timeline(who, limit=100, as_of_ms=as_of_ms),
        await people.sessions(who, limit=100, newest_first=False, as_of_ms=as_of_ms),
    ]


async def id_is_known(store: ProfileStore, profile_id: str) -> bool:
    """Whether the id was ever handed out: one that stood between two commits was not."""
    async with store.snapshot() as snapshot:
        return await snapshot.root(profile_id) is not None


async def compare(history: Sequence[Event], moment: str, backend: str) -> None:
    """Ask today's store about a moment, and compare with a store that was fed only what had been received by then."""
    async with opened(backend) as store:
        log = await folded(history, store)
        past = [event for event in history if event.received_at <= moment]
        then = MemoryStore()
        log_then = await folded(past, then)
        as_of_ms = clock.from_text(moment)
        async with store.snapshot() as today, then.snapshot() as expected:
            for what in EXPORTS:
                as_of = AsOfSnapshot(today, log, as_of_ms)
                assert await exported(what, as_of, log) == await exported(what, expected, log_then)
        people, people_then = FoldedPeople(store, log), FoldedPeople(then, log_then)
        for who in everybody(history):
            found = await answers(people, who, as_of_ms)
            assert found == await answers(people_then, who, None)
            if found[0] is not None and await id_is_known(store, found[0].profile_id):
                assert await answers(people, Who("profile_id", found[0].profile_id), as_of_ms) == found


def together(history: list[Event], same: Sequence[bool]) -> list[Event]:
    """Some events are received in the same millisecond as the one before."""
    received_at = history[0].received_at
    told = []
    for event, with_the_one_before in zip(history, same, strict=False):
        received_at = received_at if with_the_one_before else event.received_at
        told.append(msgspec.structs.replace(event, received_at=received_at))
    return told


def _check(data: st.DataObject, history: list[Event], backend: str) -> None:
    history = together(history, data.draw(st.lists(st.booleans(), min_size=len(history), max_size=len(history))))
    moment = data.draw(st.sampled_from(sorted({event.received_at for event in history})))
    asyncio.run(compare(history, moment, backend))


@given(st.data(), histories())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_past_is_as_if_nothing_had_been_received_later(data: st.DataObject, history: list[Event]) -> None:
    _check(data, history, "memory")


@given(st.data(), histories())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_so_it_is_on_sqlite(data: st.DataObject, history: list[Event]) -> None:
    _check(data, history, "sqlite")


# ---- one by one


def said(n: int, **fields: Any) -> Event:
    """The event that happened, and was received, at minute n."""
    at = clock.to_text(clock.from_text("2026-03-02T08:00:00Z") + n * 60_000)
    told = {"type": "identify", "message_id": f"m{n}", "source": "shop", "trust": Trust.PUBLIC} | fields
    return Event(**{"timestamp": at, "received_at": at, **told})


def taken_back(n: int, *message_ids: str) -> Event:
    return said(n, type=RETRACTION, trust=Trust.SERVER, properties={"message_ids": [*message_ids]})


JANE = (Contact(type="email", value="jane@x.org"),)
SIGNED = (Contact(type="email", value="jane@x.org", signed=True),)

TURNS = {
    "a login later": [said(0, anonymous_id="d"), said(1, anonymous_id="d"), said(2, anonymous_id="d", user_id="jane")],
    "an event that came months late": [
        said(60, anonymous_id="d", message_id="new"),
        said(0, anonymous_id="d", received_at="2026-06-01T00:00:00.000Z"),
    ],
    "a retraction later": [
        said(0, anonymous_id="d", user_id="jane"),
        said(1, anonymous_id="e", user_id="jane"),
        taken_back(2, "m0"),
    ],
    "a proof later turns the protection on": [
        said(0, anonymous_id="eve", user_id="jane", contacts=JANE),
        said(1, anonymous_id="d", user_id="jane", contacts=SIGNED, trust=Trust.PROVEN),
    ],
    "a proof that was taken back later": [
        said(0, anonymous_id="d", user_id="jane", contacts=SIGNED, trust=Trust.PROVEN),
        said(1, anonymous_id="eve", user_id="jane", contacts=JANE),
        taken_back(2, "m0"),
        said(3, anonymous_id="eve", contacts=JANE),
    ],
    "a proof that was taken back later, which had kept somebody else from it": [
        said(0, anonymous_id="d", user_id="jane", contacts=SIGNED, trust=Trust.PROVEN),
        said(1, anonymous_id="eve", user_id="jane", contacts=JANE),
        taken_back(2, "m0"),
    ],
    "a proof of a name alone that was taken back later, which had kept somebody else from it": [
        said(0, anonymous_id="d", user_id="jane", trust=Trust.PROVEN),
        said(1, anonymous_id="eve", user_id="jane"),
        taken_back(2, "m0"),
    ],
    "whoever proved is seen again later": [
        said(0, anonymous_id="d", user_id="jane", trust=Trust.PROVEN),
        said(1, anonymous_id="eve", user_id="jane"),
        said(2, anonymous_id="d"),
    ],
    "a proof that was taken back, and given again later": [
        said(0, anonymous_id="d", user_id="jane", trust=Trust.PROVEN),
        taken_back(1, "m0"),
        said(2, anonymous_id="eve", user_id="jane"),
        said(3, anonymous_id="d", user_id="jane", trust=Trust.PROVEN),
    ],
    "one of two proofs taken back": [
        said(0, anonymous_id="d", user_id="jane", trust=Trust.PROVEN),
        said(1, anonymous_id="eve", user_id="jane"),
        taken_back(2, "m0"),
        said(3, anonymous_id="e", user_id="jane", trust=Trust.PROVEN),
    ],
    "retracted twice": [
        said(0, anonymous_id="d", user_id="jane"),
        taken_back(1, "m0"),
        taken_back(2, "m0"),
    ],
    "retracted before it came": [taken_back(0, "m1"), said(1, anonymous_id="d", user_id="jane")],
    "a contact that changed hands": [
        said(0, anonymous_id="d", user_id="jane", contacts=JANE),
        said(1, anonymous_id="till", contacts=JANE),
        said(2, anonymous_id="e", user_id="joe", contacts=JANE),
        said(3, anonymous_id="till2", contacts=JANE),
    ],
    "two people joined by an alias": [
        said(0, anonymous_id="d", user_id="old-7"),
        said(1, anonymous_id="e", user_id="jane"),
        said(2, type="alias", user_id="jane", previous_id="old-7", trust=Trust.SERVER),
    ],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", TURNS)
async def test_before_and_after_every_turn(name: str, backend: str) -> None:
    history = TURNS[name]
    for event in history:
        await compare(history, event.received_at, backend)


async def test_before_the_first_event_nobody_is_known() -> None:
    store = MemoryStore()
    log = await folded([said(0, anonymous_id="d", user_id="jane")], store)
    people = FoldedPeople(store, log)
    a_moment_before = clock.from_text("2026-03-02T07:59:59.999Z")
    assert await answers(people, Who("user_id", "jane"), a_moment_before) == [None, None, None]
    assert await people.profile(Who("user_id", "jane"), as_of_ms=a_moment_before + 1) is not None


async def test_as_of_the_future_is_today_and_reads_no_event() -> None:
    store = MemoryStore()
    log = await folded([said(n, anonymous_id=f"d{n % 3}", user_id="jane") for n in range(30)], store)

    async def fetch(positions: Sequence[int]) -> list[Any]:
        raise AssertionError("nothing has changed since, so nothing is folded again")

    log.fetch = fetch  # type: ignore[method-assign]
    people = FoldedPeople(store, log)
    today = await people.profile(Who("user_id", "jane"))
    assert await people.profile(Who("user_id", "jane"), as_of_ms=clock.from_text("9999-12-31")) == today
