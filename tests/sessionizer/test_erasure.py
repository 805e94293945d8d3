"""Whoever is erased is gone, and everybody else is as before, byte for byte (docs/identity.md, rule 19)."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.erasure import Hasher
from collector.event import ERASURE, RETRACTION, Event, Trust, from_record, to_record
from collector.log import Record
from collector.log.memory import MemoryLog, MemoryRefused
from collector.runtime import clock
from sessionizer import mending
from sessionizer.eraser import Done, Eraser, NotFinished
from sessionizer.evidence import message_hash
from sessionizer.facts import (
    Fact,
    ProfilesMerged,
    ProfilesSplit,
    SessionAmended,
    SessionEnded,
    SessionStarted,
    TraitsChanged,
)
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.histories import BASE_MS, arrivals, histories

HASHER = Hasher(b"k" * 32)
NOW_MS = BASE_MS + 2 * 86_400_000
WHATS = ("profiles", "events", "sessions")

batches = st.lists(st.integers(1, 6), max_size=6)
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class House:
    """A log, the mind that folds it, and who erases."""

    def __init__(self, log: MemoryLog | None = None, now_ms: int = NOW_MS) -> None:
        self.log = log or MemoryLog()
        self.refused = MemoryRefused()
        self.store = MemoryStore()
        self.worker = Worker(self.log, self.store, batch=7, hasher=HASHER)
        self.people = FoldedPeople(self.store, self.log, HASHER)
        self.now_ms = now_ms
        self._ids = 0
        self.eraser = Eraser(
            self.people,
            self.log,
            self.refused,
            keep_away=lambda erased: None,
            new_id=self._new_id,
            now_ms=lambda: self.now_ms,
            mind_wait_s=0.2,
        )

    def _new_id(self) -> str:
        self._ids += 1
        return f"erasure-{self._ids}"

    async def take(self, history: Sequence[Event], sizes: Sequence[int] = ()) -> None:
        rest = list(history)
        for size in [*sizes, len(rest)]:
            batch, rest = rest[:size], rest[size:]
            await self.log.append([Record(event.anonymous_id or "", to_record(event)) for event in batch])
            await self.worker.catch_up()

    async def erase(self, who: Who) -> Done | None:
        """Erase, with the mind at work."""
        mind = asyncio.create_task(self._mind())
        try:
            return await self.eraser.erase(who)
        finally:
            mind.cancel()

    async def _mind(self) -> None:
        while True:
            await self.worker.step(0.01)

    async def exports(self) -> dict[str, list[bytes]]:
        return {
            what: b"".join([chunk async for chunk in self.people.export(what)]).splitlines(keepends=True)
            for what in WHATS
        }

    async def replayed(self) -> "House":
        """The same log, folded anew."""
        house = House(self.log, self.now_ms)
        await house.worker.catch_up()
        return house

    async def records(self) -> list[Event]:
        return [from_record(each.body) for each in await self.log.read(0, 0, 100_000)]


def others(exports: dict[str, list[bytes]], profile_id: str) -> dict[str, list[bytes]]:
    return {
        what: [line for line in lines if msgspec.json.decode(line)["profile_id"] != profile_id]
        for what, lines in exports.items()
    }


def books(house: House) -> dict[str, int]:
    """What the books say. Suppressed events go from the log with the next erasure, and a replay finds them erased."""
    said = {name: count for name, count in house.store.books.items() if count and name != "facts"}
    said["suppressed or forgotten"] = said.pop("suppressed", 0) + said.pop("forgotten", 0)
    return said


def of(exports: dict[str, list[bytes]], profile_id: str) -> list[dict[str, Any]]:
    decoded = [msgspec.json.decode(line) for line in exports["events"]]
    return [event for event in decoded if event["profile_id"] == profile_id]


async def numbered_facts(house: House) -> dict[int, Fact]:
    async with house.store.snapshot() as snapshot:
        rows = await snapshot.facts(0, 100_000)
    return {n: fact for row in rows for n, fact in enumerate(row.facts, row.first) if fact is not None}


async def facts_in(house: House, before: dict[int, Fact], erased: list[dict[str, Any]]) -> dict[int, Fact]:
    """The facts that are left, with their numbers: all those without a part of the erased events, and no other."""
    left = await numbered_facts(house)
    times: dict[str | None, set[int]] = defaultdict(set)
    for event in erased:
        times[event["anonymous_id"]].add(clock.from_text(event["timestamp"]))
    messages = {event["message_id"] for event in erased}
    known = {UUID(each).bytes for each in house.store.profile_ids}
    assert left == {n: fact for n, fact in before.items() if not speaks_of(fact, times, messages, known)}
    return left


def speaks_of(fact: Fact, times: dict[str | None, set[int]], messages: set[str], known: set[bytes]) -> bool:
    """Whether a fact says anything of the erased; `known`: profile ids that still are, or were, somebody's."""
    stretches: list[tuple[str | None, int, int]] = []
    match fact:
        case SessionStarted(device=device, first=first):
            stretches = [(device, first, first)]
        case SessionEnded(device=device, session=session):
            stretches = [(device, session.first, session.last)]
        case SessionAmended(device=device, before=before, after=after):
            stretches = [(device, each.first, each.last) for each in (*before, *after)]
        case ProfilesMerged(source=source, into=into, message_id=message_id):
            if message_id in messages or not {source, into} <= known:
                return True
        case ProfilesSplit(source=source, into=into, message_id=message_id, slices=slices):
            if message_id in messages or not {source, into} <= known:
                return True
            stretches = [(each.device, each.first, each.last) for each in slices]
        case TraitsChanged(profile=profile, before=said_before, after=said_after):
            said = {each.by for each in (*said_before.values(), *said_after.values())}
            return profile not in known or not said.isdisjoint(message_hash(each)[:8] for each in messages)
    return any(first <= t <= last for device, first, last in stretches for t in times[device])


