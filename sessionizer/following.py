"""Following the facts: pages of what was published, in the order it was found, from where a consumer stands.

A cursor names a place in one store's numbering. A store made anew counts anew, unless the numbering was carried over
(`ariane replay`), and its cursors are others.
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from collector.runtime.clock import to_text
from sessionizer import uuids, views
from sessionizer.cursors import read_cursor, write_cursor
from sessionizer.facts import (
    Fact,
    ProfilesMerged,
    ProfilesSplit,
    SessionAmended,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    SliceSeen,
    TraitsChanged,
)
from sessionizer.reading import BadCursor
from sessionizer.store import Snapshot

_read = msgspec.json.decode

LOOKED_THROUGH = 10_000
"""Facts looked at for one page, at most, where only some types are wanted."""


class Place(NamedTuple):
    """Where a consumer stands: after the fact with this number."""

    epoch: int
    number: int


async def page(snapshot: Snapshot, after: str | None, limit: int, types: Collection[str]) -> views.FactPage:
    """The facts after a cursor (None: from the first), only of some types if any are named. Raises BadCursor."""
    counts = await snapshot.counts()
    epoch, end = counts["facts_epoch"], counts["facts"]
    place = Place(epoch, 0) if after is None else Place(*read_cursor(after, tuple[int, int]))
    if place.epoch != epoch or not 0 <= place.number <= end:
        raise BadCursor(after)
    found: list[views.Fact] = []
    number = place.number
    while number < end and len(found) < limit and number - place.number < LOOKED_THROUGH:
        for first, found_ms, facts in await snapshot.facts(number, limit):
            at = to_text(found_ms)
            for number_, fact in enumerate(facts, start=first):
                if number < number_ and len(found) < limit:
                    number = number_
                    if fact is not None and (not types or type(fact).__name__ in types):
                        found.append(show(fact, _cursor(epoch, number), at))
    return views.FactPage(facts=found, next=_cursor(epoch, number))


def _cursor(epoch: int, number: int) -> str:
    return write_cursor((epoch, number)) or ""


def show(fact: Fact, cursor: str, at: str) -> views.Fact:
    """A fact as readers see it; `at`: when it was found."""
    match fact:
        case SessionStarted():
            return views.SessionStarted(
                cursor=cursor,
                found_at=at,
                anonymous_id=fact.device,
                session_id=uuids.as_text(fact.id),
                started_at=to_text(fact.first),
            )
        case SessionEnded():
            return views.SessionEnded(
                cursor=cursor, found_at=at, anonymous_id=fact.device, session=_session(fact.session)
            )
        case SessionAmended():
            return views.SessionAmended(
                cursor=cursor,
                found_at=at,
                anonymous_id=fact.device,
                before=[_session(each) for each in fact.before],
                after=[_session(each) for each in fact.after],
            )
        case _:
            return _profile_fact(fact, cursor, at)


def _profile_fact(fact: ProfilesMerged | ProfilesSplit | TraitsChanged, cursor: str, at: str) -> views.Fact:
    match fact:
        case ProfilesMerged():
            return views.ProfilesMerged(
                cursor=cursor,
                found_at=at,
                from_=uuids.as_text(fact.source),
                into=uuids.as_text(fact.into),
                rule=fact.rule,
                message_id=fact.message_id,
            )
        case ProfilesSplit():
            return views.ProfilesSplit(
                cursor=cursor,
                found_at=at,
                from_=uuids.as_text(fact.source),
                into=uuids.as_text(fact.into),
                slices=[_slice(each) for each in fact.slices],
                rule=fact.rule,
                message_id=fact.message_id,
            )
        case TraitsChanged():
            return views.TraitsChanged(
                cursor=cursor,
                found_at=at,
                profile_id=uuids.as_text(fact.profile),
                before={name: _read(said.value) for name, said in fact.before.items()},
                after={name: _read(said.value) for name, said in fact.after.items()},
            )


def _slice(seen: SliceSeen) -> views.SliceInFact:
    return views.SliceInFact(
        anonymous_id=seen.device, from_=to_text(seen.first), to=to_text(seen.last), events=seen.events
    )


def _session(seen: SessionSeen) -> views.SessionInFact:
    return views.SessionInFact(
        session_id=uuids.as_text(seen.id),
        started_at=to_text(seen.first),
        ended_at=to_text(seen.last),
        events=seen.events,
        page_views=seen.page_views,
        engaged_ms=seen.engaged_ms,
        orders=seen.orders,
        revenue=seen.revenue,
        ended=seen.ended,
    )
