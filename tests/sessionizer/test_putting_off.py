"""Very many visitors that one event changes are folded again later; who asks for them meanwhile sees no difference."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.event import Contact, Event, Trust, to_record
from collector.log import Record
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import decision as decision_module
from sessionizer import people as people_module
from sessionizer import refolding
from sessionizer.api.retractions import retraction
from sessionizer.decision import Decision
from sessionizer.erasures import Erasures
from sessionizer.evidence import take_apart
from sessionizer.people import FoldedPeople
from sessionizer.reading import StillFolding, TooMuch, Who
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.folding import EXPORTS, compare, everything
from tests.histories import histories, retractions
from tests.oracle import recompute

STARTED_MS = 1_770_000_000_000


def record(event: Event) -> Record:
    return Record(event.anonymous_id or "", to_record(event))


def said(nth: int, device: str, **fields: object) -> Event:
    at = clock.to_text(STARTED_MS + nth * 1000)
    about = {"type": "identify", "source": "default", "trust": Trust.PUBLIC, **fields}
    return Event(message_id=f"m{nth}", timestamp=at, received_at=at, anonymous_id=device, **about)


def proof(nth: int, device: str, user: str) -> Event:
    return said(nth, device, user_id=user, trust=Trust.PROVEN)


async def fold_without_those_that_wait(log: MemoryLog, store: MemoryStore) -> None:
    """One batch of everything new, with all visitors put off that can be, and none of them folded again."""
    records = await log.read(0, await store.position(), 10_000, 0.0)
    async with store.snapshot() as snapshot:
        commit = await Decision(log, snapshot, Erasures(log), at_once=0).of(take_apart(records))
    await store.commit(commit)


async def waiting(store: MemoryStore) -> list[str]:
    async with store.snapshot() as snapshot:
        return await snapshot.next_waiting(1000)


def names_in(history: Sequence[Event]) -> set[Who]:
    found = {Who(contact.type, contact.value) for event in history for contact in event.contacts}
    found |= {Who("user_id", event.user_id) for event in history if event.user_id is not None}
    return found | {Who("anonymous_id", event.anonymous_id) for event in history if event.anonymous_id is not None}


async def answers(people: FoldedPeople, who: Who) -> tuple[object, ...]:
    """Everything but the ids handed out earlier, which depend on what came when."""
    identity = await people.identity(who)
    return (
        identity and msgspec.structs.replace(identity, earlier_ids=[]),
        await people.profile(who),
        await people.timeline(who, limit=200),
        await people.sessions(who, limit=200),
        await people.profile(who, as_of_ms=clock.now_ms()),
    )


@given(
    steps=st.lists(st.tuples(histories(max_events=8), st.none() | retractions()), min_size=1, max_size=4),
    drained=st.lists(st.booleans(), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_who_asks_for_a_visitor_that_waits_finds_what_it_will_be(
    steps: list[tuple[list[Event], Event | None]], drained: list[bool]
) -> None:
    async def run() -> None:
        log, store, settled = MemoryLog(), MemoryStore(), MemoryStore()
        told: list[Event] = []
        for (history, taken_back), drain in zip(steps, drained, strict=False):
            told += [*history, *([taken_back] if taken_back is not None else [])]
            await log.append([record(event) for event in told[await store.position() :]])
            await fold_without_those_that_wait(log, store)
            await Worker(log, settled).catch_up()
            for who in sorted(names_in(told)):
                assert await answers(FoldedPeople(store, log), who) == await answers(FoldedPeople(settled, log), who)
            if drain:
                await Worker(log, store).catch_up()
        await Worker(log, store).catch_up()
        assert not await waiting(store)
        compare(recompute(list(enumerate(told, start=1))), await everything(FoldedPeople(store, log)))

    asyncio.run(run())


async def crowd(size: int) -> tuple[MemoryLog, MemoryStore]:
    """Many devices that say they are Ada, who has proven nothing so far."""
    log, store = MemoryLog(), MemoryStore()
    await log.append([record(said(nth, f"d{nth:03}", user_id="ada")) for nth in range(size)])
    await Worker(log, store).catch_up()
    return log, store


async def test_a_proof_puts_off_the_many_visitors_it_takes_a_user_from() -> None:
    log, store = await crowd(30)
    await log.append([record(proof(100, "hers", "ada"))])
    await fold_without_those_that_wait(log, store)
    assert len(await waiting(store)) == 30
    people = FoldedPeople(store, log)
    with pytest.raises(StillFolding):
        await people.profile(Who("profile_id", "not yet known"))
    ada = await people.profile(Who("user_id", "ada"))
    stranger = await people.profile(Who("anonymous_id", "d007"))
    assert ada is not None
    assert stranger is not None
    assert [device.anonymous_id for device in ada.devices] == ["hers"]
    assert stranger.status == "anonymous"


async def test_a_visitor_that_waits_is_folded_at_once_when_its_next_event_comes() -> None:
    log, store = await crowd(30)
    await log.append([record(proof(100, "hers", "ada"))])
    await fold_without_those_that_wait(log, store)
    await log.append([record(said(200, "d007", type="page"))])
    await fold_without_those_that_wait(log, store)
    assert "dd007" not in await waiting(store)
    assert len(await waiting(store)) == 29


async def test_who_reads_everybody_waits_and_then_is_told_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_module, "SETTLE_S", 0.01)
    log, store = await crowd(30)
    await log.append([record(proof(100, "hers", "ada"))])
    await fold_without_those_that_wait(log, store)
    people = FoldedPeople(store, log)
    for what in EXPORTS:
        with pytest.raises(StillFolding):
            await anext(people.export(what))
    with pytest.raises(StillFolding):
        await people.profiles(limit=10)
    await Worker(log, store).catch_up()
    assert len([chunk async for chunk in people.export("profiles")]) == 1


async def test_those_that_wait_are_folded_before_the_mind_rests_and_beside_what_comes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decision_module, "AT_ONCE", 4)
    monkeypatch.setattr(Decision.__init__, "__kwdefaults__", {"at_once": 4})
    log, store = await crowd(30)
    worker = Worker(log, store, batch=1)
    await log.append([record(proof(100, "hers", "ada"))])
    left = []
    for nth in range(200, 204):
        await log.append([record(said(nth, f"new{nth}", type="page"))])
        await worker.step(0.0)
        left.append(len(await waiting(store)))
    assert left == [22, 18, 14, 10]
    await worker.catch_up()
    assert not await waiting(store)


async def test_a_visitor_that_cannot_be_folded_again_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    log, store = await crowd(5)
    await log.append([record(proof(100, "hers", "ada"))])
    await fold_without_those_that_wait(log, store)
    as_it_is = refolding.refold_again

    async def breaks_on_one(*arguments: object) -> object:
        if "dd003" in arguments[-1]:
            raise ValueError("cannot be")
        return await as_it_is(*arguments)

    monkeypatch.setattr(decision_module, "refold_again", breaks_on_one)
    await Worker(log, store).catch_up()
    assert not await waiting(store)
    ada = await FoldedPeople(store, log).profile(Who("user_id", "ada"))
    assert ada is not None
    assert {device.anonymous_id for device in ada.devices} == {"hers", "d003"}


async def test_taking_back_the_only_proof_puts_off_those_who_get_the_user_again() -> None:
    log, store = await crowd(30)
    await log.append([record(proof(100, "hers", "ada"))])
    await Worker(log, store).catch_up()
    await log.append([record(retraction(["m100"], "", message_id="r", now_ms=STARTED_MS + 300_000))])
    await fold_without_those_that_wait(log, store)
    assert len(await waiting(store)) == 30
    ada = await FoldedPeople(store, log).profile(Who("user_id", "ada"))
    assert ada is not None
    assert len(ada.devices) == 30


async def test_a_dry_run_that_would_change_too_many_visitors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessionizer.dry_run.MAX_VISITORS", 10)
    log, store = MemoryLog(), MemoryStore()
    shop = (Contact(type="email", value="shop@example.com"),)
    await log.append([record(said(1, f"d{nth}", contacts=shop)) for nth in range(20)])
    await Worker(log, store).catch_up()
    with pytest.raises(TooMuch, match="20 visitors"):
        await FoldedPeople(store, log).dry_run(retraction(["m1"], "", message_id="r", now_ms=STARTED_MS + 300_000))
