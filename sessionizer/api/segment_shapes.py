"""The shapes of Segment's Profile API, its names kept: https://segment.com/docs/unify/profile-api/."""

from typing import Any

import msgspec


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next page is."""

    url: str
    """The path of this list; with more to come, of its next page."""
    has_more: bool
    next: str
    """What to send as `next`; empty at the end."""
    limit: int


class VerboseTrait(msgspec.Struct, frozen=True, kw_only=True):
    value: Any
    source_id: str
    updated_at: str


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    traits: dict[str, Any]
    """Values by name; with `verbose=true` each is {"value", "source_id", "updated_at"}."""
    cursor: Cursor


class ExternalId(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    created_at: str
    source_id: str | None = None
    """Not told: an identifier is not one source's."""
    collection: str = "users"
    encoding: str = "none"


class ExternalIds(msgspec.Struct, frozen=True, kw_only=True):
    data: list[ExternalId]
    cursor: Cursor


class EventExternalId(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    id: str
    collection: str = "users"
    encoding: str = "none"


class ProfileEvent(msgspec.Struct, frozen=True, kw_only=True):
    external_ids: list[EventExternalId]
    """What the event itself named."""
    type: str
    event: str | None
    name: str | None
    message_id: str
    source_id: str
    timestamp: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]
    related: dict[str, str]
    """{"users": profile_id}"""


class ProfileEvents(msgspec.Struct, frozen=True, kw_only=True):
    data: list[ProfileEvent]
    cursor: Cursor


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    created_at: str
    updated_at: str
    first_message_id: str | None
    first_source_id: str | None
    last_message_id: str | None
    last_source_id: str | None
    expires_at: str | None = None


class MetadataAnswer(msgspec.Struct, frozen=True, kw_only=True):
    metadata: Metadata
