"""From what a sender says to the canonical Event, or the reason why not. The only maker of Events. Pure.

What must live here: which fields there are, what they may hold, what happens to what they may not. Broken identity is
dropped with a warning where the rest is worth keeping; a field of the wrong type is a rejection, so that its sender
learns of it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from collector import identifiers
from collector.clock_skew import canonical, sent_time, settle, text_of
from collector.cookies import DeviceCookie
from collector.event import RESERVED_TYPES, Derived, Event, Trust
from collector.identifiers import IdTooLong, find_contacts, is_blocked
from collector.proof import Verdict, check_proof
from collector.raw import RawEvent
from collector.rejection import Reason, Rejection
from collector.settings import EdgeSettings
from collector.sources import Sender, Source


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of every event of one request."""

    sender: Sender
    cookie: DeviceCookie
    received_at_ms: int
    received_at: str
    latest: str
    """The last moment believed."""
    rules: identifiers.Rules
    min_skew_ms: int
    max_chars: int
    new_id: Callable[[], str]


def arrival(
    sender: Sender, cookie: DeviceCookie, received_at_ms: int, settings: EdgeSettings, new_id: Callable[[], str]
) -> Arrival:
    """What is true of every event that this sender sends at this moment."""
    return Arrival(
        sender=sender,
        cookie=cookie,
        received_at_ms=received_at_ms,
        received_at=text_of(received_at_ms),
        latest=text_of(received_at_ms + settings.max_future_s * 1000),
        rules=_rules(sender.source, sender.server, settings.max_id_chars),
        min_skew_ms=settings.min_clock_skew_s * 1000,
        max_chars=settings.max_id_chars,
        new_id=new_id,
    )


@lru_cache(maxsize=256)
def _rules(source: Source, server: bool, max_chars: int) -> identifiers.Rules:
    return identifiers.Rules(
        blocked=identifiers.blocklist(source.blocked_ids),
        phone_region=source.phone_region,
        forbidden=frozenset() if server else frozenset(source.server_only_contacts),
        max_chars=max_chars,
    )


