"""The native protocol: Segment's HTTP Tracking API, which Segment-shaped SDKs (RudderStack's too) speak.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ : one event to `/v1/track` and its
siblings, or `{"batch": [...], "sentAt", "context", "integrations"}` to `/v1/batch`. Analytics.js says `/v1/t`.
JSON whatever Content-Type says: SDKs send text/plain to avoid a preflight, and worse.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from collector import json_guard
from collector.protocols import Answer
from collector.raw import Parsed, RawEvent, RawRequest, Receipt
from collector.rejection import Reason, Refused
from collector.settings import EdgeSettings

_KINDS = ("track", "page", "screen", "identify", "alias", "group")
_BATCHES = ("/v1/batch", "/v1/b", "/v1/import")
_KIND_OF = {f"/v1/{kind}": kind for kind in _KINDS} | {f"/v1/{kind[0]}": kind for kind in _KINDS}

_BOM = b"\xef\xbb\xbf"
_ENVELOPE_DEPTH = 2
"""An event in a batch lies inside an array inside an object."""

_decode = msgspec.json.Decoder().decode
_DECODE_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

name: str = "segment"
methods: tuple[str, ...] = ("POST",)
paths: tuple[str, ...] = (*_KIND_OF, *_BATCHES)
is_pixel: bool = False


_NO_JSON = msgspec.Raw(b"")


class _Shared(NamedTuple):
    """What a batch says for all its events."""

    context: dict[str, Any] | None = None
    integrations: Any = None
    body: bytes = b""
    """The JSON of both, as one array."""
    size: int = 0


_NOTHING_SHARED = _Shared()
_MAX_SHARED_BYTES = 16 * 1024 * 1024
"""What a batch's own context may come to, copied into each event: 6 KB for a full batch, before anything is copied."""


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    write_key: Any = None
    sent_at: Any = None
    context: msgspec.Raw = _NO_JSON
    integrations: msgspec.Raw = _NO_JSON

    def shared(self) -> _Shared:
        """Decoded. Raises what decoding raises."""
        context = _decode(self.context) if self.context else None
        integrations = _decode(self.integrations) if self.integrations else None
        if not context and not integrations:
            return _NOTHING_SHARED
        pieces = bytes(self.context), bytes(self.integrations)
        return _Shared(
            context if isinstance(context, dict) else None, integrations, b" ".join(pieces), sum(map(len, pieces))
        )


class _Decoded(msgspec.Struct):
    batch: list[Any]


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_events = msgspec.json.Decoder(_Decoded).decode
"""All events of a batch in one go, which takes half as long as one by one; but one that cannot be held spoils it."""
_skim = msgspec.json.Decoder(msgspec.Raw).decode
"""Checks the grammar and builds nothing; so it accepts numbers that no value can hold."""
_encode = msgspec.json.encode


def parse(request: RawRequest, settings: EdgeSettings) -> Parsed:
    """The events of a request, each with its flaw if it cannot be looked at."""
    kind = _KIND_OF.get(request.path.rstrip("/"))
    if kind is None:
        return _parse_batch(request.body, settings)
    return _parse_single(request.body, kind, settings)


def respond(receipt: Receipt) -> Answer:
    """`{"success": true}`, and what was refused."""
    if not receipt.rejections:
        return _SUCCESS
    rejected = [
        {"index": each.index, "message_id": each.message_id, "reason": each.reason.value, "detail": each.detail}
        for each in receipt.rejections
    ]
    return Answer(200, "application/json", _encode({"success": True, "rejected": rejected}))


def refuse(refused: Refused) -> Answer | None:  # noqa: ARG001
    """As problem+json: Segment's SDKs look at the status alone."""
    return None


_SUCCESS = Answer(200, "application/json", b'{"success":true}')


def _readable(body: bytes, settings: EdgeSettings) -> tuple[bytes, bool]:
    """The body as a decoder may have it, and whether any event in it may be too deep or hold U+0000."""
    body = body.removeprefix(_BOM)
    if not json_guard.depth_exceeds(body, settings.max_depth):
        return body, b"\\" in body and b"\\u0000" in body  # the first look is ten times as fast
    limit = settings.max_depth + _ENVELOPE_DEPTH
    return (json_guard.prune(body, limit + 1) if json_guard.depth_exceeds(body, limit) else body), True


def _parse_single(body: bytes, kind: str, settings: EdgeSettings) -> Parsed:
    body, suspect = _readable(body, settings)
    try:
        fields = _decode(body)
    except _DECODE_ERRORS as error:
        body, fields = _second_try(body, error)
    key = None
    if isinstance(fields, dict):
        key = fields.pop("writeKey", None)
        fields["type"] = kind
    return Parsed(events=(_Judge(settings, suspect).raw_event(0, body, fields, None),), key=key)


