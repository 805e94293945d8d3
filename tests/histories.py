"""Small nasty histories for Hypothesis, so that a dozen events are enough to meet most corners of docs/identity.md.

Few devices, users and contacts, times around the session gap, and everything said with every degree of trust.

Events are canonical, as an edge would store them (normalised, unblocked, proofs checked), in their order of arrival.
An event is a handful of picks (who, what, when) from lists made once, the plainest first: Hypothesis shrinks towards
those, and drawing an event costs less than folding it.
"""

from collections import defaultdict
from itertools import product
from random import Random
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from collector.event import RETRACTION, Contact, Derived, Event, Trust
from collector.runtime import clock
from tests.happenings import (
    CHANNELS,
    GIVEN,
    HAPPENINGS,
    MESSAGE_IDS,
    PAGES,
    PHONES,
    RETRACTIONS,
    SURROUNDINGS,
    USERS,
    Fields,
    Given,
)
from tests.oracle import Most

T = TypeVar("T")
Moment = tuple[str, str]
"""A time and a message id."""
Speaker = tuple[str | None, str | None, Trust, str]
"""A device, a user, how far they are believed, and a source."""

BASE_MS = clock.from_text("2026-03-02T00:00:00Z")
HALF_GAP_MS = 900_000
MONTH_MS = 30 * 86_400_000

DEVICES = ("d1", "d2", "d3", "d4")
SOURCES = ("default", "default", "default", "till")
TRUSTS = (Trust.PUBLIC, Trust.PUBLIC, Trust.PUBLIC, Trust.PROVEN, Trust.SERVER)
SPEAKERS = tuple(product((*DEVICES, None), (None, None, None, *USERS), TRUSTS, SOURCES))
TIMES_MS = (
    *(BASE_MS + n * HALF_GAP_MS + extra_ms for n in range(13) for extra_ms in (0, 0, 0, 1, 60_000)),
    *(BASE_MS + months * MONTH_MS + n * HALF_GAP_MS for months in (-7, 2) for n in range(3)),
)
"""Neighbours are often exactly the gap apart, one millisecond more, or at the same moment; some are months away."""

MOMENTS = tuple(product(map(clock.to_text, TIMES_MS), MESSAGE_IDS))


def histories(max_events: int = 16) -> st.SearchStrategy[list[Event]]:
    """Histories of up to `max_events` events, repeats and retractions among them, in order of arrival."""
    short = st.lists(events(), min_size=1, max_size=max_events)
    long = st.lists(events(), min_size=max_events // 2, max_size=max_events)
    return st.one_of(short, long).map(_received_in_order)


def events() -> st.SearchStrategy[Event]:
    """One event, its words about identity apart from what happened."""
    return st.tuples(_entries(HAPPENINGS), _entries(MOMENTS), _entries(SPEAKERS), _entries(GIVEN)).map(_event)


batches = st.sampled_from([(), (1,) * 16, (2,) * 8, (3,) * 5, (1, 6, 2, 3), (4, 1, 1, 1, 5), (7, 1), (1, 2, 4, 6)])
"""Sizes of the batches in which a history comes; what is left comes at once."""


def implausible() -> st.SearchStrategy[Most]:
    """Thresholds of rule 17 so low that a short history passes them."""
    return st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)).map(lambda most: Most(*most))


def retractions() -> st.SearchStrategy[Event]:
    """Of ids that exist, will exist, or never do."""
    return st.tuples(_entries(RETRACTIONS), _entries(MOMENTS)).map(_retraction)


def _entries(catalogue: tuple[T, ...]) -> st.SearchStrategy[T]:
    """As `sampled_from`, which would write the whole catalogue into every report."""
    return st.integers(0, len(catalogue) - 1).map(catalogue.__getitem__)


def _event(picked: tuple[Fields, Moment, Speaker, Given]) -> Event:
    what, (timestamp, message_id), (device, user, trust, source), given = picked
    if what["type"] == RETRACTION:
        return _retraction(picked[:2])
    if what["type"] == "alias":
        trust = Trust.SERVER if source == "default" else trust
        user = user or USERS[0]
    if trust == Trust.PROVEN:  # a proof names a user and a device
        user, device = user or USERS[0], device or DEVICES[0]
    in_person = {each.type: each.value for each in given.contacts if each.type in ("email", "phone")}
    said: Fields = {"context": {"traits": in_person} if in_person else {}}
    if what["type"] in ("identify", "group"):
        said = {"traits": {**what.get("traits", {}), **in_person}}
    return Event(
        **{**what, **said},
        message_id=message_id,
        timestamp=timestamp,
        received_at="",
        source=source,
        trust=trust,
        anonymous_id=device,
        user_id=user,
        contacts=given.if_proven if trust == Trust.PROVEN else given.contacts,
    )