class _Flaw(Exception):
    """Leaves the making of one event; never leaves this module."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def validate(raw: RawEvent, at: Arrival) -> Event | Rejection:
    """The Event, or why there is none."""
    if raw.flaw is not None:
        return _rejection(raw, raw.flaw, raw.detail)
    if not isinstance(raw.fields, dict):
        return _rejection(raw, Reason.NOT_AN_OBJECT, "an event must be an object")
    try:
        return _make(dict(raw.fields), raw.sent_at, at)
    except _Flaw as flaw:
        return _rejection(raw, flaw.reason, flaw.detail)


def _rejection(raw: RawEvent, reason: Reason, detail: str) -> Rejection:
    message_id = raw.fields.get("messageId") if isinstance(raw.fields, dict) else None
    if isinstance(message_id, int):
        message_id = str(message_id)
    return Rejection(
        index=raw.index,
        reason=reason,
        message_id=message_id[:255] if isinstance(message_id, str) else None,
        detail=detail,
        raw=raw.fields if raw.fields is not None else raw.body.decode(errors="replace"),
    )


def _make(fields: dict[str, Any], batch_sent_at: Any, at: Arrival) -> Event:
    """The Event. Takes what it knows out of `fields`; what is left is `extra`. Raises _Flaw."""
    take = fields.pop
    kind = _kind(take("type", None), at.max_chars)
    event = _text(take("event", None), "event")
    name = _text(take("name", None), "name")
    if kind == "track" and not event:
        raise _Flaw(Reason.MISSING_EVENT_NAME, "a track event needs a name in `event`")
    warnings: list[str] = []
    message_id = _id(take("messageId", None), "messageId", at) or at.new_id()
    anonymous_id = _identifier(take("anonymousId", None), "anonymousId", "anonymous_id", at, warnings)
    user_id = _identifier(take("userId", None), "userId", "user_id", at, warnings)
    previous_id = _previous_id(kind, take("previousId", None), at, warnings)
    group_id = _identifier(take("groupId", None), "groupId", "group_id", at, warnings)
    properties = _object(take("properties", None), "properties")
    traits = _object(take("traits", None), "traits")
    context = _object(take("context", None), "context")
    sent_at = take("sentAt", None), batch_sent_at
    timestamp, original, sent = _times(take("timestamp", None), take("originalTimestamp", None), sent_at, at, warnings)

    trust, signed = Trust.SERVER if at.sender.server else Trust.PUBLIC, {}
    if "identityProof" in context:
        context = dict(context)
        verdict = _prove(context.pop("identityProof"), user_id, anonymous_id, at)
        if verdict.failure is not None:
            warnings.append(f"proof_rejected:{verdict.failure}")
        elif trust is not Trust.SERVER:
            trust, signed = Trust.PROVEN, dict(verdict.contacts)
    try:
        found = find_contacts(traits if kind == "identify" else {}, context, signed, at.rules)
    except IdTooLong as error:
        raise _Flaw(Reason.ID_TOO_LONG, f"{error} may have {at.max_chars} characters") from error
    warnings += found.warnings

    if anonymous_id is None:
        anonymous_id = _device(user_id, bool(found.contacts), at)
    return Event(
        type=kind,
        message_id=message_id,
        timestamp=timestamp,
        received_at=at.received_at,
        source=at.sender.source.name,
        trust=trust,
        event=event,
        name=name,
        anonymous_id=anonymous_id,
        user_id=user_id,
        previous_id=previous_id,
        group_id=group_id,
        original_timestamp=original,
        sent_at=sent,
        contacts=found.contacts,
        properties=properties,
        traits=traits,
        context=context,
        extra=fields,
        derived=Derived(warnings=tuple(warnings)) if warnings else _NOTHING_DERIVED,
    )


_NOTHING_DERIVED = Derived()


# Names and identifiers ---------------------------------------------------------------------------------------------


def _kind(value: Any, max_chars: int) -> str:
    if value is None or value == "":
        raise _Flaw(Reason.MISSING_TYPE, "an event needs a `type`")
    if not isinstance(value, str):
        raise _Flaw(Reason.INVALID_FIELD, "`type` must be a text")
    if len(value) > max_chars:
        raise _Flaw(Reason.ID_TOO_LONG, f"`type` may have {max_chars} characters")
    if value in RESERVED_TYPES:
        raise _Flaw(Reason.RESERVED_TYPE, f"events of type {value!r} are made by the API only")
    return value


def _text(value: Any, field: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _Flaw(Reason.INVALID_FIELD, f"`{field}` must be a text")


def _id(value: Any, field: str, at: Arrival) -> str | None:
    """An id as text; integers become texts, since many sites number their users. Empty is None."""
    if value is None:
        return None
    if not isinstance(value, str):
        if not isinstance(value, int) or isinstance(value, bool):
            raise _Flaw(Reason.INVALID_FIELD, f"`{field}` must be a text or an integer")
        value = str(value)
    if len(value) > at.max_chars:
        raise _Flaw(Reason.ID_TOO_LONG, f"`{field}` may have {at.max_chars} characters")
    return value or None


def _identifier(value: Any, field: str, name: str, at: Arrival, warnings: list[str]) -> str | None:
    """An id that is one: blocked values are None, with a warning (docs/identity.md, rule 2)."""
    if value is None:
        return None
    text = _id(value, field, at)
    if text is not None and is_blocked(text, at.rules.blocked):
        warnings.append(f"identifier_blocked:{name}")
        return None
    return text


def _previous_id(kind: str, value: Any, at: Arrival, warnings: list[str]) -> str | None:
    if kind == "alias" and (value is None or value == ""):
        raise _Flaw(Reason.MISSING_PREVIOUS_ID, "an alias needs `previousId`, the other user")
    return _identifier(value, "previousId", "previous_id", at, warnings)


def _object(value: Any, field: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    raise _Flaw(Reason.INVALID_FIELD, f"`{field}` must be an object")


def _device(user_id: str | None, has_contacts: bool, at: Arrival) -> str | None:
    """The device of an event that names none, from the cookie where that is allowed."""
    if user_id is None and not has_contacts:
        anonymous_id = at.cookie.device(at.new_id)
        if anonymous_id is None:
            raise _Flaw(Reason.MISSING_IDENTIFIER, "an event needs an anonymousId, a userId or a contact")
        return anonymous_id
    return at.cookie.current if at.cookie.joins_users and user_id is not None else None


def _prove(token: Any, user_id: str | None, anonymous_id: str | None, at: Arrival) -> Verdict:
    if at.sender.server:
        return Verdict({})  # a server needs no proof
    return check_proof(token, at.sender.source.identity_secret, user_id, anonymous_id, at.received_at_ms)


# Times -------------------------------------------------------------------------------------------------------------

_Times = tuple[str, str | None, str | None]
"""`timestamp`, `original_timestamp` and `sent_at` of an Event."""
_NEVER_SAID = (None, None)
_NOT_SENT = (None, None)


def _times(timestamp: Any, original: Any, sent_at: tuple[Any, Any], at: Arrival, warnings: list[str]) -> _Times:
    """When it happened, when its sender says so, and when it was sent. `sent_at`: the event's own, and the batch's."""
    claimed = _time(timestamp, "timestamp")
    first_claim = claimed if original is None else _time(original, "originalTimestamp")
    if claimed is None:
        claimed = first_claim
    sent, sent_ms = _NOT_SENT if sent_at == _NEVER_SAID else _sent(sent_at, warnings)
    try:
        when, warning = settle(claimed, sent_ms, at.received_at_ms, at.received_at, at.latest, at.min_skew_ms)
    except ValueError as error:
        detail = "`timestamp`, corrected for the sender's clock, is outside the years 1 to 9999"
        raise _Flaw(Reason.INVALID_TIMESTAMP, detail) from error
    if warning is not None:
        warnings.append(warning)
    return when, first_claim, sent


def _sent(said: tuple[Any, Any], warnings: list[str]) -> tuple[str | None, int | None]:
    """The first of the two that is a time, as text and in milliseconds."""
    sent: tuple[str | None, int | None] = _NOT_SENT
    ignored = False
    for sent_at in said:
        if sent_at is not None:
            try:
                sent = sent_time(sent_at)
                break
            except (ValueError, TypeError, AttributeError):
                ignored = True
    if ignored:
        warnings.append("sent_at_ignored")
    return sent


def _time(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Flaw(Reason.INVALID_TIMESTAMP, f"`{field}` must be a text (RFC 3339)")
    try:
        return canonical(value)
    except ValueError as error:
        raise _Flaw(Reason.INVALID_TIMESTAMP, f"`{field}`: {error}") from error
