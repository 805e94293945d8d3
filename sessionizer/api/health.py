"""Whether it lives, whether it should get traffic, and its numbers. Asked by machines, so without a key."""

import math
from typing import NamedTuple

import msgspec
from aiohttp import web

from collector.event import from_record_lazily
from collector.log import CorruptRecord, EventLog, LogUnavailable
from collector.runtime import clock
from collector.runtime.metrics import CONTENT_TYPE, Metrics
from sessionizer.api import Api, Handler
from sessionizer.api.answers import NOT_KEPT, as_json
from sessionizer.api.problems import Problem, ProblemReason
from sessionizer.books import Books
from sessionizer.reading import People
from sessionizer.store import StoreUnavailable


class Lag(NamedTuple):
    """How far the mind is behind the log."""

    position: int
    """Every event up to this log position is folded in."""
    events: int
    """Log positions not yet folded in: an upper bound of the events, since positions may have gaps."""
    seconds: float
    """Since the arrival of the oldest event not yet folded in; 0 when there is none."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """It lives."""

    status: str = "ok"


class Readiness(Health, frozen=True, kw_only=True):
    """It should get traffic; and how far behind the log it is."""

    position: int
    """The log position up to which every event is folded in."""
    lag_events: int
    lag_seconds: float


async def healthz(_request: web.Request, _api: Api) -> web.Response:
    """GET /healthz"""
    return as_json(Health())


async def readyz(_request: web.Request, api: Api) -> web.Response:
    """GET /readyz"""
    failures = [failure for check in api.checks if (failure := await check()) is not None]
    if api.takes_events and not await api.log.healthy():
        failures.append("the log takes no events")
    lag = await _lag(api)
    if lag is None:
        failures.append("the log or the store cannot be read")
    else:
        failures += _too_far_behind(lag, api)
    if failures or lag is None:
        headers = {"Retry-After": "5"}
        raise Problem(ProblemReason.NOT_READY, 503, "; ".join(failures), headers=headers, failures=failures)
    return as_json(Readiness(position=lag.position, lag_events=lag.events, lag_seconds=lag.seconds))


def metrics_of(metrics: Metrics) -> Handler:
    """GET /metrics: everything this process counts, with the lag as of the moment it is read."""
    events = metrics.gauge("lag_events", "Events in the log that are not folded in yet.")
    seconds = metrics.gauge("lag_seconds", "Seconds since the oldest event that is not folded in yet arrived.")
    folded = metrics.gauge("folded_events", "Log records folded in, by what became of them.", ["outcome"])
    columns = metrics.gauge("books", "Events ever received, and what became of them: the rest's sum.", ["column"])
    unaccounted = metrics.gauge("books_unaccounted", "Received, less the other columns: 0, or something is lost.")

    waiting = metrics.gauge("visitors_waiting", "Visitors to be folded again after a proof or a retraction.")

    async def show(_request: web.Request, api: Api) -> web.Response:
        lag = await _lag(api)
        events.set(lag.events if lag is not None else math.nan)
        seconds.set(lag.seconds if lag is not None else math.nan)
        waiting.set(await api.people.size("waiting") if lag is not None else math.nan)
        books = await _books(api)
        unaccounted.set(books.received - books.accounted if books is not None else math.nan)
        if books is not None:
            for column, count in books.columns().items():
                columns.labels(column).set(count)
            folded.labels("stored").set(books.events)
            for outcome in ("duplicate", "retraction", "erasure", "quarantined", "erased"):
                folded.labels(outcome).set(getattr(books, outcome))
        return web.Response(body=metrics.exposition(), headers={**NOT_KEPT, "Content-Type": CONTENT_TYPE})

    return show


async def _lag(api: Api) -> Lag | None:
    """The lag now; None when it cannot be told."""
    try:
        return await measure(api.log, api.people, clock.now_ms())
    except (LogUnavailable, StoreUnavailable):
        return None


async def _books(api: Api) -> Books | None:
    """The books now; None when they cannot be read."""
    try:
        return await api.people.books()
    except (LogUnavailable, StoreUnavailable):
        return None


def _too_far_behind(lag: Lag, api: Api) -> list[str]:
    failures = []
    if lag.events > api.max_lag_events:
        failures.append(f"the mind is {lag.events} events behind; {api.max_lag_events} are allowed")
    if lag.seconds > api.max_lag_s:
        failures.append(f"the mind is {lag.seconds:.1f} s behind; {api.max_lag_s:.1f} s are allowed")
    return failures


async def measure(log: EventLog, people: People, now_ms: int) -> Lag:
    """How far the mind is behind now. Raises LogUnavailable, StoreUnavailable."""
    folded = await people.position()
    behind = await log.end() - folded
    if behind <= 0:
        return Lag(folded, 0, 0.0)
    return Lag(folded, behind, max(0.0, (now_ms - await _arrival_ms(log, folded, now_ms)) / 1000))


async def _arrival_ms(log: EventLog, after: int, now_ms: int) -> int:
    """When the first event after a position arrived; now when there is none, or it cannot be read."""
    try:
        for stored in await log.read(0, after, 1):
            return clock.from_text(from_record_lazily(stored.body).received_at)
    except (CorruptRecord, msgspec.DecodeError, ValueError):
        return now_ms  # the count of events still tells; `ariane verify` names the record
    return now_ms
