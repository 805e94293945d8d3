"""Every way an event can fail to reach the log. A new one starts here; a test then demands it in docs/protocol.md."""

from enum import StrEnum
from typing import Any

import msgspec


class Reason(StrEnum):
    """Why an event, or a whole request, was refused."""

    # one event
    NOT_AN_OBJECT = "not_an_object"
    EVENT_TOO_LARGE = "event_too_large"
    TOO_DEEP = "too_deep"
    NUL_CHARACTER = "nul_character"
    INVALID_FIELD = "invalid_field"
    INVALID_TIMESTAMP = "invalid_timestamp"
    MISSING_TYPE = "missing_type"
    RESERVED_TYPE = "reserved_type"
    MISSING_EVENT_NAME = "missing_event_name"
    MISSING_PREVIOUS_ID = "missing_previous_id"
    MISSING_IDENTIFIER = "missing_identifier"
    ID_TOO_LONG = "id_too_long"
    # a whole request
    UNREADABLE = "unreadable"
    UNKNOWN_KEY = "unknown_key"
    SERVER_KEY_MISUSED = "server_key_misused"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_EVENTS = "too_many_events"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"


class Rejection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refused event: where it stood in its request, why, and what it was."""

    index: int
    reason: Reason
    message_id: str | None = None
    detail: str = ""
    """One sentence for the sender: which field, which limit."""
    raw: Any = None
    """The event as it came, kept so that it can be driven in again; not sent back."""


class Refused(Exception):
    """The whole request is refused. `handlers.py` turns it into a problem+json answer with `status` and `reason`."""

    def __init__(self, reason: Reason, status: int, detail: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s
