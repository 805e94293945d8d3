"""Driving the mind as in production (log → worker → store → exports), and comparing what it says with the oracle.

found = fold_in_memory(history, sizes)     # or fold() on a log and a store of your own, then everything(people)
compare(recompute(as_log(history)), found)
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec
import pytest

from collector.event import Event, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from sessionizer import guards, owners
from sessionizer.people import FoldedPeople
from sessionizer.sessions import session_id
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker
from tests.histories import as_log
from tests.oracle import MOST, Most, Root, Slice, key, recompute
from tests.oracle_commerce import Row
from tests.oracle_folds import profiles, sessions

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

    return _loop().run_until_complete(run())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all histories: to make one, or to run it as a program's main loop, costs as much as folding a history."""
    return asyncio.new_event_loop()


def as_bytes(found: Exports) -> dict[str, bytes]:
    """Exports as bytes, without the one fact of arrival that a test cannot set: positions."""
    return {
        what: msgspec.json.encode([{**row, "position": 0} if "position" in row else row for row in rows])
        for what, rows in found.items()
    }


@contextmanager
def few_are_many(most: Most) -> Iterator[None]:
    """The mind with these thresholds for rule 17, so that short histories meet it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "MOST_USERS_OF_DEVICE", most.users_of_device)
        patch.setattr(guards, "MOST_USERS_OF_CONTACT", most.users_of_contact)
        patch.setattr(guards, "MOST_DEVICES_OF_CONTACT", most.devices_of_contact)
        yield


def check(history: list[Event], sizes: Sequence[int], most: Most = MOST) -> None:
    """The mind, told this history in batches of these sizes, says what the oracle says."""
    try:
        with few_are_many(most):
            compare(recompute(as_log(history), most), fold_in_memory(history, sizes))
    except AssertionError as error:
        error.add_note("\n".join(["The history:", *(to_record(event).decode() for event in history)]))
        raise


def compare(slices: list[Slice], found: Exports) -> None:
    """The exports say exactly what the oracle says: whose everything is, and every row."""
    belongs: dict[Any, Any] = {key(each.event): (profile_id(part.root), None) for part in slices for each in part.said}
    visits: list[Row] = []
    for part, said, row in sessions(slices):
        ids = {
            "session_id": session_id(row["anonymous_id"], said[0].event.message_id),
            "profile_id": profile_id(part.root),
        }
        visits.append({**row, **ids})
        belongs |= {key(each.event): (ids["profile_id"], ids["session_id"]) for each in said}
    people = [{**row, "profile_id": profile_id(root)} for root, row in profiles(slices).items()]

    events = [(_key(event), (event["profile_id"], event["session_id"])) for event in found["events"]]
    assert dict(events) == belongs
    assert len(events) == len(belongs)
    _compare_rows(visits, found["sessions"], "session_id")
    _compare_rows(people, found["profiles"], "profile_id")


def _compare_rows(expected: list[Row], found: list[Row], id_: str) -> None:
    """The same rows, in what the oracle knows of them. Two visits may have one id: see "Roots and ids"."""
    order = (
        itemgetter(id_, "first_seen") if id_ == "profile_id" else itemgetter(id_, "started_at", "ended_at", "events")
    )
    assert [row[id_] for row in sorted(found, key=order)] == [row[id_] for row in sorted(expected, key=order)]
    for row, wanted in zip(sorted(found, key=order), sorted(expected, key=order), strict=True):
        assert {name: _with_numbers(name, row[name]) for name in wanted} == wanted


def _with_numbers(name: str, value: Any) -> Any:
    """What an export says, its money as Decimal."""
    match name:
        case "revenue":
            return {iso: Decimal(text) for iso, text in value.items()}
        case "totals":
            return {**value, "revenue": _with_numbers("revenue", value["revenue"])}
        case "cart" if value is not None:
            items = [{**each, "price": each["price"] and Decimal(each["price"])} for each in value["items"]]
            return {**value, "items": items, "value": Decimal(value["value"])}
    return value


def profile_id(root: Root) -> str:
    """The id the mind gives this root, which it writes in texts only."""
    return owners.profile_id(tuple(("server" if each else "") if isinstance(each, bool) else each for each in root))


def _key(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["source"], event["trust"] == "server", event["anonymous_id"], event["message_id"])
