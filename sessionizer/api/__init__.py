"""The read API over HTTP. `app.py` lists its routes; this file says what it must be given to answer them."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import web

from collector.log import EventLog, LogUnavailable
from collector.runtime.metrics import Metrics
from sessionizer.eraser import Done
from sessionizer.reading import People, Who


class Retraction(NamedTuple):
    """A retraction that is durable: the id of its event, and the log position to read after."""

    message_id: str
    position: int


Retract = Callable[[Sequence[str], str, int], Awaitable[Retraction]]
"""Given message ids, a reason and now in milliseconds, keep a retraction of them. Raises LogUnavailable."""

Erase = Callable[[Who], Awaitable[Done | None]]
"""Erase the person; None when nobody is called that. Raises NotFinished, LogUnavailable, StoreUnavailable."""

Check = Callable[[], Awaitable[str | None]]
"""One condition of readiness: None when it holds, else a sentence that says what is wrong."""


async def refuse_to_erase(_: Who) -> Done | None:
    """The Erase of a process that does not own the log."""
    raise LogUnavailable("this process does not own the log: erase through one with the roles edge and api")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Api:
    """Everything the read API works with; it opens and closes none of it."""

    people: People
    log: EventLog
    """To tell how far the mind is behind, and whether events can be taken; reading it is enough."""
    api_key: Callable[[], str]
    """The key that reads profiles, asked for at every request, so that a new one counts at once. Empty: none may."""
    retract: Retract
    erase: Erase = refuse_to_erase
    metrics: Metrics
    """What `/metrics` shows; the API adds its own metrics to it."""
    checks: Sequence[Check] = ()
    """Conditions of `/readyz` beside its own."""
    takes_events: bool = True
    """This process owns the log, so `/readyz` fails when the log takes no events."""
    max_lag_events: int = 100_000
    """`/readyz` fails when the mind has more events than this still to fold in."""
    max_open_reads: int = 1000
    """More reads than this at once are told to come back."""
    retry_after_s: Callable[[web.Request], int | None] = lambda _: None
    """Asked before every read that needs the key: None lets it pass, else in how many seconds to come back."""
    max_lag_s: float = 60.0
    """`/readyz` fails when the oldest event not folded in came longer ago than this, in seconds."""


Handler = Callable[[web.Request, Api], Awaitable[web.StreamResponse]]
"""Answers one route. Raises Problem."""
