"""One person's events, across devices, a page at a time, each with the session it is in."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Set
from heapq import merge
from itertools import accumulate, groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec

from collector.event import Event, from_record
from collector.log import CorruptRecord
from collector.runtime.clock import from_canonical
from sessionizer import views
from sessionizer.loading import Loader
from sessionizer.owners import Part, Person
from sessionizer.sessions import session_id
from sessionizer.state import Place

Cursor = tuple[int, str, str, str, bool]
"""The place of the last event of a page."""


class Entry(NamedTuple):
    """An event that has not been read yet."""

    t: int
    position: int
    session_id: str | None


class Page(NamedTuple):
    events: list[views.TimelineEvent]
    next: Place | None


async def page(
    loader: Loader, person: Person, limit: int, after: Place | None, types: Set[str], newest_first: bool
) -> Page:
    """Up to `limit` events after a place, oldest or newest first; only some types, if any are given."""
    keys = {part.visitor for part in person.parts}
    await loader.refs(keys)
    await loader.sessions(keys)
    from_t = after[0] if after is not None else None
    runs = [entries_from(loader, part, from_t, newest_first) for part in person.parts]
    found: list[tuple[Place, views.TimelineEvent]] = []
    for window in windows(merge(*runs, key=attrgetter("t"), reverse=newest_first), limit + 1):
        session_ids = {each.position: each.session_id for each in window}
        shown = [
            (place_of(event), show(event, position, session_ids[position]))
            for position, event in await read_events(loader, session_ids)
            if not types or event.type in types
        ]
        shown.sort(key=lambda each: each[0], reverse=newest_first)
        if after is not None:
            shown = [each for each in shown if (each[0] < after if newest_first else each[0] > after)]
        found += shown
        if len(found) > limit:
            break
    return Page([event for _, event in found[:limit]], found[limit - 1][0] if len(found) > limit else None)


def entries_from(loader: Loader, part: Part, from_t: int | None, newest_first: bool) -> Iterator[Entry]:
    """One slice's events from a time on, oldest or newest first, made as they are asked for."""
    events = loader.events_of(part)
    numbers = range(len(events))
    if from_t is not None and newest_first:
        numbers = range(bisect_right(events, from_t, key=itemgetter(0)))
    elif from_t is not None:
        numbers = range(bisect_left(events, from_t, key=itemgetter(0)), len(events))
    if part.device is None:
        return (Entry(*events[n], None) for n in (reversed(numbers) if newest_first else numbers))
    sessions = loader.sessions_of(part)
    ends = list(accumulate(session.events for session in sessions))
    device = part.device

    def entry(n: int) -> Entry:
        return Entry(*events[n], session_id(device, sessions[bisect_right(ends, n)].first[1]))

    return (entry(n) for n in (reversed(numbers) if newest_first else numbers))


def entries_in(loader: Loader, part: Part) -> list[Entry]:
    """One slice's events, in order; its refs and sessions must be loaded."""
    events = loader.events_of(part)
    if part.device is None:
        return [Entry(t, position, None) for t, position in events]
    ids = [
        each
        for session in loader.sessions_of(part)
        for each in [session_id(part.device, session.first[1])] * session.events
    ]
    return [Entry(t, position, each) for (t, position), each in zip(events, ids, strict=True)]


def windows(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Runs of at least `size` entries that never part two of one millisecond, whose order only the events tell."""
    window: list[Entry] = []
    for _, together in groupby(entries, key=lambda each: each.t):
        window += together
        if len(window) >= size:
            yield window
            window = []
    if window:
        yield window


async def read_events(loader: Loader, positions: Iterable[int]) -> list[tuple[int, Event]]:
    """The events at these positions. Raises CorruptRecord for what is none, though the mind took it for one.

    The mind looks no further into a record than it must.
    """
    found = []
    for record in await loader.fetch(list(positions)):
        try:
            found.append((record.position, from_record(record.body)))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise CorruptRecord(record.position, f"is no event: {error}") from error
    return found


def place_of(event: Event) -> Place:
    return (
        from_canonical(event.timestamp),
        event.message_id,
        event.anonymous_id or "",
        event.source,
        event.trust == "server",
    )


def show(event: Event, position: int, in_session: str | None) -> views.TimelineEvent:
    """The canonical event as readers see it."""
    return views.TimelineEvent(**shown_fields(event), position=position, session_id=in_session)


def shown_fields(event: Event) -> dict[str, Any]:
    fields = msgspec.structs.asdict(event)
    fields["trust"] = event.trust.value
    fields["contacts"] = [msgspec.to_builtins(contact) for contact in event.contacts]
    fields["derived"] = msgspec.to_builtins(event.derived)
    return fields
