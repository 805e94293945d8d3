"""Small nasty histories for Hypothesis, so that a dozen events are enough to meet most corners of docs/identity.md.

Few devices, users and contacts, times around the session gap, and everything said with every degree of trust.

Events are canonical, as an edge would store them (normalised, unblocked, proofs checked), in their order of arrival.
"""

from collections import defaultdict
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from collector.event import RETRACTION, Contact, Derived, Event, Trust
from collector.runtime import clock

BASE_MS = clock.from_text("2026-03-02T00:00:00Z")
HALF_GAP_MS = 900_000

DEVICES = ("d1", "d2", "d3", "d4")
USERS = ("jane", "joe", "Zoë")
EMAILS = ("a@x.org", "b@x.org", "home@x.org")
PHONES = ("+49301111111", "+49302222222")
CARDS = ("L1", "L2")
MESSAGE_IDS = (*(f"m{n:02}" for n in range(30)), "～", "😀", "Z")
SOURCES = ("default", "default", "default", "till")
CHANNELS = (None, "direct", "email", "organic_search", "internal", "payment")
PAGES = ("https://shop.example/", "https://shop.example/shoes", None)
SURROUNDINGS: tuple[dict[str, Any], ...] = (
    {},
    {"browser": "Firefox", "os": "Linux", "device_type": "desktop", "country": "DE"},
    {"browser": "Safari", "os": "iOS", "device_type": "mobile", "country": "FR"},
)
PRODUCTS = ("A", "B", 7)
ORDER_IDS = ("O1", "O2", 3)

times_ms = st.builds(
    lambda half_gaps, extra: BASE_MS + half_gaps * HALF_GAP_MS + extra,
    st.integers(0, 12),
    st.sampled_from((0, 0, 0, 1, 60_000)),
)
"""Neighbours are often exactly the gap apart, one millisecond more, or at the same moment."""

trusts = st.sampled_from((Trust.PUBLIC, Trust.PUBLIC, Trust.PUBLIC, Trust.PROVEN, Trust.SERVER))
currencies = st.sampled_from((None, None, "EUR", "usd"))
prices = st.sampled_from((None, 0, 5, 12.5, "2.50", "59.70", -1, "n/a"))


