"""What may happen, and to whom: the catalogue that `histories.py` picks from, filled once from a seed.

Few users, contacts, products and orders, so that they meet. An entry is a dict of an Event's fields; those that say who
are picked apart from it.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, TypeVar

from collector.event import RETRACTION, Contact, Derived

T = TypeVar("T")
Fields = dict[str, Any]

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
PRICES = (None, 0, 5, 12.5, "2.50", "59.70", -1, "n/a")
CURRENCIES = (None, None, "EUR", "usd")

CONTACTS = (
    *((), (), (), ("email",), ("email",), ("phone",), ("loyalty_card",), ("crm_id",)),
    *(("email", "loyalty_card"), ("email", "crm_id"), ("email", "phone")),
)
"""The types of an event's contacts, strongest first."""
VALUES = {"email": EMAILS, "phone": PHONES, "loyalty_card": CARDS, "crm_id": CARDS}
ENTRIES = 300
"""Entries of each kind; the kinds are picked equally often."""


class Given(NamedTuple):
    """The contacts of an event, and which of them its proof signs, if it has one."""

    contacts: tuple[Contact, ...]
    if_proven: tuple[Contact, ...]


def _contacts(chance: Random) -> Given:
    """None to two; a proof signs none, some or all of e-mail and phone."""
    told = [(type_, chance.choice(VALUES[type_])) for type_ in chance.choice(CONTACTS)]
    signs = {type_ for type_ in ("email", "phone") if chance.random() < 0.5}
    return Given(
        tuple(Contact(type=type_, value=value) for type_, value in told),
        tuple(Contact(type=type_, value=value, signed=type_ in signs) for type_, value in told),
    )


def _page(chance: Random) -> Fields:
    channel, page = chance.choice(CHANNELS), chance.choice(PAGES)
    derived = Derived(
        channel=channel,
        channel_source=channel and "somewhere",
        medium=channel and "some",
        campaign=channel and f"campaign of {page}",
        referrer=channel and f"https://{channel}.example/",
        page_url=page,
        **chance.choice(SURROUNDINGS),
    )
    return {"type": chance.choice(("page", "screen")), "derived": derived}


def _identify(chance: Random) -> Fields:
    said = {"name": chance.choice(("Jane", "Joe", None)), "plan": chance.choice((1, 2))}
    traits = {name: value for name, value in said.items() if chance.random() < 0.5}
    return {"type": chance.choice(("identify", "identify", "group")), "traits": traits}


def _track(chance: Random) -> Fields:
    if chance.random() < 0.5:
        return {"type": "track", "event": "Logged Out"}
    engaged_ms = chance.choice((0, 4000, 9_999.9, 10_000, True, -5, "9000", 10**9))
    return {"type": "track", "event": "Page Left", "properties": {"engaged_ms": engaged_ms}}


def _purchase(chance: Random) -> Fields:
    name = chance.choice(
        ("Product Added", "Product Removed", "Cart Viewed", "Order Completed", "Order Completed", "Order Refunded")
    )
    properties = _product(chance) if name.startswith("Product") else _order(chance)
    if name in ("Cart Viewed", "Order Refunded") and chance.random() < 0.6:
        properties["products"] = chance.choice((None, [], [_product(chance)], [_product(chance), _product(chance)]))
    derived = chance.choice((Derived(), Derived(currency="CHF")))
    return {"type": "track", "event": name, "properties": properties, "derived": derived}


def _product(chance: Random) -> dict[str, Any]:
    product = {
        "product_id": chance.choice(PRODUCTS),
        "sku": "S",
        "name": "Shoe",
        "currency": chance.choice(CURRENCIES),
        "price": chance.choice(PRICES),
        "quantity": chance.choice((None, 1, 2, 3, 0, "2")),
    }
    return {name: value for name, value in product.items() if chance.random() < 0.7}


def _order(chance: Random) -> dict[str, Any]:
    order = {
        "order_id": chance.choice(ORDER_IDS),
        "revenue": chance.choice(PRICES),
        "total": chance.choice(PRICES),
        "currency": chance.choice(CURRENCIES),
    }
    return {name: value for name, value in order.items() if chance.random() < 0.7}


def _alias(chance: Random) -> Fields:
    """Some with nobody (a blocked id) or with oneself."""
    return {"type": "alias", "previous_id": chance.choice((*USERS, *USERS, None))}


def _retraction(chance: Random) -> Fields:
    """Of ids that exist, will exist, or never do."""
    message_ids = chance.sample(MESSAGE_IDS, chance.choice((1, 1, 2)))
    return {"type": RETRACTION, "properties": {"message_ids": message_ids, "reason": "a mistake"}}


def _filled(some: Callable[[Random], T]) -> tuple[T, ...]:
    """Entries of one kind, always the same, the shortest first."""
    chance = Random(1)
    return tuple(sorted((some(chance) for _ in range(ENTRIES)), key=lambda entry: len(repr(entry))))


GIVEN = _filled(_contacts)
HAPPENINGS = tuple(
    entry
    for kind in (_page, _page, _page, _identify, _identify, _track, _track, _purchase, _purchase, _retraction, _alias)
    for entry in _filled(kind)
)
RETRACTIONS = _filled(_retraction)