def _retraction(picked: tuple[Fields, Moment]) -> Event:
    what, (timestamp, message_id) = picked
    return Event(
        **what,
        message_id=f"r{MESSAGE_IDS.index(message_id) % 10}",
        timestamp=timestamp,
        received_at="",
        source="default",
        trust=Trust.SERVER,
    )


def visits(max_events: int = 14) -> st.SearchStrategy[list[Event]]:
    """Views, carts and orders of one device over a few hours, with logins, logouts and e-mails; nothing repeated.

    Drawn from a seed, not piece by piece: Hypothesis likes short lists with all in order, and this is about long ones
    in which most events come late and fall into, between or beside sessions that are over.
    """
    return st.integers(0, 2**32).map(lambda seed: visits_of(Random(seed), max_events))


def visits_of(chance: Random, max_events: int) -> list[Event]:
    """The visits of a seeded generator, in a random order of arrival."""
    made = [_visit(chance, nth) for nth in range(chance.randint(4, max_events))]
    chance.shuffle(made)
    return _received_in_order(made)


def crowd(chance: Random, users: int, devices: int) -> list[Event]:
    """So many users on the device d1, who all give one address, and as many devices that give it without a user.

    Among them visits of some of them, here and elsewhere, with the address or a phone; in a random order of arrival.
    """
    shops, own = Contact(type="email", value="shop@x.org"), Contact(type="phone", value=PHONES[0])

    def said(nth: int, **who: Any) -> Event:
        return msgspec.structs.replace(_visit(chance, nth), **{"user_id": None, "contacts": (), **who})

    made = [said(nth, user_id=f"u{nth}", contacts=(shops,)) for nth in range(users)]
    made += [said(users + nth, anonymous_id=f"d{nth}", contacts=(shops,)) for nth in range(devices)]
    for nth in range(users):
        device, user = chance.choice(DEVICES), chance.choice((None, None, f"u{nth}"))
        contacts = chance.choice(((), (), (shops,), (own,), (shops, own)))
        made.append(said(users + devices + nth, anonymous_id=device, user_id=user, contacts=contacts))
    chance.shuffle(made)
    return _received_in_order(made)


def _visit(chance: Random, nth: int) -> Event:
    who: dict[str, Any] = {}
    match chance.randint(0, 11):
        case 0 | 1:
            who = {"user_id": chance.choice(("jane", "jane", "joe"))}
        case 2:
            who = {"contacts": (Contact(type="email", value=chance.choice(("a@x.org", "b@x.org"))),)}
    what: dict[str, Any] = {"type": "page", "name": chance.choice(("Home", "Shoes", None))}
    match chance.randint(0, 8):
        case 0:
            what = {"type": "track", "event": "Logged Out"}
        case 1:
            name = chance.choice(("Order Completed", "Order Refunded", "Product Added", "Cart Viewed"))
            about = {"order_id": chance.choice(("O1", "O2")), "revenue": 5, "product_id": "A", "price": "2.50"}
            what = {"type": "track", "event": name, "properties": about}
        case 2:
            what = {"type": "track", "event": "Page Left", "properties": {"engaged_ms": chance.choice((4000, 9_000))}}
    channel = chance.choice(CHANNELS)
    derived = Derived(
        channel=channel, page_url=chance.choice(PAGES), campaign=channel and str(nth), **chance.choice(SURROUNDINGS)
    )
    return Event(
        **what,
        **who,
        message_id=f"m{nth:02}",
        timestamp=clock.to_text(BASE_MS + chance.randint(0, 30) * 600_000 + chance.choice((0, 0, 1))),
        received_at="",
        source="default",
        trust=Trust.PUBLIC,
        anonymous_id="d1",
        derived=derived,
    )


def arrivals(history: list[Event]) -> st.SearchStrategy[list[Event]]:
    """The same events in any other order of arrival in which the first of equal keys stays the first (rule 1)."""

    def first_ones_first(shuffled: list[Event]) -> list[Event]:
        waiting: dict[Any, list[Event]] = defaultdict(list)
        for event in history:
            waiting[_key(event)].append(event)
        return [waiting[_key(event)].pop(0) for event in shuffled]

    return st.permutations(history).map(first_ones_first)


def as_log(history: list[Event]) -> list[tuple[int, Event]]:
    """The history with log positions, from 1."""
    return list(enumerate(history, start=1))


def _key(event: Event) -> tuple[str, bool, str | None, str]:
    return event.source, event.trust == Trust.SERVER, event.anonymous_id, event.message_id


def _received_in_order(history: list[Event]) -> list[Event]:
    first_ms = BASE_MS + 86_400_000
    return [
        msgspec.structs.replace(event, received_at=clock.to_text(first_ms + nth * 1000))
        for nth, event in enumerate(history)
    ]
