"""What came off the wire, unbelieved, and what goes back. No aiohttp here: `handlers.py` translates both ways."""

from collections.abc import Mapping
from typing import Any

import msgspec

from collector.rejection import Reason, Rejection


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as bytes and strings."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    """Lower-case names."""
    cookies: Mapping[str, str] = {}
    body: bytes = b""
    """Already inflated, and within the limits."""
    remote_ip: str | None = None
    """The visitor's address, as the trusted proxies report it."""
    secure: bool = False
    """The visitor's side of the connection is HTTPS."""
    host: str = ""
    received_at_ms: int = 0


class RawEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event out of a request, its fields named as in Segment's HTTP API (camelCase); anything may be wrong."""

    index: int
    fields: Any
    sent_at: Any = None
    """The batch's `sentAt`, for events that carry none."""
    body: bytes = b""
    """Its JSON as it came, where it has a flaw."""
    flaw: Reason | None = None
    """Why it cannot even be looked at (too large, too deep, not representable); then `fields` may be None."""
    detail: str = ""


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its protocol's adapter understood it."""

    events: tuple[RawEvent, ...]
    key: Any = None
    """The key in the body; anything may be wrong with it."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender is told: everything accepted is durable, everything else is named."""

    position: int
    """The log position that covers every event accepted here; the log's end when none was."""
    accepted: int = 0
    withheld: int = 0
    rejections: tuple[Rejection, ...] = ()
    set_anonymous_id: str | None = None
    """The id the first-party cookie should carry from now on, if the answer may set one."""
