"""A dry run tells what would happen, and does nothing: what it says is what then happens."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import RETRACTION, Contact, Event, Trust, from_record_lazily, to_record
from collector.log import EventLog, Record
from collector.log.memory import MemoryLog
from collector.runtime import clock
from sessionizer import exporting
from sessionizer.decision import Decision
from sessionizer.erasures import Erasures
from sessionizer.evidence import Read, happening, is_retraction
from sessionizer.overlay import OverlaySnapshot
from sessionizer.people import FoldedPeople
from sessionizer.store import ProfileStore, Readable
from sessionizer.store.memory import MemoryStore
from sessionizer.store.sqlite import SqliteStore
from sessionizer.views import DryRun, Profile
from sessionizer.worker import Worker
from tests.histories import MESSAGE_IDS, USERS, histories

EXPORTS = ("profiles", "events", "sessions")
Rows = dict[str, list[dict[str, Any]]]
LATER = "2026-06-01T00:00:00.000Z"


async def append(log: EventLog, *events: Event) -> None:
    await log.append([Record(event.anonymous_id or "", to_record(event)) for event in events])


async def exported(snapshot: Readable, log: EventLog, whats: Sequence[str] = EXPORTS) -> Rows:
    found: Rows = {}
    for what in whats:
        lines = b"".join([chunk async for chunk in exporting.lines(what, snapshot, log)])
        found[what] = [msgspec.json.decode(line) for line in lines.splitlines()]
    return found


async def overlaid(store: ProfileStore, log: EventLog, event: Event) -> Rows:
    """Everything as it would be; but for the events themselves, of which one is not there."""
    async with store.snapshot() as snapshot:
        position = snapshot.position + 1
        stored = from_record_lazily(to_record(event))
        read = Read([happening(position, stored)], [], [], position)
        if is_retraction(stored):
            read = Read([], [stored], [], position)
        overlay = OverlaySnapshot(snapshot, await Decision(log, snapshot, Erasures(log)).of(read))
        return await exported(overlay, log)


def difference(before: Rows, after: Rows) -> dict[str, Any]:
    """What a dry run should have said, from everything before and after."""
    owners = [{row["position"]: row["profile_id"] for row in rows["events"]} for rows in (before, after)]
    profiles = [{row["profile_id"]: row for row in rows["profiles"]} for rows in (before, after)]
    visits: list[dict[str, set[bytes]]] = [{}, {}]
    for side, rows in enumerate((before, after)):
        for row in rows["sessions"]:
            visits[side].setdefault(row["session_id"], set()).add(msgspec.json.encode(row))
    members: list[dict[str, set[int]]] = [{}, {}]
    for side in (0, 1):
        for position, profile_id in owners[side].items():
            members[side].setdefault(profile_id, set()).add(position)
    changes = {}
    for profile_id in profiles[0].keys() | profiles[1]:
        had, has = members[0].get(profile_id, set()), members[1].get(profile_id, set())
        one, other = profiles[0].get(profile_id), profiles[1].get(profile_id)
        if one != other or had != has:
            changes[profile_id] = (one, other, len(has - had), len(had - has))
    return {
        "profiles": changes,
        "events_moved": sum(owners[1].get(each) not in (None, owner) for each, owner in owners[0].items()),
        "sessions_changed": sum(visits[0].get(each) != visits[1].get(each) for each in visits[0].keys() | visits[1]),
    }


def as_row(profile: Profile | None) -> Any:
    return profile and msgspec.json.decode(msgspec.json.encode(profile))


def told(answer: DryRun) -> dict[str, Any]:
    assert answer.profiles_changed == len(answer.profiles)
    return {
        "profiles": {
            each.profile_id: (as_row(each.before), as_row(each.after), each.events_gained, each.events_lost)
            for each in answer.profiles
        },
        "events_moved": answer.events_moved,
        "sessions_changed": answer.sessions_changed,
    }


async def check(history: Sequence[Event], event: Event, store: ProfileStore, batch: int) -> None:
    """Ask, look that nothing changed, do it, and compare."""
    log = MemoryLog()
    await append(log, *history)
    worker, people = Worker(log, store, batch=batch), FoldedPeople(store, log)
    await worker.catch_up()
    async with store.snapshot() as snapshot:
        before = await exported(snapshot, log)
        counted = await snapshot.counts()
    answer = await people.dry_run(event)
    would_be = await overlaid(store, log, event)
    async with store.snapshot() as snapshot:
        assert await exported(snapshot, log) == before
        assert await snapshot.counts() == counted
        assert await log.end() == len(history)
    await append(log, event)
    await worker.catch_up()
    async with store.snapshot() as snapshot:
        after = await exported(snapshot, log)
    assert told(answer) == difference(before, after)
    assert (would_be["profiles"], would_be["sessions"]) == (after["profiles"], after["sessions"])
    assert would_be["events"] == [row for row in after["events"] if row["position"] <= len(history)]


retracting = st.builds(
    lambda ids: Event(
        type=RETRACTION,
        message_id="the dry one",
        timestamp=LATER,
        received_at=LATER,
        source="api",
        trust=Trust.SERVER,
        properties={"message_ids": ids, "reason": ""},
    ),
    st.lists(st.sampled_from(MESSAGE_IDS[:12]), min_size=1, max_size=3, unique=True),
)
aliasing = st.builds(
    lambda user, previous: Event(
        type="alias",
        message_id="the dry one",
        timestamp=LATER,
        received_at=LATER,
        source="api",
        trust=Trust.SERVER,
        user_id=user,
        previous_id=previous,
    ),
    st.sampled_from((*USERS, "nobody")),
    st.sampled_from((*USERS, "nobody")),
)
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(histories(), st.one_of(retracting, retracting, aliasing), st.integers(1, 9))
@settings(deadline=None, suppress_health_check=slow)
def test_what_is_told_is_what_happens(history: list[Event], event: Event, batch: int) -> None:
    asyncio.run(check(history, event, MemoryStore(), batch))


@pytest.mark.parametrize("name", ["retraction", "alias"])
async def test_on_sqlite_too(name: str, tmp_path: Any) -> None:
    at = clock.to_text(0)

    def said(n: int, **fields: Any) -> Event:
        told = {"type": "identify", "source": "shop", "trust": Trust.PUBLIC, "anonymous_id": f"d{n}"} | fields
        return Event(message_id=f"m{n}", timestamp=at, received_at=at, **told)

    home = (Contact(type="email", value="home@x.org"),)
    history = [
        said(1, user_id="jane", contacts=home),
        said(2, contacts=home),
        said(3, user_id="joe"),
        said(4, user_id="joe", contacts=home),
    ]
    about = {"type": RETRACTION, "properties": {"message_ids": ["m1"]}}
    if name == "alias":
        about = {"type": "alias", "user_id": "jane", "previous_id": "joe"}
    event = said(5, **{**about, "anonymous_id": None, "trust": Trust.SERVER})
    store = await SqliteStore.open(tmp_path / "store.db", writer=True)
    try:
        await check(history, event, store, 100)
    finally:
        await store.close()
