"""Following the facts gives the state: whatever came in, in whatever order and batches, each fact is told once."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Event
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import belonging, mending, profile_facts
from sessionizer.decision import Decision
from sessionizer.erasures import Erasures
from sessionizer.evidence import take_apart
from sessionizer.facts import (
    Fact,
    FactRow,
    ProfilesMerged,
    ProfilesSplit,
    SessionAmended,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    TraitsChanged,
)
from sessionizer.loading import Loader
from sessionizer.overlay import OverlaySnapshot
from sessionizer.people import FoldedPeople
from sessionizer.session_facts import seen
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.folding import exported, few_are_many
from tests.histories import BASE_MS, arrivals, histories, visits
from tests.oracle import MOST, Most
from tests.sessionizer.test_late_events import event, mail
from tests.sessionizer.test_pipeline import records_of, sizes

MANY = 10_000
HOUR_MS = 3_600_000
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


Name = tuple[str, bytes, int]
"""Device, id and start. The id alone will not do: two sources may have given first events of one device one id."""


class Follower:
    """A consumer that keeps nothing but what facts told it, and is astonished by any that cannot be."""

    def __init__(self) -> None:
        self.after = 0
        self.sessions: dict[Name, list[SessionSeen | None]] = defaultdict(list)
        """What is known of one that ended; None of one that goes on."""
        self.traits: dict[str, dict[str, Any]] = defaultdict(dict)
        self.moved: list[ProfilesMerged | ProfilesSplit] = []
        """What was told since somebody last looked."""

    async def follow(self, store: ProfileStore) -> None:
        async with store.snapshot() as snapshot:
            rows = await snapshot.facts(self.after, MANY)
        for number, fact in numbered(rows, self.after):
            assert number == self.after + 1
            self.after = number
            self.hear(fact)

    def hear(self, fact: Fact) -> None:
        match fact:
            case SessionStarted(device=device, id=id_, first=first):
                self.sessions[device, id_, first].append(None)
            case SessionEnded(device=device, session=session):
                assert session.ended
                known = self.sessions[name_of(device, session)]
                known.remove(None)
                known.append(session)
            case SessionAmended(device=device, before=before, after=after):
                assert before != after
                for session in before:
                    self.sessions[name_of(device, session)].remove(session if session.ended else None)
                for session in after:
                    self.sessions[name_of(device, session)].append(session if session.ended else None)
            case ProfilesMerged(source=source):
                self.moved.append(fact)
                self.traits.pop(uuid(source), None)
            case ProfilesSplit():
                self.moved.append(fact)
            case TraitsChanged(profile=profile, before=before_, after=after_):
                traits = self.traits[uuid(profile)]
                assert before_ != after_
                for name in before_.keys() | after_.keys():
                    assert traits.pop(name, None) == (before_[name].value if name in before_ else None)
                traits |= {name: said.value for name, said in after_.items()}


def uuid(packed: bytes) -> str:
    return str(UUID(bytes=packed))


def name_of(device: str, session: SessionSeen) -> Name:
    return (device, session.id, session.first)


def numbered(rows: Iterable[FactRow], after: int) -> list[tuple[int, Fact]]:
    found = [(first + nth, fact) for first, _, facts in rows for nth, fact in enumerate(facts)]
    return [(number, fact) for number, fact in found if number > after and fact is not None]


async def sessions_in(store: ProfileStore) -> tuple[dict[Name, list[SessionSeen]], set[Name]]:
    """All sessions of the state, as an end would tell them; and which are their visitors' last."""
    async with store.snapshot() as snapshot:
        keys = await snapshot.keys("", MANY)
        records, closed = await snapshot.visitors(keys), await snapshot.sessions(keys)
    shown: dict[Name, list[SessionSeen]] = defaultdict(list)
    last = set()
    for key, record in records.items():
        if record.device is not None and record.session is not None:
            for session in (*closed.get(key, ()), record.session):
                told = seen(record.device, session, ended=True)
                shown[name_of(record.device, told)].append(told)
            last.add(name_of(record.device, told))
    return shown, last


async def agrees(follower: Follower, store: ProfileStore) -> None:
    await follower.follow(store)
    shown, last = await sessions_in(store)
    for name in follower.sessions.keys() | shown.keys():
        told = follower.sessions[name]
        over = [each for each in told if each is not None]
        assert len(told) == len(shown[name])
        assert all(each in shown[name] for each in over)
        assert len(told) - len(over) <= (name in last)


async def follow_along(
    history: Sequence[Event], batches: Sequence[int], store: ProfileStore, silences: Sequence[bool]
) -> Follower:
    """Fold in batches of these sizes, some of them hours after the one before, and follow after each."""
    log, follower = MemoryLog(), Follower()
    hands = Clock()
    rest = records_of(history)
    for nth, size in enumerate([*batches, len(rest)]):
        batch, rest = rest[:size], rest[size:]
        if nth < len(silences) and silences[nth]:
            hands.now_ms += 30 * HOUR_MS
        await log.append(batch)
        await Worker(log, store, batch=5, now_ms=hands).catch_up()  # as after a restart
        await agrees(follower, store)
    hands.now_ms += 100_000 * HOUR_MS
    await Worker(log, store, now_ms=hands).catch_up()
    await agrees(follower, store)
    assert not any(None in told for told in follower.sessions.values())
    return follower


