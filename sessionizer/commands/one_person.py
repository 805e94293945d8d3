"""Everything that is kept about one person, as one document: the answer to a request for access (GDPR, article 15)."""

from typing import Any

import msgspec

from collector.log import Refusal, RefusedEvents
from collector.log.refused import SqliteRefused
from collector.runtime.clock import to_text
from collector.runtime.folder import DataFolder
from sessionizer.commands.failures import Failure
from sessionizer.commands.opened import opened_people
from sessionizer.commands.plan import Urls
from sessionizer.commands.progress import Show
from sessionizer.mentions import names_any
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.views import Identity, Profile, Session, Shown, TimelineEvent

PAGE = 1000


class RefusedView(Shown, frozen=True, kw_only=True):
    """An event that was refused, and why."""

    received_at: str
    source: str
    reason: str
    detail: str
    event: Any


class EverythingAbout(Shown, frozen=True, kw_only=True):
    """One person: who they are, why we think so, their visits and events, and refused events that name them."""

    profile: Profile
    identity: Identity
    sessions: list[Session]
    events: list[TimelineEvent]
    refused: list[RefusedView]


async def about(folder: DataFolder, urls: Urls, who: Who, show: Show) -> EverythingAbout:
    """All of it, up to the last event accepted. Raises Failure when nobody is called that."""
    async with opened_people(folder, urls, show) as people:
        profile, identity = await people.profile(who), await people.identity(who)
        if profile is None or identity is None:
            raise Failure(f"nobody is called {who.type}:{who.value}", "Name a person as type:value.")
        known = Who("profile_id", profile.profile_id)
        values = {each.value for each in profile.identifiers} | {each.anonymous_id for each in profile.devices}
        return EverythingAbout(
            profile=profile,
            identity=identity,
            sessions=await _sessions(people, known),
            events=await _events(people, known),
            refused=await _refused(folder, values),
        )


async def _sessions(people: FoldedPeople, who: Who) -> list[Session]:
    found: list[Session] = []
    cursor = None
    while page := await people.sessions(who, limit=PAGE, cursor=cursor, newest_first=False):
        found += page.sessions
        cursor = page.next
        if cursor is None:
            break
    return found


async def _events(people: FoldedPeople, who: Who) -> list[TimelineEvent]:
    found: list[TimelineEvent] = []
    cursor = None
    while page := await people.timeline(who, limit=PAGE, cursor=cursor, newest_first=False):
        found += page.events
        cursor = page.next
        if cursor is None:
            break
    return found


async def _refused(folder: DataFolder, values: set[str]) -> list[RefusedView]:
    if not folder.refused.exists():
        return []
    refused: RefusedEvents = await SqliteRefused.open(folder.refused, writer=False)
    found: list[RefusedView] = []
    try:
        after = 0
        while page := await refused.read(after, PAGE):
            after = page[-1].refusal_id
            found += [_view(each) for each in page if names_any(each, values)]
    finally:
        await refused.close()
    return found


def _view(refusal: Refusal) -> RefusedView:
    return RefusedView(
        received_at=to_text(refusal.received_at_ms),
        source=refusal.source,
        reason=refusal.reason,
        detail=refusal.detail,
        event=msgspec.Raw(refusal.body),
    )
