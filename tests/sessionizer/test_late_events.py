"""Late events at the places where it is decided whose they are: stories that random histories seldom tell."""

from typing import Any

import pytest

from collector.event import Contact, Derived, Event, Trust
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.state import CHUNK
from sessionizer.store.memory import MemoryStore
from tests.folding import as_bytes, check, compare, fold, fold_in_memory
from tests.histories import BASE_MS, as_log
from tests.oracle import Most, recompute

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
LEFT = {"type": "track", "event": "Page Left"}
ORDER = {"type": "track", "event": "Order Completed", "properties": {"revenue": 5}}
PROVED_ELSEWHERE = [
    event("p", 0, anonymous_id="d2", **PROVEN),
    event("q", 0, anonymous_id="d3", **{**PROVEN, "user_id": "joe"}),
]
CLAIMED_AND_CUT_LATE = [
    event("a", 10, user_id="jane", contacts=mail("a@x.org")),
    event("aa", 12),
    event("c", 30),
    event("b", 20, contacts=mail("b@x.org")),
]
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
        event("late", 0, **ORDER),
    ),
    "an order comes late and joins two visits": (
        [event("a", 0), event("b", 60), event("c", 180)],
        event("late", 30, **ORDER),
    ),
    "an order comes late before the first page of a visit": (
        [event("a", 60), event("b", 180)],
        event("late", 50, **ORDER),
    ),
    "a claim in another name after a claimed stretch that two e-mails cut": (
        [
            *PROVED_ELSEWHERE,
            event("a", 10, user_id="jane", contacts=mail("a@x.org")),
            event("b", 20, contacts=mail("b@x.org")),
        ],
        event("late", 30, user_id="joe"),
    ),
    "a claim in another name after a claimed stretch that a late e-mail cut": (
        [*PROVED_ELSEWHERE, *CLAIMED_AND_CUT_LATE],
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
    "a direct view comes late before the one that a visit seemed to come by": (
        [event("a", 0, **LEFT), event("b", 10, derived=Derived(channel="email", channel_source="news"))],
        event("late", 5),
    ),
    "a report comes late and joins a visit with a page to one without": (
        [event("a", 0), event("b", 60, **LEFT), event("c", 180)],
        event("late", 30, **LEFT),
    ),
    "a page with a logout's name is no logout": ([event("a", 0), event("b", 20)], event("c", 10, event="Logged Out")),
    "a login told by the server with a previous id joins nobody": (
        [event("a", 0, user_id="jane"), event("b", 20, user_id="joe")],
        event("c", 30, type="identify", user_id="joe", previous_id="jane", trust=Trust.SERVER),
    ),
    "an alias of nobody joins nobody": (
        [event("a", 0, user_id="jane"), event("b", 20, user_id="joe")],
        event("c", 30, type="alias", previous_id="jane", trust=Trust.SERVER),
    ),
    "a shared e-mail between the marks of one user goes to who used it last": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("b", 60, anonymous_id="d2", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
        ],
        event("late", 45, contacts=mail("home@x.org")),
    ),
    "a shared e-mail after both is hers again": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("b", 60, anonymous_id="d2", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
        ],
        event("late", 65, contacts=mail("home@x.org")),
    ),
    "a shared e-mail at the very moment and message of a mark": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("b", 60, anonymous_id="d2", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
            event("d", 90, anonymous_id="d3", contacts=mail("home@x.org")),
        ],
        event("b", 60, contacts=mail("home@x.org")),
    ),
    "a shared e-mail at the very moment and message of the last mark": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
        ],
        event("c", 30, contacts=mail("home@x.org")),
    ),
    "of two e-mails that a phone joins, the one heard first leads": (
        [
            event("a", 10, anonymous_id="d2", contacts=mail("z@x.org")),
            event("b", 20, anonymous_id="d3", contacts=(*mail("a@x.org"), Contact(type="phone", value="+491"))),
            event("c", 50, anonymous_id="d4", contacts=(*mail("z@x.org"), Contact(type="phone", value="+491"))),
        ],
        event("late", 45),
    ),
    "a shared e-mail after her mark in the midst of a slice is hers": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
            event("b", 40, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("d", 60, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
        ],
        event("late", 45, contacts=mail("home@x.org")),
    ),
    "a shared e-mail at the moment and message of her mark in the midst of a slice is hers": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("c", 30, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
            event("x", 45, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("d", 60, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
        ],
        event("x", 45, contacts=mail("home@x.org")),
    ),
    "a shared e-mail at the moment and message of his first mark is his": (
        [
            event("a", 0, anonymous_id="d2", user_id="jane", contacts=mail("home@x.org")),
            event("b", 60, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
            event("d", 90, anonymous_id="d3", user_id="joe", contacts=mail("home@x.org")),
        ],
        event("b", 60, contacts=mail("home@x.org")),
    ),
    "a nameless slice begins with the message id that began a user's, from another sender": (
        [event("m", 0, user_id="jane"), event("out", 10, **LOGOUT)],
        event("m", 20, source="till"),
    ),
    "a nameless slice begins with the message id that began an e-mail's, from another sender": (
        [event("m", 0, contacts=mail("a@x.org")), event("out", 10, **LOGOUT)],
        event("m", 20, source="till"),
    ),
    "a view comes late exactly half an hour after a visit": ([event("a", 0), event("b", 61)], event("late", 30)),
    "a view comes late a little more than half an hour after a visit": (
        [event("a", 0), event("b", 120)],
        event("late", 30.001),
    ),
    "a claim keeps a trait that is named like an identifier": (
        [event("p", 0, anonymous_id="d2", **PROVEN), event("b", 20)],
        event("late", 10, type="identify", user_id="jane", traits={"user_id": "mine", "plan": "free"}),
    ),
    "an e-mail that is a user's id as well is heard after it": (
        [event("v", 40, anonymous_id="d2", contacts=mail("j@x.org")), event("a", 0, user_id="j@x.org"), event("c", 30)],
        event("late", 20, user_id="j@x.org", contacts=mail("j@x.org")),
    ),
    "a claim in another name after a logout and a claimed stretch that a late e-mail cut": (
        [
            event("x", -30),
            event("out", -20, **LOGOUT),
            *PROVED_ELSEWHERE,
            *CLAIMED_AND_CUT_LATE,
        ],
        event("late", 40, user_id="joe"),
    ),
    "a late logout takes the user from a long stretch with two e-mails": (
        [
            event("m0", 0, user_id="jane"),
            event("m1", 1),
            event("m2", 2, contacts=mail("a@x.org")),
            event("m3", 3, contacts=mail("b@x.org")),
            *(event(f"m{nth}", nth) for nth in range(4, 9)),
        ],
        event("late", 0.5, **LOGOUT),
    ),
    "an order and then a logout come late into a long stretch that goes on": (
        [event("m0", 0, user_id="jane"), *(event(f"m{nth}", nth) for nth in range(1, 5)), event("o", 3.5, **ORDER)],
        event("late", 0.5, **LOGOUT),
    ),
    "a view comes late after a long stretch, and then a logout into that": (
        [
            event("m0", 0, user_id="jane"),
            event("m1", 1),
            *(event(f"m{nth}", 100 + nth) for nth in range(2, 7)),
            event("out", 110, **LOGOUT),
            event("n0", 120),
            event("n1", 140),
            event("view", 130),
        ],
        event("late", 0.5, **LOGOUT),
    ),
    "joined users whose slices begin alike, from two senders, are led by the smaller name": (
        [event("m", 0, user_id="zed"), event("m", 0, user_id="adam", source="till"), event("b", 20)],
        event("late", 10, type="alias", anonymous_id=None, user_id="zed", previous_id="adam", trust=Trust.SERVER),
    ),
    "joined e-mails that are heard alike, from two senders, are led by the smaller one": (
        [
            event("m", 0, contacts=(*mail("z@x.org"), Contact(type="phone", value="+491"))),
            event("m", 0, contacts=(*mail("a@x.org"), Contact(type="phone", value="+491")), source="till"),
            event("b", 20),
        ],
        event("late", 10),
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


@pytest.mark.parametrize("minute", [20, 5])
def test_a_contact_that_comes_beside_a_known_one_makes_its_address_a_shared_one(minute: float) -> None:
    """At the end of the open slice, or late into it: then two users carry the shop's address, and one is too many."""
    card = Contact(type="loyalty_card", value="L1")
    arrived = [
        event("a", 0, user_id="jane", contacts=(card,)),
        event("b", 10, user_id="jane"),
        event("c", 15, anonymous_id="d2", user_id="joe", contacts=mail("shop@x.org")),
        event("d", 16, anonymous_id="d3", contacts=mail("shop@x.org")),
        event("e", minute, user_id="jane", contacts=(*mail("shop@x.org"), card)),
    ]
    check(arrived, [1] * 5, Most(users_of_contact=1))


@pytest.mark.parametrize("name", STORIES)
async def test_a_timeline_is_in_order_whenever_its_events_came(name: str) -> None:
    before, late = STORIES[name]
    log, store = MemoryLog(), MemoryStore()
    await fold(log, store, [*before, late], [1] * len(before))
    timeline = await FoldedPeople(store, log).timeline(Who("anonymous_id", "d1"), limit=200, newest_first=False)
    assert timeline is not None
    shown = [(each.timestamp, each.message_id) for each in timeline.events]
    assert shown == sorted(shown)
