"""★ The read API's routes: what each needs (a key, a position), and what answers it. Problems are answered here."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web
from prometheus_client import Histogram

from collector.log import CorruptRecord, LogUnavailable
from sessionizer.api import (
    Api,
    Handler,
    auth,
    docs_page,
    dry_runs,
    erasures,
    exports,
    facts,
    health,
    parameters,
    profiles,
    retractions,
    segment_profiles,
)
from sessionizer.api.gate import Gate
from sessionizer.api.problems import Problem, ProblemReason, to_response
from sessionizer.reading import BadCursor, StillFolding
from sessionizer.store import StoreUnavailable

MAX_WAIT_S = 5.0
"""How long a read with `After-Position` waits for the mind."""

SEGMENT = "/v1/spaces/{space}/collections/users/profiles/{who}"


class Route(NamedTuple):
    """One route; `keyed` ones need the API key, and wait for `After-Position`; `dated` ones know the past (`as_of`)."""

    method: str
    path: str
    handler: Handler
    keyed: bool = True
    dated: bool = False


ROUTES = (
    Route("GET", "/v1/profiles", profiles.profiles),
    Route("GET", "/v1/profiles/{who}", profiles.profile, dated=True),
    Route("DELETE", "/v1/profiles/{who}", erasures.erase),
    Route("GET", "/v1/profiles/{who}/timeline", profiles.timeline, dated=True),
    Route("GET", "/v1/profiles/{who}/sessions", profiles.sessions, dated=True),
    Route("GET", "/v1/profiles/{who}/identity", profiles.identity),
    Route("POST", "/v1/identity/retractions", retractions.retract),
    Route("POST", "/v1/identity/dry-runs", dry_runs.dry_run),
    Route("GET", "/v1/facts", facts.facts),
    Route("GET", "/v1/export/{what}", exports.export),
    Route("GET", f"{SEGMENT}/traits", segment_profiles.traits),
    Route("GET", f"{SEGMENT}/external_ids", segment_profiles.external_ids),
    Route("GET", f"{SEGMENT}/events", segment_profiles.events),
    Route("GET", f"{SEGMENT}/metadata", segment_profiles.metadata),
    Route("GET", "/healthz", health.healthz, keyed=False),
    Route("GET", "/readyz", health.readyz, keyed=False),
    Route("GET", "/openapi.json", docs_page.openapi, keyed=False),
    Route("GET", "/docs", docs_page.docs, keyed=False),
    Route("GET", "/docs/{file}", docs_page.asset, keyed=False),
)


def add_api_routes(app: web.Application, api: Api) -> None:
    """Add the read API to an application. No answer of it allows pages of other origins (CORS): the key is a secret."""
    times = api.metrics.histogram("read_seconds", "Time to answer a read, exports to their end.", ["route", "status"])
    app.on_shutdown.append(_end_waits(api))
    gate = Gate(api)
    metrics = Route("GET", "/metrics", health.metrics_of(api.metrics), keyed=False)
    for route in (*ROUTES, metrics):
        handler = _answering(route, api, gate, times)
        if route.method == "GET" and route.handler is not exports.export:
            app.router.add_get(route.path, handler, allow_head=True)
        else:
            app.router.add_route(route.method, route.path, handler)


def _end_waits(api: Api) -> Callable[[web.Application], Awaitable[None]]:
    async def end_waits(_: web.Application) -> None:
        api.people.end_waits()

    return end_waits


def _answering(
    route: Route, api: Api, gate: Gate, times: Histogram
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            response = await _admitted(route, request, api, gate)
        except Problem as problem:
            response = _refusal(route, problem)
        times.labels(route.path, response.status).observe(clock() - started)
        return response

    return answer


async def _admitted(route: Route, request: web.Request, api: Api, gate: Gate) -> web.StreamResponse:
    """The answer, if the request may have one. Raises Problem."""
    if route.keyed:
        gate.refuse_floods(request)
        auth.require_key(request.headers, api.api_key())
        if not route.dated:
            parameters.refuse_as_of(request)
    if route.method != "GET":
        auth.require_same_site(request.headers)
    try:
        if not route.keyed:
            return await route.handler(request, api)
        with gate.passing():
            await _caught_up(request, api)
            return await route.handler(request, api)
    except (BadCursor, CorruptRecord, LogUnavailable, StillFolding, StoreUnavailable) as error:
        raise _problem_of(error) from error


def _problem_of(error: BadCursor | CorruptRecord | LogUnavailable | StillFolding | StoreUnavailable) -> Problem:
    again = {"Retry-After": "5"}
    match error:
        case BadCursor():
            detail = "The cursor is not one this list gave out; start again without it."
            return Problem(ProblemReason.INVALID_CURSOR, 400, detail)
        case CorruptRecord(position=position):
            detail = f"The event at position {position} is damaged in the log; see `ariane verify`."
            return Problem(ProblemReason.CORRUPT_RECORD, 503, detail)
        case LogUnavailable():
            detail = f"The log cannot be used now: {error}"
            return Problem(ProblemReason.LOG_UNAVAILABLE, 503, detail, headers=again)
        case StillFolding():
            detail = "Very many visitors are being folded again after a proof or a retraction; try again."
            return Problem(ProblemReason.STILL_FOLDING, 504, detail, headers={"Retry-After": "1"})
        case StoreUnavailable():
            detail = f"The store cannot be read now: {error}"
            return Problem(ProblemReason.STORE_UNAVAILABLE, 503, detail, headers=again)


async def _caught_up(request: web.Request, api: Api) -> None:
    position = parameters.after_position(request)
    if position is not None and not await api.people.wait_for(position, MAX_WAIT_S):
        detail = f"Position {position} was not folded in within {MAX_WAIT_S:.0f} s; try again."
        raise Problem(ProblemReason.POSITION_NOT_REACHED, 504, detail, headers={"Retry-After": "1"})


def _refusal(route: Route, problem: Problem) -> web.Response:
    if route.path.startswith(SEGMENT):
        return to_response(problem, error=segment_profiles.error_of(problem))
    return to_response(problem)
