"""People, their events, their visits, and why we think it is them: the native read endpoints."""

from typing import TypeVar

from aiohttp import web

from sessionizer.api import Api, parameters
from sessionizer.api.answers import as_json
from sessionizer.api.problems import not_found

T = TypeVar("T")


async def profile(request: web.Request, api: Api) -> web.Response:
    """GET /v1/profiles/{who}"""
    return as_json(found(await api.people.profile(parameters.who(request), as_of_ms=parameters.as_of(request))))


async def timeline(request: web.Request, api: Api) -> web.Response:
    """GET /v1/profiles/{who}/timeline"""
    page = await api.people.timeline(
        parameters.who(request),
        limit=parameters.limit(request),
        cursor=parameters.cursor(request),
        types=parameters.names(request, "types"),
        newest_first=parameters.newest_first(request),
        as_of_ms=parameters.as_of(request),
    )
    return as_json(found(page))


async def sessions(request: web.Request, api: Api) -> web.Response:
    """GET /v1/profiles/{who}/sessions"""
    page = await api.people.sessions(
        parameters.who(request),
        limit=parameters.limit(request),
        cursor=parameters.cursor(request),
        newest_first=parameters.newest_first(request),
        as_of_ms=parameters.as_of(request),
    )
    return as_json(found(page))


async def identity(request: web.Request, api: Api) -> web.Response:
    """GET /v1/profiles/{who}/identity"""
    return as_json(found(await api.people.identity(parameters.who(request))))


async def profiles(request: web.Request, api: Api) -> web.Response:
    """GET /v1/profiles"""
    return as_json(await api.people.profiles(limit=parameters.limit(request), cursor=parameters.cursor(request)))


def found(answer: T | None) -> T:
    """The answer, which is there. Raises Problem (404)."""
    if answer is None:
        raise not_found()
    return answer