@given(st.data(), histories(), batches)
@relaxed
def test_an_erased_person_is_gone_and_everybody_else_is_as_before(
    data: st.DataObject, history: list[Event], sizes: list[int]
) -> None:
    history = data.draw(arrivals(history))

    async def run() -> None:
        house = House()
        await house.take(history, sizes)
        facts = await numbered_facts(house)
        for _ in range(data.draw(st.integers(1, 3))):
            before = await house.exports()
            profiles = [msgspec.json.decode(line)["profile_id"] for line in before["profiles"]]
            if not profiles:
                return
            profile_id = data.draw(st.sampled_from(profiles))
            done = await house.erase(Who("profile_id", profile_id))
            assert done is not None
            assert done.receipt.erased.events == len(of(before, profile_id))

            after = await house.exports()
            assert after == others(before, profile_id)
            facts = await facts_in(house, facts, of(before, profile_id))
            again = await house.replayed()
            assert await again.exports() == after
            assert books(again) == books(house)

            # Whatever comes again, or copies, changes nothing.
            gone = {
                (e["source"], e["trust"] == "server", e["anonymous_id"], e["message_id"])
                for e in of(before, profile_id)
            }
            repeats = [e for e in history if (e.source, e.trust == "server", e.anonymous_id, e.message_id) in gone]
            suppressed = house.store.books.get("suppressed", 0)
            await house.take(repeats)
            assert await house.exports() == after
            assert house.store.books["suppressed"] == suppressed + len(repeats)
            house.now_ms += 1000

    asyncio.run(run())


def an_event(message_id: str, minute: int, **fields: Any) -> Event:
    at = clock.to_text(BASE_MS + minute * 60_000)
    told = {"type": "page", "source": "default", "trust": Trust.PUBLIC, "anonymous_id": "d1"} | fields
    return Event(message_id=message_id, timestamp=at, received_at=at, **told)


