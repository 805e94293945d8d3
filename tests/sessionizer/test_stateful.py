"""Any sequence of batches, copies, retractions, reads and restarts: at every step the readers say what the oracle says.

The same machine drives the memory store and SQLite files; on files the reader has read-only handles of its own, as the
API's process has, and a restart closes and opens everything.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from collector.event import Event, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from collector.log.opening import open_log
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.folding import compare, everything
from tests.histories import events, histories, retractions
from tests.oracle import Slice, recompute

STEPS = 12
T = TypeVar("T")


class Mind(RuleBasedStateMachine):
    """What may happen to a mind, on memory."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.told: list[Event] = []
        self.folded = 0
        self.log: EventLog
        self.store: ProfileStore
        self.people: FoldedPeople

    def wait_for(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(doing)

    @initialize()
    def start(self) -> None:
        self.wait_for(self.open())

    async def open(self) -> None:
        self.log, self.store = MemoryLog(), MemoryStore()
        self.people = FoldedPeople(self.store, self.log)

    @rule(history=histories(max_events=6), batch=st.integers(1, 4))
    def a_batch_comes(self, history: list[Event], batch: int) -> None:
        self.wait_for(self.append(history))
        self.fold(batch)

    @rule(history=st.lists(events(), min_size=1, max_size=4))
    def events_wait_in_the_log(self, history: list[Event]) -> None:
        self.wait_for(self.append(history))

    @rule(data=st.data())
    def some_are_sent_again(self, data: st.DataObject) -> None:
        if self.told:
            again = data.draw(st.lists(st.sampled_from(self.told), max_size=4))
            self.wait_for(self.append(again))
            self.fold(3)

    @rule(retraction=retractions())
    def something_is_taken_back(self, retraction: Event) -> None:
        self.wait_for(self.append([retraction]))
        self.fold(1)

    @rule(batch=st.integers(1, 9))
    def the_mind_catches_up(self, batch: int) -> None:
        self.fold(batch)

    @rule(data=st.data())
    def somebody_asks(self, data: st.DataObject) -> None:
        named = sorted({who for event in self.told[: self.folded] for who in _names(event)})
        if named:
            who = data.draw(st.sampled_from(named))
            profile = self.wait_for(self.people.profile(who))
            timeline = self.wait_for(self.people.timeline(who, limit=200))
            assert (profile is None) == (timeline is None)
            if profile is not None and timeline is not None:
                assert profile.totals.events == len(timeline.events)

    @invariant()
    def the_readers_say_what_the_oracle_says(self) -> None:
        compare(self.expected(), self.wait_for(everything(self.people)))

    def expected(self) -> list[Slice]:
        return recompute(list(enumerate(self.told[: self.folded], start=1)))

    async def append(self, history: list[Event]) -> None:
        await self.log.append([Record(event.anonymous_id or "", to_record(event)) for event in history])
        self.told += history

    def fold(self, batch: int) -> None:
        self.wait_for(Worker(self.log, self.store, batch=batch).catch_up())
        self.folded = len(self.told)

    def teardown(self) -> None:
        self.loop.close()


class MindOnFiles(Mind):
    """The same on SQLite files, which can be closed and opened again, and rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ariane-stateful-"))
        self.open_ones: list[EventLog | ProfileStore] = []

    async def open(self) -> None:
        log_url, store_url = f"sqlite:{self.folder}/log.db", f"sqlite:{self.folder}/store.db"
        self.log = await open_log(log_url, writer=True)
        self.store = await open_store(store_url, writer=True)
        read_log = await open_log(log_url, writer=False)
        read_store = await open_store(store_url, writer=False)
        self.people = FoldedPeople(read_store, read_log)
        self.open_ones = [read_store, read_log, self.store, self.log]

    async def close(self) -> None:
        for each in self.open_ones:
            await each.close()

    @rule()
    def everything_restarts(self) -> None:
        self.wait_for(self.close())
        self.wait_for(self.open())

    @rule(batch=st.integers(1, 9))
    def the_store_is_lost_and_rebuilt(self, batch: int) -> None:
        self.wait_for(self.close())
        for path in self.folder.glob("store.db*"):
            path.unlink()
        self.wait_for(self.open())
        self.fold(batch)

    @rule(batch=st.integers(1, 4), steps=st.integers(1, 3))
    def the_mind_stops_half_way(self, batch: int, steps: int) -> None:
        """It folds some of what waits, and is opened again where it stopped."""

        async def some() -> int:
            worker = Worker(self.log, self.store, batch=batch)
            for _ in range(steps):
                await worker.step(0.0)
            return await self.store.position()

        self.folded = self.wait_for(some())  # positions count from 1, without gaps
        self.everything_restarts()

    def teardown(self) -> None:
        self.wait_for(self.close())
        super().teardown()
        shutil.rmtree(self.folder)


def _names(event: Event) -> set[Who]:
    names = {Who(contact.type, contact.value) for contact in event.contacts}
    if event.user_id is not None:
        names.add(Who("user_id", event.user_id))
    if event.anonymous_id is not None:
        names.add(Who("anonymous_id", event.anonymous_id))
    return names


@pytest.mark.parametrize(("machine", "runs"), [(Mind, 40), (MindOnFiles, 15)], ids=["memory", "sqlite"])
def test_whatever_happens_the_readers_say_what_the_oracle_says(machine: type[Mind], runs: int) -> None:
    runs = max(runs, settings().max_examples // 1000 * runs)  # the deep profile: 20 times as many
    run_state_machine_as_test(machine, settings=settings(max_examples=runs, stateful_step_count=STEPS))
