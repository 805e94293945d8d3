"""Late events at the places where it is decided whose they are: stories that random histories seldom tell."""

from typing import Any

import pytest

from collector.event import Contact, Event, Trust
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.state import CHUNK
from sessionizer.store.memory import MemoryStore
from tests.folding import as_bytes, compare, fold, fold_in_memory
from tests.histories import BASE_MS, as_log
from tests.oracle import recompute

MINUTE_MS = 60_000


def event(message_id: str, minute: float, **fields: Any) -> Event:
    return Event(
        **{
            "type": "page",
            "message_id": message_id,
            "timestamp": clock.to_text(BASE_MS + round(minute * MINUTE_MS)),
            "received_at": clock.to_text(BASE_MS),
            "source": "default",
            "trust": Trust.PUBLIC,
            "anonymous_id": "d1",
            **fields,
        }
    )


def mail(value: str) -> tuple[Contact, ...]:
    return (Contact(type="email", value=value),)


PROVEN = {"user_id": "jane", "trust": Trust.PROVEN}
LOGOUT = {"type": "track", "event": "Logged Out"}
STORIES: dict[str, tuple[list[Event], Event]] = {
    "a proof comes late into a claimed stretch that two e-mails had cut": (
        [
            event("p", 0, anonymous_id="d2", **PROVEN),
            event("a", 10, user_id="jane", contacts=mail("a@x.org")),
            event("b", 20, contacts=mail("b@x.org")),
            event("c", 30),
        ],
        event("late", 15, **PROVEN),
    ),
    "a proof comes late into a claimed stretch that nothing had cut": (
        [event("p", 0, anonymous_id="d2", **PROVEN), event("a", 10, user_id="jane"), event("c", 30)],
        event("late", 20, **PROVEN),
    ),
    "a claim comes late into a stretch without a user": (
        [event("p", 0, anonymous_id="d2", **PROVEN), event("a", 10), event("b", 20), event("c", 30, user_id="joe")],
        event("late", 15, user_id="jane"),
    ),
    "a view comes late between a logout and the next visitor": (
        [event("a", 0), event("out", 10, **LOGOUT), event("b", 20)],
        event("late", 15),
    ),
    "a view comes late before a logout": (
        [event("a", 0), event("out", 10, **LOGOUT), event("b", 20)],
        event("late", 5),
    ),
    "a view comes late at the moment of a logout": (
        [event("a", 0), event("out", 10, **LOGOUT), event("b", 20)],
        event("z", 10),
    ),
    "a view comes late between two users": (
        [event("a", 0, user_id="jane"), event("b", 20, user_id="joe")],
        event("late", 10),
    ),
    "a view comes late right after the slice of another user ended": (
        [event("a", 0, user_id="jane"), event("out", 1, **LOGOUT), event("b", 90, user_id="joe"), event("c", 200)],
        event("late", 20),
    ),
    "an order comes late and opens the first visit, which then has no page": (
        [event("a", 60), event("b", 120)],
        event("late", 0, type="track", event="Order Completed", properties={"revenue": 5}),
    ),
    "an order comes late and joins two visits": (
        [event("a", 0), event("b", 60), event("c", 180)],
        event("late", 30, type="track", event="Order Completed", properties={"revenue": 5}),
    ),
    "an order comes late before the first page of a visit": (
        [event("a", 60), event("b", 180)],
        event("late", 50, type="track", event="Order Completed", properties={"revenue": 5}),
    ),
    "a claim in another name after a claimed stretch that two e-mails cut": (
        [
            event("p", 0, anonymous_id="d2", **PROVEN),
            event("q", 0, anonymous_id="d3", **{**PROVEN, "user_id": "joe"}),
            event("a", 10, user_id="jane", contacts=mail("a@x.org")),
            event("b", 20, contacts=mail("b@x.org")),
        ],
        event("late", 30, user_id="joe"),
    ),
    "a claim in another name after a claimed stretch that a late e-mail cut": (
        [
            event("p", 0, anonymous_id="d2", **PROVEN),
            event("q", 0, anonymous_id="d3", **{**PROVEN, "user_id": "joe"}),
            event("a", 10, user_id="jane", contacts=mail("a@x.org")),
            event("c", 30),
            event("b", 20, contacts=mail("b@x.org")),
        ],
        event("late", 40, user_id="joe"),
    ),
    "a view comes late between the last two of a full column of references": (
        [event(f"m{nth:02}", nth) for nth in range(CHUNK + 8)],
        event("late", CHUNK - 1.5),
    ),
    "a view comes late at the moment of the last of a full column of references": (
        [event(f"m{nth:02}", nth) for nth in range(CHUNK + 8)],
        event("a", CHUNK - 1),
    ),
    "a view comes late exactly half an hour after a visit": ([event("a", 0), event("b", 61)], event("late", 30)),
    "a view comes late a little more than half an hour after a visit": (
        [event("a", 0), event("b", 120)],
        event("late", 30.001),
    ),
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("size", [1, 10])
def test_a_late_event_is_as_if_it_had_been_in_time(name: str, size: int) -> None:
    before, late = STORIES[name]
    arrived = [*before, late]
    found = fold_in_memory(arrived, [size] * len(arrived))
    compare(recompute(as_log(arrived)), found)
    in_time = sorted(arrived, key=lambda each: (each.timestamp, each.message_id))
    assert as_bytes(found) == as_bytes(fold_in_memory(in_time, []))


@pytest.mark.parametrize("name", STORIES)
async def test_a_timeline_is_in_order_whenever_its_events_came(name: str) -> None:
    before, late = STORIES[name]
    log, store = MemoryLog(), MemoryStore()
    await fold(log, store, [*before, late], [1] * len(before))
    timeline = await FoldedPeople(store, log).timeline(Who("anonymous_id", "d1"), limit=200, newest_first=False)
    assert timeline is not None
    shown = [(each.timestamp, each.message_id) for each in timeline.events]
    assert shown == sorted(shown)
