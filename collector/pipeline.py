"""The edge: tracker → [ parse → authenticate → validate → suppress → enrich → protect → append ] → event log.

`_decide` is that up to the log, and `collect` the rest.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from collector.authenticate import authenticate, sender_by_body, sender_by_headers
from collector.cookies import DeviceCookie, device_cookie, is_believable
from collector.counters import EdgeCounters
from collector.enrich import Lookups, enrich
from collector.erasure import Against, Hasher
from collector.event import Event, to_record
from collector.http_limits import refuse_by_headers
from collector.identifiers import blocklist
from collector.links import Links
from collector.live import Live, Outcome
from collector.log import LATEST, EventLog, LogUnavailable, Record, Refusal, RefusedEvents, Tally
from collector.origins import is_listed, own_origin, refuse_strangers
from collector.privacy import protect, why_withheld
from collector.protocols import Adapter, pixel, segment
from collector.rate_limit import RateLimit, RateLimits
from collector.raw import RawEvent, RawRequest, Receipt
from collector.rejection import Reason, Refused, Rejection
from collector.runtime import clock
from collector.settings import EdgeSettings
from collector.sources import Sender, Source, SourceRegistry
from collector.validate import Arrival, arrival, validate

_log = logging.getLogger(__name__)

ADAPTERS: tuple[Adapter, ...] = (segment, pixel)
"""Every wire protocol we speak; no discovery."""
ADAPTER_AT: Mapping[str, Adapter] = {path: adapter for adapter in ADAPTERS for path in adapter.paths}


class Edge(msgspec.Struct, kw_only=True):
    """What collecting needs, opened and closed by whoever composes the process."""

    sources: SourceRegistry
    log: EventLog
    refused: RefusedEvents
    lookups: Lookups
    settings: EdgeSettings
    counters: EdgeCounters
    live: Live
    limits: RateLimits = RateLimits()
    erasures: Against = msgspec.field(default_factory=lambda: Against(Hasher(b"")))
    """Keeps away what is of people who were erased."""
    links: Links = msgspec.field(default_factory=Links)
    """Stand for devices while a link to another domain is followed."""
    new_id: Callable[[], str] = clock.new_id


async def collect(request: RawRequest, edge: Edge, *, again: bool = False) -> Receipt:
    """Take a request's events: everything accepted is durable when this returns, everything else is named.

    `again`: these were received and rejected before; what becomes of them now takes the place of that in the books.
    Raises Refused when the request is not taken at all; then nothing of it was acknowledged.
    """
    made = _decide(request, edge)
    counts = made.counts
    tally = counts._replace(received=0, rejected=counts.rejected - counts.received) if again else counts
    position = await _store(made, tally if counts.received else None, request.received_at_ms, edge)
    edge.counters.taken(
        made.source.name,
        counts.received,
        len(made.records),
        counts.withheld,
        [each.reason for each in made.rejections],
        counts.suppressed,
    )
    if made.watched is not None:
        _announce(*made.watched, made.rejections, position, made.source, edge.live)
    return Receipt(
        position=position,
        accepted=len(made.records),
        withheld=counts.withheld,
        rejections=made.rejections,
        set_anonymous_id=made.cookie_id,
    )


class _Decided(NamedTuple):
    """What is to become of a request's events.

    Bytes, not events: a batch's thousands of small objects are gone before their records are stored, and the next
    batch is made where they were, in memory that the processor still has at hand.
    """

    source: Source
    records: Sequence[Record]
    rejections: tuple[Rejection, ...]
    counts: Tally
    cookie_id: str | None
    """The device for the first-party cookie, if the answer may set one."""
    watched: tuple[Sequence[Event], Sequence[Event]] | None
    """The events accepted and withheld, for the live tail; None when nobody looks."""


def _decide(request: RawRequest, edge: Edge) -> _Decided:
    """tracker → [ parse → authenticate → validate → suppress → enrich → protect ]. Raises Refused."""
    adapter = ADAPTER_AT[request.path.rstrip("/")]
    parsed = adapter.parse(request, edge.settings)
    sources = edge.sources.current(request.received_at_ms)
    sender = sender_by_headers(request, sources)
    if sender is None:
        sender = sender_by_body(request, parsed.key, sources)
        refuse_strangers(request, sender.source)
        _refuse_floods(sender, edge)
    else:
        refuse_strangers(request, sender.source)
    cookie = _cookie(request, sender, adapter, edge.settings)
    accepted, rejections = _validate_all(
        parsed.events, arrival(sender, cookie, request.received_at_ms, edge.settings, edge.new_id)
    )
    accepted, suppressed = _suppress(accepted, edge)
    enriched = [enrich(event, request, edge.lookups, sender.source) for event in accepted]
    events, withheld = protect(enriched, sender.source)
    return _Decided(
        source=sender.source,
        records=[Record(event.anonymous_id or "", to_record(event)) for event in events],
        rejections=tuple(rejections),
        counts=Tally(len(parsed.events), len(rejections), len(withheld), suppressed),
        cookie_id=_id_for_cookie(events, cookie, adapter) if cookie.settable else None,
        watched=(events, withheld) if edge.live.watched else None,
    )


def refuse_early(request: RawRequest, content_length: int | None, edge: Edge) -> None:
    """Refuse what the headers alone condemn, so that no byte of its body is read. Raises Refused."""
    refuse_by_headers(
        request.headers.get("content-encoding", "").strip().lower(), content_length, edge.settings.max_body_bytes
    )
    sender = sender_by_headers(request, edge.sources.current(request.received_at_ms))
    if sender is not None:
        refuse_strangers(request, sender.source)
    if sender is None or not sender.server:
        _take_from(edge.limits.address, request.remote_ip, "too many requests from this address")
    if sender is not None:
        _refuse_floods(sender, edge)


def _refuse_floods(sender: Sender, edge: Edge) -> None:
    if not sender.server:
        _take_from(edge.limits.key, sender.source.name, "too many requests with this write key")


def _take_from(limit: RateLimit, name: str | None, detail: str) -> None:
    retry_after_s = limit.retry_after_s(name)
    if retry_after_s is not None:
        raise Refused(Reason.RATE_LIMITED, 429, detail, retry_after_s)


def name_device(request: RawRequest, body_key: object, known: object, link: object, edge: Edge) -> tuple[str, bool]:
    """The anonymous_id for a page of an allowed origin, and whether its cookie may be set. Raises Refused.

    `known` is the id the page would go by if nobody knew better: the cookie's counts, else the one that `link` (a token
    of `give_link`) stands for, else `known`. Without it, or where it is no id, the answer is somebody new.
    """
    sender = authenticate(request, body_key, edge.sources.current(request.received_at_ms))
    refuse_strangers(request, sender.source)
    cookie = _cookie(request, sender, pixel, edge.settings)
    if not isinstance(known, str) or not is_believable(
        known, blocklist(sender.source.blocked_ids), edge.settings.max_id_chars
    ):
        return edge.new_id(), cookie.settable
    linked = edge.links.take(link, sender.source.name, request) if _may_link(request, sender.source) else None
    return cookie.current or linked or known, cookie.settable


def give_link(request: RawRequest, body_key: object, anonymous_id: object, edge: Edge) -> str:
    """A token that stands for this device on a page of another listed domain. Raises Refused."""
    sender = authenticate(request, body_key, edge.sources.current(request.received_at_ms))
    blocked = blocklist(sender.source.blocked_ids)
    if not _may_link(request, sender.source):
        raise Refused(Reason.ORIGIN_NOT_ALLOWED, 403, "only pages of listed origins are linked")
    if not isinstance(anonymous_id, str) or not is_believable(anonymous_id, blocked, edge.settings.max_id_chars):
        raise Refused(Reason.UNREADABLE, 400, "anonymousId is missing, or no identifier")
    return edge.links.give(anonymous_id, sender.source.name, request)


def _may_link(request: RawRequest, source: Source) -> bool:
    return is_listed(request, source) or request.headers.get("origin", "").lower() == own_origin(request)


def _cookie(request: RawRequest, sender: Sender, adapter: Adapter, settings: EdgeSettings) -> DeviceCookie:
    return device_cookie(
        request,
        sender.source,
        server=sender.server,
        pixel=adapter.is_pixel,
        blocked=blocklist(sender.source.blocked_ids),
        max_chars=settings.max_id_chars,
    )


def _validate_all(raw_events: Iterable[RawEvent], at: Arrival) -> tuple[list[Event], list[Rejection]]:
    events: list[Event] = []
    rejections: list[Rejection] = []
    for raw in raw_events:
        made = validate(raw, at)
        if isinstance(made, Event):
            events.append(made)
        else:
            rejections.append(made)
    return events, rejections


def _suppress(events: list[Event], edge: Edge) -> tuple[list[Event], int]:
    """Leave out late and repeated events of people who were erased; how many those are. Nobody is told which."""
    if not edge.erasures:
        return events, 0
    kept = [event for event in events if not edge.erasures.takes(event, LATEST)]
    return kept, len(events) - len(kept)


async def _store(made: _Decided, tally: Tally | None, received_at_ms: int, edge: Edge) -> int:
    """Append, with the tally for the books, then keep what was refused.

    A sender that hangs up does not stop it half way: `EdgeRunner` never cancels handlers for that. Should the end of
    the process do so, nothing was acknowledged, and what the log kept all the same is a duplicate when it comes again.
    """
    try:
        position = await edge.log.append(made.records, tally)
    except LogUnavailable as error:
        raise Refused(
            Reason.UNAVAILABLE, 503, "events cannot be stored now; send them again", edge.settings.retry_after_s
        ) from error
    if made.rejections:
        await _keep(made.rejections, received_at_ms, made.source, edge)
    return position


async def _keep(rejections: Sequence[Rejection], received_at_ms: int, source: Source, edge: Edge) -> None:
    refusals = [
        Refusal(0, received_at_ms, source.name, each.reason.value, each.detail, msgspec.json.encode(each.raw))
        for each in rejections
    ]
    try:
        await edge.refused.keep(refusals)
    except LogUnavailable as error:  # the sender learns of the rejections anyway; the accepted events are safe
        edge.counters.unkept.inc(len(refusals))
        _log.warning("could not keep refused events: %s", error)


def _id_for_cookie(events: Sequence[Event], cookie: DeviceCookie, adapter: Adapter) -> str | None:
    """The device the browser is now: that of the last event that names one.

    A pixel does not change it: anybody can put one with an id of their choice before somebody's eyes.
    """
    anonymous_id = next((event.anonymous_id for event in reversed(events) if event.anonymous_id is not None), None)
    return anonymous_id if not adapter.is_pixel or anonymous_id == cookie.current else None


def _announce(
    events: Iterable[Event],
    withheld: Iterable[Event],
    rejections: Iterable[Rejection],
    position: int,
    source: Source,
    live: Live,
) -> None:
    for event in events:
        live.publish(Outcome(outcome="accepted", source=source.name, position=position, event=event))
    for event in withheld:
        reason = why_withheld(event, source)
        live.publish(Outcome(outcome="withheld", source=source.name, reason=reason, event=event))
    for each in rejections:
        live.publish(
            Outcome(outcome="rejected", source=source.name, reason=each.reason, detail=each.detail, event=each.raw)
        )
