"""Exports: everything, in canonical order, a page at a time. The same state gives the same bytes.

Every page gets a world of its own, so that memory stays flat however many people there are.
"""

from collections.abc import AsyncIterator, Iterable
from itertools import islice

import msgspec

from collector.log import EventLog
from sessionizer import profiles as profile_views
from sessionizer import sessions as session_views
from sessionizer import timelines, views
from sessionizer.erasures import Erasures
from sessionizer.exported import ExportedRow, exported
from sessionizer.loading import Loader
from sessionizer.owners import Part, Person, World, person_of_part, person_of_root, profile_id
from sessionizer.state import Root, visitor_key
from sessionizer.store import Damaged, Readable

PAGE = 500
"""Roots or visitors a page."""
DEVICES, DEVICELESS = "d", "e"
"""What visitor keys begin with (`state.visitor_key`)."""

_encode = msgspec.json.Encoder().encode


async def lines(what: str, snapshot: Readable, log: EventLog, erasures: Erasures | None = None) -> AsyncIterator[bytes]:
    """`profiles`, `events` or `sessions` as NDJSON, in chunks of whole lines."""
    rows: AsyncIterator[msgspec.Struct]
    match what:
        case "profiles":
            rows = profiles(snapshot, log, "", erasures)
        case "events":
            rows = events(snapshot, log, erasures)
        case "sessions":
            rows = sessions(snapshot, log, erasures)
        case _:
            raise ValueError(f"no export of {what!r}: profiles, events or sessions")
    chunk: list[bytes] = []
    async for row in rows:
        chunk.append(_encode(row))
        if len(chunk) == PAGE:
            yield b"\n".join(chunk) + b"\n"
            chunk = []
    if chunk:
        yield b"\n".join(chunk) + b"\n"


async def profiles(
    snapshot: Readable, log: EventLog, after: str, erasures: Erasures | None = None
) -> AsyncIterator[views.Profile]:
    """All profiles after an id, by id: the known ids that are somebody's today."""
    while page := await snapshot.roots(after, PAGE):
        if any(profile_id(root) != id_ for id_, root in page):
            raise Damaged
        loader = Loader(snapshot, log, erasures)
        await loader.visitors([key for _, root in page if (key := visitor_of(root)) is not None])
        people = await loader.decide_all(holder, [root for _, root in page])
        for _, root in page:
            person = people[root]
            if person is not None and person.root == root:
                yield profile_views.show(person)
        after = page[-1][0]


def visitor_of(root: Root) -> str | None:
    """The visitor one of whose slices or events the root names; None for a user's or a contact's."""
    match root:
        case ("device", device, _):
            return visitor_key(device, "", False, "")
        case ("event", source, server, message_id):
            return visitor_key(None, source, bool(server), message_id)
    return None


def holder(world: World, root: Root) -> Person | None:
    """Who has this very root today, as far as that can be; anybody else's is of no interest here."""
    key = visitor_of(root)
    if key is None:
        return person_of_root(world, root)
    part = next(iter(world.on_their_own(key, root)), None)
    return person_of_part(world, part) if part is not None else None


async def sessions(
    snapshot: Readable, log: EventLog, erasures: Erasures | None
) -> AsyncIterator[views.ExportedSession]:
    """All sessions, by (anonymous_id, started_at)."""
    async for keys in _pages(snapshot, DEVICES):
        loader = await _loaded(snapshot, log, keys, erasures)
        owners = await _profile_ids(loader, keys)
        for part in _parts(loader, keys):
            for session in loader.sessions_of(part):
                shown = session_views.show(session, part.device or "")
                yield views.ExportedSession(**msgspec.structs.asdict(shown), profile_id=owners[_name(part)])


async def events(snapshot: Readable, log: EventLog, erasures: Erasures | None) -> AsyncIterator[ExportedRow]:
    """All events, by (anonymous_id, timestamp, message_id); those without a device first."""
    deviceless = [key async for keys in _pages(snapshot, DEVICELESS) for key in keys]
    ordered = await _by_time(snapshot, log, deviceless, erasures)
    while keys := list(islice(ordered, PAGE)):
        async for event in _events_of(snapshot, log, keys, erasures):
            yield event
    async for keys in _pages(snapshot, DEVICES):
        async for event in _events_of(snapshot, log, keys, erasures):
            yield event


async def _by_time(snapshot: Readable, log: EventLog, keys: list[str], erasures: Erasures | None) -> Iterable[str]:
    """Keys of events without a device, by (timestamp, message_id)."""
    places = []
    for start in range(0, len(keys), PAGE):
        loader = Loader(snapshot, log, erasures)
        page = keys[start : start + PAGE]
        await loader.visitors(page)
        places += [(part.first, part.visitor) for part in _parts(loader, page)]
    return iter([key for _, key in sorted(places)])


async def _events_of(
    snapshot: Readable, log: EventLog, keys: list[str], erasures: Erasures | None
) -> AsyncIterator[ExportedRow]:
    loader = await _loaded(snapshot, log, keys, erasures)
    await loader.refs(keys)
    owners = await _profile_ids(loader, keys)
    entries = [
        (entry, owners[_name(part)]) for part in _parts(loader, keys) for entry in timelines.entries_in(loader, part)
    ]
    for start in range(0, len(entries), PAGE):
        page = entries[start : start + PAGE]
        found = dict(await loader.fetch([entry.position for entry, _ in page]))
        for entry, owner in page:
            if entry.position in found:
                yield exported(found[entry.position], entry.position, entry.session_id, owner)


async def _pages(snapshot: Readable, prefix: str) -> AsyncIterator[list[str]]:
    after = prefix
    while keys := [key for key in await snapshot.keys(after, PAGE) if key.startswith(prefix)]:
        yield keys
        after = keys[-1]


async def _loaded(snapshot: Readable, log: EventLog, keys: list[str], erasures: Erasures | None) -> Loader:
    loader = Loader(snapshot, log, erasures)
    await loader.visitors(keys)
    await loader.sessions(keys)
    return loader


def _parts(loader: Loader, keys: Iterable[str]) -> Iterable[Part]:
    return (part for key in keys for part in loader.world.parts[key])


def _name(part: Part) -> tuple[str, int]:
    return (part.visitor, part.slice.number)


async def _profile_ids(loader: Loader, keys: Iterable[str]) -> dict[tuple[str, int], str]:
    """Whose each slice is, by profile id."""

    def owner(world: World, name: tuple[str, int]) -> str:
        visitor, number = name
        return profile_id(person_of_part(world, world.part(visitor, number)).root)

    return await loader.decide_all(owner, [_name(part) for part in _parts(loader, keys)])
