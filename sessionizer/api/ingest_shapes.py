"""What the ingest endpoints take and answer, as the OpenAPI document shows it. The edge reads requests by its own rules
(docs/protocol.md), which take more than this; nothing here parses anything. Names are the wire's, so camelCase."""

from typing import Any

import msgspec


class SentContact(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A contact beside e-mail and phone: a loyalty card, a CRM id, a cart token."""

    id: str
    type: str


class Context(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The circumstances. Anything else in here is kept."""

    externalIds: list[SentContact] = []
    identityProof: str | None = None
    """A JWT signed with the source's identity secret, for exactly this userId and anonymousId."""
    traits: dict[str, Any] = {}
    page: dict[str, Any] = {}
    userAgent: str | None = None
    locale: str | None = None


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What any event may carry. One of anonymousId, userId or a contact is needed; unknown fields are kept."""

    anonymousId: str | None = None
    userId: str | int | None = None
    messageId: str | None = None
    """Unique per event, so that sending it again does no harm; drawn by the server when left out."""
    timestamp: str | None = None
    """When it happened, ISO 8601; left out: now."""
    originalTimestamp: str | None = None
    sentAt: str | None = None
    context: Context | None = None
    writeKey: str | None = None
    """The key, for senders that cannot set a header."""


class Track(Message, kw_only=True, omit_defaults=True):
    """Something somebody did. Shop events use the names of Segment's e-commerce spec v2; `Logged Out` ends a login."""

    event: str
    properties: dict[str, Any] = {}


class Page(Message, kw_only=True, omit_defaults=True):
    """A page was seen."""

    name: str | None = None
    properties: dict[str, Any] = {}


class Screen(Message, kw_only=True, omit_defaults=True):
    """A screen of an app was seen."""

    name: str | None = None
    properties: dict[str, Any] = {}


class Identify(Message, kw_only=True, omit_defaults=True):
    """Who somebody is: a user, contacts (traits.email, traits.phone), and what is known about them."""

    traits: dict[str, Any] = {}


class Alias(Message, kw_only=True, omit_defaults=True):
    """Two users are one person. Counts only with a server key."""

    previousId: str | int
    userId: str | int


class Group(Message, kw_only=True, omit_defaults=True):
    """Somebody belongs to a company or another group."""

    groupId: str | int
    traits: dict[str, Any] = {}


class Batch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Many events in one request, each with its `type`."""

    batch: list[dict[str, Any]]
    sentAt: str | None = None
    context: Context | None = None
    writeKey: str | None = None


class RejectedEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An event that was refused; the others of its request were not."""

    index: int
    reason: str
    """One of the reasons of docs/protocol.md."""
    message_id: str | None = None
    detail: str = ""


class Accepted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The events not listed as rejected are durable."""

    success: bool
    rejected: list[RejectedEvent] = []


class DeviceAnswer(msgspec.Struct, kw_only=True):
    """A device id; its cookie comes with it."""

    anonymous_id: str


class LinkAnswer(msgspec.Struct, kw_only=True):
    """What a link to another domain carries: good once, for a minute, for the same browser at the same address."""

    token: str