async def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start() -> None:
    house = House()
    await house.take([an_event("m1", 0, user_id="jane"), an_event("m2", 1, user_id="joe")])
    with pytest.raises(NotFinished) as caught:
        await house.eraser.erase(Who("user_id", "jane"))  # the mind is not running
    assert caught.value.erasure_id == "erasure-1"
    assert [event.message_id for event in await house.records()] == ["m1", "m2", "erasure-1"]

    later = House(house.log)  # another process; the store was lost too, so this one folds m1 and takes it out again
    await later.worker.catch_up()
    await later.eraser.finish_all()
    assert [event.message_id for event in await later.records()] == ["m2", "erasure-1"]
    assert await later.people.profile(Who("user_id", "jane")) is None
    assert books(later) == books(await later.replayed())


async def test_others_sessions_on_a_shared_device_do_not_run_together() -> None:
    house = House()
    await house.take(
        [an_event("b1", 0, user_id="bob"), an_event("a1", 1, user_id="ada"), an_event("b2", 2, user_id="bob")]
    )
    before = await house.exports()
    done = await house.erase(Who("user_id", "ada"))
    assert done is not None
    assert await house.exports() == others(before, done.receipt.profile_id)
    assert len((await house.exports())["sessions"]) == 2

    await house.take([an_event("b0", 0), an_event("b3", 3)])
    bob = await house.people.profile(Who("user_id", "bob"))
    assert bob is not None
    assert bob.totals.events == 4


async def visits(house: House) -> list[list[str]]:
    """The message ids of each visit, whosever it is."""
    found: dict[Any, list[str]] = defaultdict(list)
    for line in (await house.exports())["events"]:
        event = msgspec.json.decode(line)
        found[event["profile_id"], event["session_id"]].append(event["message_id"])
    return sorted(map(sorted, found.values()))


async def without_ada(*told: Event) -> House:
    """These were told, and then she was erased."""
    house = House()
    await house.take(told)
    assert await house.erase(Who("user_id", "ada")) is not None
    return house


@pytest.mark.parametrize("least_to_mend", [0, mending.LEAST_EVENTS])
async def test_where_somebody_was_erased_a_visit_stays_cut_when_its_device_is_folded_again(
    least_to_mend: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mending, "LEAST_EVENTS", least_to_mend)
    bob = [an_event(f"b{nth}", 20 * nth, user_id="bob") for nth in range(4)]
    ended = [an_event("out", 70, type="track", event="Logged Out"), an_event("x", 80)]
    house = await without_ada(*bob, an_event("a1", 10, user_id="ada"), *ended)
    assert await visits(house) == [["b0"], ["b1", "b2", "b3", "out"], ["x"]]
    await house.take([an_event("eve", -5, user_id="eve")])  # late, and another's: it moves cuts
    assert await visits(house) == [["b0"], ["b1", "b2", "b3", "out"], ["eve"], ["x"]]


@pytest.mark.parametrize("minute", [0, 10])
async def test_where_somebody_was_erased_in_the_moment_of_others_these_stay_apart(minute: int) -> None:
    bob = [an_event("b", minute, user_id="bob"), an_event("d", 10, user_id="bob"), an_event("e", 20, user_id="bob")]
    house = await without_ada(*bob, an_event("c", 10, user_id="ada"))
    assert await visits(house) == [["b"], ["d", "e"]]


@pytest.mark.parametrize("minute", [0, 10])
async def test_what_comes_after_an_erased_stretch_is_not_added_to_the_one_before_it(minute: int) -> None:
    house = await without_ada(an_event("b", 0, user_id="bob"), an_event("c", minute, user_id="ada"))
    after = (NOW_MS - BASE_MS) // 60_000 + 1
    await house.take([an_event("later", after), an_event("latest", after + 1)])
    assert await visits(house) == [["b"], ["later", "latest"]]
    bob = await house.people.profile(Who("user_id", "bob"))
    assert bob is not None
    assert bob.totals.events == 1


@pytest.mark.parametrize("minute", [0, 10])
async def test_what_comes_late_after_an_erased_stretch_is_not_added_to_the_one_before_it(minute: int) -> None:
    """She had logged out, so it is not hers; the next login claims it."""
    hers = [an_event("c", minute, user_id="ada"), an_event("out", 11, type="track", event="Logged Out")]
    house = await without_ada(an_event("b", 0, user_id="bob"), *hers, an_event("d", 20, user_id="bob"))
    await house.take([an_event("late", 15)])
    assert await visits(house) == [["b"], ["d", "late"]]


