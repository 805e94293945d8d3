"""Driving the mind as in production (log → worker → store → exports), and comparing what it says with the oracle.

found = fold_in_memory(history, sizes)     # or fold() on a log and a store of your own, then everything(people)
compare(recompute(as_log(history)), found)
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from collector.event import Event, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import owners
from sessionizer.people import FoldedPeople
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.oracle import World

EXPORTS = ("profiles", "events", "sessions")
Exports = dict[str, list[dict[str, Any]]]


async def fold(log: EventLog, store: ProfileStore, history: Sequence[Event], sizes: Sequence[int]) -> None:
    """Append the history in batches of these sizes, folding after each."""
    worker = Worker(log, store, batch=7)
    rest = list(history)
    for size in [*sizes, len(rest)]:
        batch, rest = rest[:size], rest[size:]
        await log.append([Record(event.anonymous_id or "", to_record(event)) for event in batch])
        await worker.catch_up()


async def exported(people: FoldedPeople, what: str) -> list[dict[str, Any]]:
    lines = b"".join([chunk async for chunk in people.export(what)])
    return [msgspec.json.decode(line) for line in lines.splitlines()]


async def everything(people: FoldedPeople) -> Exports:
    """All three exports, decoded."""
    return {what: await exported(people, what) for what in EXPORTS}


def fold_in_memory(history: Sequence[Event], sizes: Sequence[int]) -> Exports:
    """The exports after a history came in batches of these sizes, on memory."""

    async def run() -> Exports:
        log, store = MemoryLog(), MemoryStore()
        await fold(log, store, history, sizes)
        return await everything(FoldedPeople(store, log))

    return asyncio.run(run())


def named(root: Any) -> tuple[str, ...]:
    """The oracle's root as the text-only tuple that profile ids are made of."""
    return tuple(("server" if each else "") if isinstance(each, bool) else each for each in root)


def as_bytes(found: Exports) -> dict[str, bytes]:
    """Exports as bytes, without the one fact of arrival that a test cannot set: positions."""
    return {
        what: msgspec.json.encode([{**row, "position": 0} if "position" in row else row for row in rows])
        for what, rows in found.items()
    }


def same_key(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["source"], event["trust"] == "server", event["anonymous_id"], event["message_id"])


def compare(world: World, found: Exports) -> None:
    """The exports say exactly what the oracle says."""
    groups: dict[str, set[Any]] = defaultdict(set)
    for event in found["events"]:
        groups[event["profile_id"]].add(same_key(event))
    expected: dict[Any, set[Any]] = defaultdict(set)
    for key, root in world.root_of().items():
        expected[root].add(key)
    assert set(map(sorted_keys, groups.values())) == set(map(sorted_keys, expected.values()))

    sessions: dict[str, set[Any]] = defaultdict(set)
    for event in found["events"]:
        if event["session_id"] is not None:
            sessions[event["session_id"]].add(same_key(event))
    wanted: dict[Any, set[Any]] = defaultdict(set)
    for key, session in world.session_of().items():
        wanted[session].add(key)
    assert set(map(sorted_keys, sessions.values())) == set(map(sorted_keys, wanted.values()))
    assert len(found["sessions"]) == len(world.visits)

    by_keys = {sorted_keys(keys): root for root, keys in expected.items()}
    profile_of = {profile["profile_id"]: profile for profile in found["profiles"]}
    assert profile_of.keys() == groups.keys()
    assert profile_of.keys() == {owners.profile_id(named(root)) for root in world.people}
    for profile_id, keys in groups.items():
        person, profile = world.people[by_keys[sorted_keys(keys)]], profile_of[profile_id]
        totals = person.totals
        assert (profile["status"] == "known") == person.known
        assert profile["totals"]["events"] == totals.events
        assert profile["totals"]["page_views"] == totals.page_views
        assert profile["totals"]["sessions"] == totals.sessions
        assert profile["totals"]["orders"] == totals.orders
        assert profile["totals"]["engaged_ms"] == totals.engaged_ms
        assert {iso: Decimal(text) for iso, text in profile["totals"]["revenue"].items()} == totals.revenue
        assert profile["traits"] == person.traits
        assert (profile["first_seen"], profile["last_seen"]) == (person.first_seen, person.last_seen)
        assert shown_touch(profile["first_touch"]) == (person.first_touch and tuple(person.first_touch))
        assert shown_touch(profile["last_touch"]) == (person.last_touch and tuple(person.last_touch))
        assert shown_cart(profile["cart"]) == (
            person.cart
            and (
                [(item.product_id, item.quantity, item.price, item.name) for item in person.cart.items],
                person.cart.value,
                person.cart.currency,
                person.cart.updated_at,
            )
        )
    ids = {same_key(event): event["session_id"] for event in found["events"]}
    visits = [
        (
            ids[key_of(visit.said[0].event)],
            clock.to_text(visit.said[0].place[0]),
            len(visit.said),
            visit.page_views,
            visit.engaged_ms,
            visit.engaged,
            visit.orders,
            sorted(visit.revenue.items()),
            visit.touch.channel,
        )
        for visit in world.visits
    ]
    shown = [
        (
            session["session_id"],
            session["started_at"],
            session["events"],
            session["page_views"],
            session["engaged_ms"],
            session["engaged"],
            session["orders"],
            [(iso, Decimal(text)) for iso, text in session["revenue"].items()],
            session["channel"],
        )
        for session in found["sessions"]
    ]
    assert sorted(shown) == sorted(visits)


def key_of(event: Event) -> tuple[Any, ...]:
    return (event.source, event.trust == "server", event.anonymous_id, event.message_id)


def sorted_keys(keys: set[Any]) -> tuple[Any, ...]:
    return tuple(sorted(keys, key=repr))


def shown_touch(touch: dict[str, Any] | None) -> tuple[Any, ...] | None:
    return touch and tuple(
        touch[name] for name in ("channel", "source", "medium", "campaign", "referrer", "landing_page", "at")
    )


def shown_cart(cart: dict[str, Any] | None) -> tuple[Any, ...] | None:
    if cart is None:
        return None
    items = [
        (each["product_id"], each["quantity"], each["price"] and Decimal(each["price"]), each["name"])
        for each in cart["items"]
    ]
    return (items, Decimal(cart["value"]), cart["currency"], cart["updated_at"])
