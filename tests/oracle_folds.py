"""The oracle on what sessions and profiles say, rules 12 to 14 of docs/identity.md. Start at `oracle.py`;
orders and carts are in `oracle_commerce.py`.

Rows are those of the read API (docs/api.md) without their ids, with money as Decimal. Every function folds over events
in order, and knows nothing of how they came to belong together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.oracle import Contact, Root, Said, Slice, aliases, cut, strength
from tests.oracle_commerce import Row, cart, is_number, name_of, sales

VIEWS = ("page", "screen")
GAP_MS = 30 * 60 * 1000
SURROUNDINGS = ("browser", "os", "device_type", "country")
DAY_MS = 86_400_000


def visits(part: Slice) -> list[list[Said]]:  # rule 12
    """The slice cut by silence; nothing for an event without a device."""
    if part.said[0].event.anonymous_id is None:
        return []
    return list(cut(part.said, lambda visit, each: each.place[0] - visit[-1].place[0] > GAP_MS))


def sessions(slices: Iterable[Slice]) -> Iterator[tuple[Slice, list[Said], Row]]:
    """Every session: the slice it is of, its events, and what it says."""
    return ((part, visit, session(visit)) for part in slices for visit in visits(part))


def profiles(slices: Sequence[Slice]) -> dict[Root, Row]:
    """What everybody's profile says."""
    people: dict[Root, list[Slice]] = defaultdict(list)
    for part in slices:
        people[part.root].append(part)
    return {root: profile(of_person) for root, of_person in people.items()}


def message_ids(said: list[Said]) -> list[str]:
    return [each.event.message_id for each in said]


def people_in(slices: list[Slice]) -> dict[Root, list[str]]:
    """The message ids of everybody, sorted."""
    people: dict[Root, list[str]] = defaultdict(list)
    for part in slices:
        people[part.root] += message_ids(part.said)
    return {root: sorted(ids) for root, ids in people.items()}


def session(said: list[Said]) -> Row:  # rule 13
    engaged_ms, views = total_engaged_ms(said), [each for each in said if each.event.type in VIEWS]
    orders, revenue = sales(said)
    came_from = touch(said)
    return {
        "anonymous_id": said[0].event.anonymous_id,
        "started_at": came_from.pop("at"),
        "ended_at": said[-1].event.timestamp,
        "events": len(said),
        "page_views": len(views),
        "engaged_ms": engaged_ms,
        "engaged": engaged_ms >= 10_000 or len(views) >= 2 or any(name_of(each) == "Order Completed" for each in said),
        "entry_page": came_from.pop("landing_page"),
        "exit_page": page_of(views[-1]) if views else None,
        **came_from,
        **{name: first(getattr(each.event.derived, name) for each in said) for name in SURROUNDINGS},
        "orders": orders,
        "revenue": revenue,
    }


def profile(slices: Iterable[Slice]) -> Row:  # rule 14
    parts = sorted(slices, key=lambda part: part.said[0].place)
    said = sorted(each for part in parts for each in part.said)
    touches = [touch(visit) for visit in sorted(visit for part in parts for visit in visits(part))]
    orders, revenue = sales(said)
    latest = traits(said)
    return {
        "status": "known" if any(part.root[0] == "user" or part.first() for part in parts) else "anonymous",
        "identifiers": identifiers(said),
        "traits": {name: value for name, (value, _) in latest.items()},
        "trait_sources": {name: source_of(each) for name, (_, each) in latest.items()},
        "first_seen": said[0].event.timestamp,
        "last_seen": said[-1].event.timestamp,
        "totals": {
            "events": len(said),
            "page_views": sum(each.event.type in VIEWS for each in said),
            "sessions": len(touches),
            "orders": orders,
            "revenue": revenue,
            "engaged_ms": total_engaged_ms(said),
        },
        "cart": cart(said),
        "first_touch": next(iter(touches), None),
        "last_touch": next((each for each in reversed(touches) if each["channel"] != "direct"), None),
        "devices": [device(of_device) for of_device in by_device(said)],
    }


def identifiers(said: Iterable[Said]) -> list[Row]:
    """By strength, then the oldest first; an alias names both its users."""
    seen: dict[Contact, list[Said]] = defaultdict(list)
    for each in said:
        users = {user for alias in aliases([each]) for user in alias[:2]} | {each.user}
        devices = [("anonymous_id", each.event.anonymous_id)]
        for type_, value in [*(("user_id", user) for user in users), *each.contacts, *devices]:
            if value:
                seen[type_, value].append(each)
    place_in_order = {"user_id": 0, "anonymous_id": 2}
    in_order = sorted(
        seen, key=lambda name: (place_in_order.get(name[0], 1), strength(name), seen[name][0].place[0], name)
    )
    return [{"type": type_, "value": value, **span(seen[type_, value])} for type_, value in in_order]


def by_device(said: Iterable[Said]) -> Iterable[list[Said]]:
    devices: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        if each.event.anonymous_id is not None:
            devices[each.event.anonymous_id].append(each)
    return devices.values()


def device(said: list[Said]) -> Row:
    """A device as it last described itself."""
    browser, os, type_, country = (
        first(getattr(each.event.derived, name) for each in reversed(said)) for name in SURROUNDINGS
    )
    return {
        "anonymous_id": said[0].event.anonymous_id,
        "browser": browser,
        "os": os,
        "type": type_,
        "country": country,
        **span(said),
    }


def span(said: list[Said]) -> Row:
    return {"first_seen": said[0].event.timestamp, "last_seen": said[-1].event.timestamp}


def source_of(said: Said) -> Row:
    return {"source": said.event.source, "at": said.event.timestamp, "message_id": said.event.message_id}


def first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def page_of(said: Said) -> str | None:
    """A page or screen by its address, else its path, else its name."""
    return said.event.derived.page_url or said.event.derived.page_path or said.event.name


def total_engaged_ms(said: Iterable[Said]) -> int:
    reported = (each.event.properties.get("engaged_ms") for each in said)
    return sum(int(min(ms, DAY_MS)) for ms in reported if is_number(ms) and ms >= 0)


def touch(said: list[Said]) -> Row:
    """Where the visit came from: what its first page or screen says."""
    view = next((each for each in said if each.event.type in VIEWS), None)
    row: Row = {"channel": "direct", "source": None, "medium": None, "campaign": None, "referrer": None}
    if view and view.event.derived.channel not in (None, "internal", "payment"):
        says = view.event.derived
        row = {
            "channel": says.channel,
            "source": says.channel_source,
            "medium": says.medium,
            "campaign": says.campaign,
            "referrer": says.referrer,
        }
    return {**row, "landing_page": page_of(view) if view else None, "at": said[0].event.timestamp}


def traits(said: Iterable[Said]) -> dict[str, tuple[Any, Said]]:
    """Per name the value last in order, and who said it. The trait that carried a lost contact is lost with it."""
    latest: dict[str, tuple[Any, Said]] = {}
    for each in said:
        around = each.event.context.get("traits")
        told = dict(around) if isinstance(around, dict) else {}
        if each.event.type == "identify":
            told |= each.event.traits
        latest |= {name: (value, each) for name, value in told.items() if name not in each.lost}
    return latest