def histories(max_events: int = 16) -> st.SearchStrategy[list[Event]]:
    """Histories of up to `max_events` events, repeats and retractions among them, in order of arrival."""
    short = st.lists(events(), min_size=1, max_size=max_events)
    long = st.lists(events(), min_size=max_events // 2, max_size=max_events)
    return st.one_of(short, long).map(_received_in_order)


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


@st.composite
def events(draw: st.DrawFn) -> Event:
    """One event, its words about identity apart from what happened."""
    kind = draw(st.sampled_from(("retraction", "alias", *["any"] * 9)))
    if kind == "retraction":
        return draw(retractions())
    trust = draw(st.sampled_from((*[Trust.SERVER] * 3, *Trust)) if kind == "alias" else trusts)
    devices = st.sampled_from(DEVICES)
    users = st.sampled_from(USERS)
    is_proven = trust == Trust.PROVEN  # a proof names a user and a device
    contacts = draw(contact_sets(is_proven))
    in_person = {contact.type: contact.value for contact in contacts if contact.type in ("email", "phone")}
    return Event(
        **draw(aliases(in_person) if kind == "alias" else happenings(in_person)),
        message_id=draw(st.sampled_from(MESSAGE_IDS)),
        timestamp=clock.to_text(draw(times_ms)),
        received_at="",
        source=draw(st.sampled_from(SOURCES)),
        trust=trust,
        anonymous_id=draw(devices if is_proven else st.one_of(devices, devices, devices, st.none())),
        user_id=draw(users if is_proven or kind == "alias" else st.one_of(st.none(), st.none(), users)),
        contacts=contacts,
    )


@st.composite
def contact_sets(draw: st.DrawFn, is_proven: bool) -> tuple[Contact, ...]:
    """None to three contacts, strongest first; a proof signs none, some or all of e-mail and phone."""
    wanted = draw(
        st.sampled_from(
            ((), (), (), ("email",), ("email",), ("phone",), ("card",), ("email", "card"), ("email", "phone"))
        )
    )
    values = {"email": EMAILS, "phone": PHONES, "card": CARDS}
    names = {"email": "email", "phone": "phone", "card": draw(st.sampled_from(("loyalty_card", "crm_id")))}
    return tuple(
        Contact(
            type=names[kind],
            value=draw(st.sampled_from(values[kind])),
            signed=is_proven and kind != "card" and draw(st.booleans()),
        )
        for kind in wanted
    )


def happenings(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """What happened: the fields of an Event that say nothing about who, except the traits that carry its contacts."""
    kinds = (_pages, _pages, _identifies, _tracks, _shopping)
    return st.one_of(*(kind(in_person) for kind in kinds))


def aliases(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Aliases, some with nobody (a blocked id) or with oneself."""
    previous = st.sampled_from((*USERS, *USERS, None))
    return st.fixed_dictionaries({"type": st.just("alias"), "previous_id": previous, "context": _around(in_person)})


def retractions() -> st.SearchStrategy[Event]:
    """Of ids that exist, will exist, or never do."""
    return st.builds(
        lambda n, t, ids: Event(
            type=RETRACTION,
            message_id=f"r{n}",
            timestamp=clock.to_text(t),
            received_at="",
            source="default",
            trust=Trust.SERVER,
            properties={"message_ids": ids, "reason": "a mistake"},
        ),
        st.integers(0, 9),
        times_ms,
        st.lists(st.sampled_from(MESSAGE_IDS), min_size=1, max_size=2, unique=True),
    )


def _pages(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    derived = st.builds(
        lambda channel, page, where: Derived(
            channel=channel,
            channel_source=channel and "somewhere",
            medium=channel and "some",
            campaign=channel and f"campaign of {page}",
            referrer=channel and f"https://{channel}.example/",
            page_url=page,
            **where,
        ),
        st.sampled_from(CHANNELS),
        st.sampled_from(PAGES),
        st.sampled_from(SURROUNDINGS),
    )
    return st.fixed_dictionaries(
        {"type": st.sampled_from(("page", "screen")), "derived": derived, "context": _around(in_person)}
    )


def _identifies(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    said = st.fixed_dictionaries(
        {}, optional={"name": st.sampled_from(("Jane", "Joe", None)), "plan": st.integers(1, 2)}
    )
    return st.fixed_dictionaries(
        {
            "type": st.sampled_from(("identify", "identify", "group")),
            "traits": said.map(lambda traits: {**traits, **in_person}),
        }
    )


def _tracks(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    left = st.sampled_from((0, 4000, 9_999.9, 10_000, True, -5, "9000", 10**9)).map(lambda ms: {"engaged_ms": ms})
    return st.one_of(
        _track("Logged Out", st.just({}), in_person),
        _track("Page Left", left, in_person),
    )


def _shopping(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    product = st.fixed_dictionaries(
        {"price": prices, "quantity": st.sampled_from((None, 1, 2, 3, 0, "2"))},
        optional={
            "product_id": st.sampled_from(PRODUCTS),
            "sku": st.just("S"),
            "name": st.just("Shoe"),
            "currency": currencies,
        },
    )
    products = st.fixed_dictionaries({}, optional={"products": st.one_of(st.none(), st.lists(product, max_size=2))})
    order = st.fixed_dictionaries(
        {"currency": currencies}, optional={"order_id": st.sampled_from(ORDER_IDS), "revenue": prices, "total": prices}
    )
    refund = st.builds(lambda order, products: {**order, **products}, order, products)
    return st.one_of(
        _track("Product Added", product, in_person),
        _track("Product Removed", product, in_person),
        _track("Cart Viewed", products, in_person),
        _track("Order Completed", order, in_person),
        _track("Order Completed", order, in_person),
        _track("Order Refunded", refund, in_person),
    )


def _track(
    name: str, properties: st.SearchStrategy[Any], in_person: dict[str, str]
) -> st.SearchStrategy[dict[str, Any]]:
    derived = st.sampled_from((Derived(), Derived(currency="CHF")))
    return st.fixed_dictionaries(
        {
            "type": st.just("track"),
            "event": st.just(name),
            "properties": properties,
            "derived": derived,
            "context": _around(in_person),
        }
    )


def _around(in_person: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.just({"traits": in_person} if in_person else {})


def _key(event: Event) -> tuple[str, bool, str | None, str]:
    return event.source, event.trust == Trust.SERVER, event.anonymous_id, event.message_id


def _received_in_order(history: list[Event]) -> list[Event]:
    first_ms = BASE_MS + 86_400_000
    return [
        msgspec.structs.replace(event, received_at=clock.to_text(first_ms + nth * 1000))
        for nth, event in enumerate(history)
    ]