async def test_what_an_erased_proof_protected_nobody_falls_heir_to() -> None:
    house = House()
    proof = an_event("a1", 0, type="identify", user_id="ada", trust=Trust.PROVEN)
    thief = an_event("t1", 1, type="identify", user_id="ada", anonymous_id="thiefs-phone")
    await house.take([thief, proof])
    before = await house.exports()
    done = await house.erase(Who("user_id", "ada"))
    assert done is not None
    assert await house.exports() == others(before, done.receipt.profile_id)
    assert await house.people.profile(Who("user_id", "ada")) is None
    assert await (await house.replayed()).people.profile(Who("user_id", "ada")) is None


async def test_a_retraction_that_names_an_erased_message_is_said_again_without_it() -> None:
    house = House()
    retraction = Event(
        type=RETRACTION,
        message_id="r1",
        timestamp=clock.to_text(BASE_MS),
        received_at=clock.to_text(BASE_MS),
        source="api",
        trust=Trust.SERVER,
        properties={"message_ids": ["a1", "b1"], "reason": "ada was at the wrong desk"},
    )
    told = [
        an_event("a0", 0, user_id="ada"),
        an_event("a1", 1, user_id="bob"),
        an_event("b1", 2, user_id="bob", anonymous_id="d2"),
        retraction,
    ]
    await house.take(told)
    before = await house.exports()
    done = await house.erase(Who("user_id", "ada"))
    assert done is not None
    assert done.receipt.erased.events == 2
    assert await house.exports() == others(before, done.receipt.profile_id)
    (again,) = [event for event in await house.records() if event.type == RETRACTION]
    assert again.properties == {"message_ids": ["b1"], "reason": ""}
    replayed = await house.replayed()
    assert await replayed.exports() == await house.exports()
    assert books(replayed) == books(house)


async def test_late_events_are_suppressed_and_new_ones_begin_a_new_person() -> None:
    house = House()
    await house.take([an_event("a1", 0, user_id="ada"), an_event("b1", 0, user_id="bob", anonymous_id="d2")])
    done = await house.erase(Who("user_id", "ada"))
    assert done is not None
    await house.take([an_event("late-1", 5), an_event("late-2", 5, user_id="ada", anonymous_id="d3")])
    assert await house.people.profile(Who("user_id", "ada")) is None
    assert house.store.books["suppressed"] == 2

    after = (NOW_MS - BASE_MS) // 60_000 + 1
    await house.take([an_event("new", after, user_id="ada")])
    ada = await house.people.profile(Who("user_id", "ada"))
    assert ada is not None
    assert ada.totals.events == 1

    again = await house.erase(Who("user_id", "bob"))  # takes the suppressed records out of the log, too
    assert again is not None
    assert [event.message_id for event in await house.records() if event.type != ERASURE] == ["new"]


async def test_an_id_means_who_has_it_and_not_whose_visit_began_with_the_same_message_id() -> None:
    """Message ids are per sender, so two slices of one device may begin with the same one."""

    def said(source: str, device: str, user: str, trust: Trust, message_id: str = "m1") -> Event:
        at = "2026-03-02T00:00:00.000Z"
        about = {"timestamp": at, "received_at": at, "anonymous_id": device, "user_id": user}
        return Event(type="page", message_id=message_id, source=source, trust=trust, **about)

    house = House()
    proof_of_joe = said("default", "his", "joe", Trust.PROVEN, "m2")
    await house.take([said("till", "d", "joe", Trust.PUBLIC), proof_of_joe, said("default", "d", "jane", Trust.PROVEN)])
    for line in (await house.exports())["profiles"]:
        profile_id = msgspec.json.decode(line)["profile_id"]
        found = await house.people.profile(Who("profile_id", profile_id))
        assert found is not None
        assert found.profile_id == profile_id
