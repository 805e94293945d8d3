"""Following the facts gives the state: whatever came in, in whatever order and batches, each fact is told once."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Event
from collector.log.memory import MemoryLog
from sessionizer.facts import Fact, FactRow, SessionAmended, SessionEnded, SessionSeen, SessionStarted
from sessionizer.session_facts import seen
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.histories import BASE_MS, arrivals, histories, visits
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
    clock = Clock()
    rest = records_of(history)
    for nth, size in enumerate([*batches, len(rest)]):
        batch, rest = rest[:size], rest[size:]
        if nth < len(silences) and silences[nth]:
            clock.now_ms += 30 * HOUR_MS
        await log.append(batch)
        await Worker(log, store, batch=5, now_ms=clock).catch_up()  # as after a restart
        await agrees(follower, store)
    clock.now_ms += 1000 * HOUR_MS
    await Worker(log, store, now_ms=clock).catch_up()
    await agrees(follower, store)
    assert not any(None in told for told in follower.sessions.values())
    return follower


class Clock:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now_ms = BASE_MS

    def __call__(self) -> int:
        return self.now_ms


@given(st.data(), st.one_of(histories(), visits()), sizes, st.lists(st.booleans(), max_size=6))
@slow
def test_following_the_facts_gives_the_sessions_there_are(
    data: st.DataObject, history: list[Event], batches: list[int], silences: list[bool]
) -> None:
    async def run() -> None:
        arrived = data.draw(arrivals(history))
        await follow_along(arrived, data.draw(st.sampled_from((batches, [1] * len(history)))), MemoryStore(), silences)

    asyncio.run(run())
