"""The read API in the shape of Segment's Profile API, so that code written for it finds the same answers here.

Shapes, parameters and error codes: https://segment.com/docs/unify/profile-api/. Any space is ours.
Its limits are its own: 10 rows a page unless asked for more. Errors carry Segment's `error` beside our own members.
"""

import bisect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from collector.runtime import clock
from sessionizer.api import Api, parameters
from sessionizer.api.answers import as_json
from sessionizer.api.problems import Problem, ProblemReason
from sessionizer.api.profiles import found
from sessionizer.api.segment_shapes import (
    Cursor,
    EventExternalId,
    ExternalId,
    ExternalIds,
    Metadata,
    MetadataAnswer,
    ProfileEvent,
    ProfileEvents,
    Traits,
    VerboseTrait,
)
from sessionizer.views import TimelineEvent

DEFAULT_LIMIT = 10
MAX_PAGES_SCANNED = 20
"""Timeline pages one request reads while it looks for the events it is to include; the answer may then be short."""

Row = TypeVar("Row")


async def traits(request: web.Request, api: Api) -> web.Response:
    """GET /v1/spaces/{space}/collections/users/profiles/{who}/traits"""
    limit = parameters.limit(request, DEFAULT_LIMIT)
    profile = found(await api.people.profile(parameters.who(request)))
    names = _included(profile.traits, parameters.names(request, "include"))
    if "class" in request.query:
        names = []  # audiences and computed traits: there are none yet
    page, next_ = _page(names, request.query.get("next", ""), limit, str)
    shown: dict[str, Any] = {name: profile.traits[name] for name in page}
    if request.query.get("verbose") == "true":
        for name in page:
            said = profile.trait_sources.get(name, {})
            shown[name] = VerboseTrait(
                value=shown[name], source_id=said.get("source", ""), updated_at=said.get("at", profile.last_seen)
            )
    return as_json(Traits(traits=shown, cursor=_cursor(request, next_, limit)))


async def external_ids(request: web.Request, api: Api) -> web.Response:
    """GET /v1/spaces/{space}/collections/users/profiles/{who}/external_ids"""
    limit = parameters.limit(request, DEFAULT_LIMIT)
    profile = found(await api.people.profile(parameters.who(request)))
    types = set(parameters.names(request, "include"))
    ids = [
        ExternalId(id=each.value, type=each.type, created_at=each.first_seen)
        for each in sorted(profile.identifiers, key=lambda each: f"{each.type}:{each.value}")
        if not types or each.type in types
    ]
    page, next_ = _page(ids, request.query.get("next", ""), limit, lambda each: f"{each.type}:{each.id}")
    return as_json(ExternalIds(data=page, cursor=_cursor(request, next_, limit)))


async def events(request: web.Request, api: Api) -> web.Response:
    """GET /v1/spaces/{space}/collections/users/profiles/{who}/events"""
    who = parameters.who(request)
    limit = parameters.limit(request, DEFAULT_LIMIT)
    newest_first = parameters.newest_first(request, "sort")
    wanted = _wanted(request)
    profile = found(await api.people.profile(who))
    rows: list[ProfileEvent] = []
    cursor = parameters.cursor(request, "next")
    for _ in range(MAX_PAGES_SCANNED):
        page = found(await api.people.timeline(who, limit=limit - len(rows), cursor=cursor, newest_first=newest_first))
        rows += [_as_event(event, profile.profile_id) for event in page.events if wanted(event)]
        cursor = page.next
        if cursor is None or len(rows) == limit:
            break
    return as_json(ProfileEvents(data=rows, cursor=_cursor(request, cursor or "", limit)))


async def metadata(request: web.Request, api: Api) -> web.Response:
    """GET /v1/spaces/{space}/collections/users/profiles/{who}/metadata"""
    who = parameters.who(request)
    profile = found(await api.people.profile(who))
    first = found(await api.people.timeline(who, limit=1, newest_first=False)).events
    last = found(await api.people.timeline(who, limit=1, newest_first=True)).events
    answer = Metadata(
        created_at=profile.first_seen,
        updated_at=profile.last_seen,
        first_message_id=first[0].message_id if first else None,
        first_source_id=first[0].source if first else None,
        last_message_id=last[0].message_id if last else None,
        last_source_id=last[0].source if last else None,
    )
    return as_json(MetadataAnswer(metadata=answer))


def error_of(problem: Problem) -> dict[str, str]:
    """What Segment's clients look for in an answer that is no success: {"code", "message"}."""
    match problem.status:
        case 401:
            code = "authentication_error"
        case 404:
            code = "not_found"
        case _:
            code = "invalid_request_error"
    return {"code": code, "message": problem.detail}


def _included(names: Iterable[str], include: Sequence[str]) -> list[str]:
    return sorted(name for name in names if not include or name in include)


def _page(rows: list[Row], next_: str, limit: int, key: Callable[[Row], str]) -> tuple[list[Row], str]:
    """The rows from key `next_` on, and the key the page after them starts with; rows are sorted by key."""
    start = bisect.bisect_left(rows, next_, key=key)
    end = start + limit
    return rows[start:end], key(rows[end]) if end < len(rows) else ""


def _cursor(request: web.Request, next_: str, limit: int) -> Cursor:
    query = [(name, value) for name, value in request.query.items() if name != "next"]
    if next_:
        query.append(("next", next_))
    path = request.rel_url.raw_path
    return Cursor(url=f"{path}?{urlencode(query)}" if query else path, has_more=bool(next_), next=next_, limit=limit)


def _wanted(request: web.Request) -> Callable[[TimelineEvent], bool]:
    """Whether an event is to be shown: its name by `include` and `exclude`, its time by `start` and `end`."""
    include, exclude = parameters.names(request, "include"), parameters.names(request, "exclude")
    start, end = _time(request, "start"), _time(request, "end")

    def wanted(event: TimelineEvent) -> bool:
        name = event.event or event.name or ""
        return (
            (not include or name in include)
            and name not in exclude
            and (start is None or event.timestamp > start)
            and (end is None or event.timestamp < end)
        )

    return wanted


def _time(request: web.Request, name: str) -> str | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return clock.to_text(clock.from_text(text))
    except ValueError as error:
        raise Problem(ProblemReason.INVALID_TIME, 400, f"{name} is a date or a time in ISO 8601.") from error


def _as_event(event: TimelineEvent, profile_id: str) -> ProfileEvent:
    ids = [("user_id", event.user_id), ("anonymous_id", event.anonymous_id)]
    ids += [(contact["type"], contact["value"]) for contact in event.contacts]
    return ProfileEvent(
        external_ids=[EventExternalId(type=type_, id=value) for type_, value in ids if value is not None],
        type=event.type,
        event=event.event,
        name=event.name,
        message_id=event.message_id,
        source_id=event.source,
        timestamp=event.timestamp,
        properties=event.properties,
        traits=event.traits,
        context=event.context,
        related={"users": profile_id},
    )