class Owners:
    """Whose every event is, by the exports: what the facts are held against."""

    def __init__(self, log: MemoryLog, store: MemoryStore) -> None:
        self._people = FoldedPeople(store, log)
        self.owners: dict[int, str] = {}
        """log position → profile id."""
        self.events: dict[int, tuple[str | None, int]] = {}
        """log position → device and time."""

    async def agrees(self, follower: Follower) -> None:
        """Every event that changed hands was told to have, from and to whom; and nothing else was."""
        was = self.owners
        rows = await exported(self._people, "events")
        self.owners = {row["position"]: row["profile_id"] for row in rows}
        self.events = {row["position"]: (row["anonymous_id"], clock.from_text(row["timestamp"])) for row in rows}
        moved = {at: (was[at], self.owners[at]) for at in was if was[at] != self.owners[at]}
        told, follower.moved = follower.moved, []
        pairs = [(uuid(fact.source), uuid(fact.into)) for fact in told]
        assert len(set(pairs)) == len(pairs)
        assert set(pairs) == set(moved.values())
        gone = [uuid(fact.source) for fact in told if isinstance(fact, ProfilesMerged)]
        assert sorted(gone) == sorted(set(was.values()) - set(self.owners.values()))
        for fact in told:
            if isinstance(fact, ProfilesSplit):
                for at, pair in moved.items():
                    assert pair != (uuid(fact.source), uuid(fact.into)) or any(
                        each.device == self.events[at][0] and each.first <= self.events[at][1] <= each.last
                        for each in fact.slices
                    )
        profiles = {row["profile_id"]: row["traits"] for row in await exported(self._people, "profiles")}
        known = {id_: traits for id_, traits in follower.traits.items() if traits}
        assert {
            id_: {name: msgspec.json.decode(value) for name, value in told.items()} for id_, told in known.items()
        } == {id_: traits for id_, traits in profiles.items() if traits}


@contextmanager
def some_large(data: st.DataObject) -> Iterator[None]:
    """Few events as they are; or, by what is drawn, folded as those of large visitors, and few people as many."""
    most = data.draw(st.sampled_from((MOST, Most(users_of_device=2, users_of_contact=1, devices_of_contact=2))))
    with few_are_many(most), pytest.MonkeyPatch.context() as patch:
        patch.setattr(mending, "LEAST_EVENTS", data.draw(st.sampled_from((0, mending.LEAST_EVENTS))))
        yield


class Clock:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now_ms = BASE_MS

    def __call__(self) -> int:
        return self.now_ms


@given(st.data(), histories(), sizes)
@slow
def test_following_the_facts_tells_whose_everything_is_and_what_everybody_is_like(
    data: st.DataObject, history: list[Event], batches: list[int]
) -> None:
    async def run() -> None:
        log, store, follower = MemoryLog(), MemoryStore(), Follower()
        owners = Owners(log, store)
        rest = records_of(data.draw(arrivals(history)))
        for size in [*batches, len(rest)]:
            batch, rest = rest[:size], rest[size:]
            await log.append(batch)
            worker = Worker(log, store, batch=5)
            while await worker.step(0.0):
                await follower.follow(store)
                await owners.agrees(follower)

    with some_large(data):
        asyncio.run(run())


async def test_a_contact_named_again_moves_who_named_it_after_that() -> None:
    """Her device learns nothing new by it, but that she used the family's e-mail later than he did."""
    log, store, follower = MemoryLog(), MemoryStore(), Follower()
    owners = Owners(log, store)
    home = mail("home@x.org")
    for each in (
        event("a", 0, anonymous_id="hers", user_id="jane", contacts=home),
        event("b", 30, anonymous_id="his", user_id="joe", contacts=home),
        event("d", 60, contacts=home),
        event("c", 45, anonymous_id="hers", user_id="jane", contacts=home),
    ):
        await log.append(records_of([each]))
        await Worker(log, store).catch_up()
        await follower.follow(store)
        await owners.agrees(follower)


@given(st.data(), st.one_of(histories(), visits()), st.integers(1, 6))
@slow
def test_loners_are_decided_as_anybody_is(data: st.DataObject, history: list[Event], size: int) -> None:
    async def run() -> None:
        log, store = MemoryLog(), MemoryStore()
        erasures = Erasures(log)
        await log.append(records_of(data.draw(arrivals(history))))
        while records := await log.read(0, await store.position(), size):
            async with store.snapshot() as snapshot:
                commit = await Decision(log, snapshot, erasures).of(take_apart(records))
                of_each = list({change.key: change for change in commit.changes}.values())
                changes = [change for change in of_each if belonging.matters(change)]
                overlay = OverlaySnapshot(snapshot, commit)
                worlds = belonging.Sides(Loader(snapshot, log, erasures), Loader(overlay, log, erasures))
                as_anybody = profile_facts.tell(await belonging.compare_worlds(worlds, changes))
                found = profile_facts.tell(await belonging.compare(snapshot, log, erasures, commit, of_each))
                assert sorted(map(repr, found)) == sorted(map(repr, as_anybody))
            await store.commit(commit)

    with some_large(data):
        asyncio.run(run())


@given(st.data(), st.one_of(histories(), visits()), sizes, st.lists(st.booleans(), max_size=6))
@slow
def test_following_the_facts_gives_the_sessions_there_are(
    data: st.DataObject, history: list[Event], batches: list[int], silences: list[bool]
) -> None:
    async def run() -> None:
        arrived = data.draw(arrivals(history))
        await follow_along(arrived, data.draw(st.sampled_from((batches, [1] * len(history)))), MemoryStore(), silences)

    with some_large(data):
        asyncio.run(run())