def _second_try(body: bytes, error: Exception) -> tuple[bytes, Any]:
    """A body and its value, without lone surrogates; the value is an exception when JSON says more than we can hold."""
    repaired = json_guard.replace_lone_surrogates(body)
    try:
        return repaired, _decode(repaired)
    except _DECODE_ERRORS:
        pass  # either not JSON, or JSON we cannot hold: the skim below tells
    try:
        _skim(repaired)
        repaired.decode()
    except _DECODE_ERRORS as grammar:
        raise Refused(Reason.UNREADABLE, 400, f"the body is not JSON: {str(grammar)[:100]}") from error
    return repaired, error


def _parse_batch(body: bytes, settings: EdgeSettings) -> Parsed:
    body, suspect = _readable(body, settings)
    try:
        batch = _decode_batch(body)
    except _DECODE_ERRORS:
        body = json_guard.replace_lone_surrogates(body)
        batch = _decode_repaired(body)
    if len(batch.batch) > settings.max_batch_events:
        raise Refused(
            Reason.TOO_MANY_EVENTS, 413, f"{len(batch.batch)} events; a request may have {settings.max_batch_events}"
        )
    try:
        judge = _Judge(settings, suspect, batch.shared())
    except _DECODE_ERRORS as error:
        raise Refused(Reason.UNREADABLE, 400, f"the batch's context cannot be held: {str(error)[:100]}") from error
    if judge.shared.size * len(batch.batch) > _MAX_SHARED_BYTES:
        raise Refused(Reason.BODY_TOO_LARGE, 413, "the batch's context, given to each of its events, is too much")
    every = zip(batch.batch, _every_fields(body, batch.batch, judge.shared), strict=True)
    return Parsed(
        events=tuple([judge.raw_event(index, raw, fields, batch.sent_at) for index, (raw, fields) in enumerate(every)]),
        key=batch.write_key,
    )


def _decode_repaired(body: bytes) -> _Batch:
    try:
        return _decode_batch(body)
    except _DECODE_ERRORS as error:
        raise Refused(Reason.UNREADABLE, 400, f"the body is not a batch in JSON: {str(error)[:100]}") from error


def _every_fields(body: bytes, pieces: Sequence[msgspec.Raw], shared: _Shared) -> Sequence[Any]:
    """Each event of a batch with what the batch says for all; the error where a value in one cannot be held."""
    try:
        every = _decode_events(body).batch
    except _DECODE_ERRORS:
        every = [_value_or_error(piece) for piece in pieces]
    for fields in every:
        if isinstance(fields, dict):
            fields.pop("writeKey", None)
            if shared is not _NOTHING_SHARED:
                _share(fields, shared)
    return every


def _value_or_error(piece: msgspec.Raw) -> Any:
    try:
        return _decode(piece)
    except _DECODE_ERRORS as error:
        return error


def _share(fields: dict[str, Any], shared: _Shared) -> None:
    """Give one event what the batch says for all."""
    if shared.context:
        own = fields.get("context")
        fields["context"] = {**shared.context, **own} if isinstance(own, dict) else own or dict(shared.context)
    if shared.integrations is not None:
        fields.setdefault("integrations", shared.integrations)


class _Judge:
    """Says whether an event may be looked at. `suspect`: somewhere in the body is one that may not."""

    def __init__(self, settings: EdgeSettings, suspect: bool, shared: _Shared = _NOTHING_SHARED) -> None:
        self._max_bytes, self._max_depth = settings.max_event_bytes, settings.max_depth
        self._suspect = suspect
        self.shared = shared

    def raw_event(self, index: int, body: bytes | msgspec.Raw, fields: Any, sent_at: Any) -> RawEvent:
        """One event with its flaw. `fields` may be the error of decoding it."""
        size = len(body) + self.shared.size
        if size <= self._max_bytes and not self._suspect and not isinstance(fields, Exception):
            return RawEvent(index=index, fields=fields, sent_at=sent_at)
        body = bytes(body)
        problem = None
        if size > self._max_bytes:
            problem = (
                Reason.EVENT_TOO_LARGE,
                f"{size} bytes, the batch's context included; an event may have {self._max_bytes}",
            )
        elif self._suspect:
            problem = self._problem_within(body) or self._problem_within(self.shared.body)
        if isinstance(fields, Exception):
            problem = problem or (Reason.INVALID_FIELD, f"a value cannot be held: {str(fields)[:100]}")
            fields = None
        flaw, detail = problem or (None, "")
        return RawEvent(index=index, fields=fields, sent_at=sent_at, body=body, flaw=flaw, detail=detail)

    def _problem_within(self, body: bytes) -> tuple[Reason, str] | None:
        if json_guard.depth_exceeds(body, self._max_depth):
            return Reason.TOO_DEEP, f"objects and arrays may nest {self._max_depth} deep"
        if json_guard.has_nul(body):
            return Reason.NUL_CHARACTER, "a text holds the character U+0000"
        return None
