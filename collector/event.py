"""The canonical event: what the edge made of one message, once, and what everyone downstream reads.

A published contract: fields are added with defaults, never renamed or retyped. Only `validate.py` makes Events, because
msgspec checks types when it decodes, not in constructors. In the log an event is this struct as JSON, without the
fields that are at their defaults.
"""

from enum import StrEnum
from typing import Any

import msgspec


class Trust(StrEnum):
    """How far an event's words about identity are believed (docs/identity.md, "Trust")."""

    PUBLIC = "public"
    """Sent with a write key, which anyone can read off the page."""
    PROVEN = "proven"
    """A write key, and a proof signed for exactly this user and this device."""
    SERVER = "server"
    """A server key, an import, or a retraction by API key."""


RETRACTION = "retraction"
"""The type of a retraction event (`properties.message_ids`, `properties.reason`); the wire may not send it."""
ERASURE = "erasure"
"""The type of an erasure event (collector/erasure.py); the wire may not send it either."""
RESERVED_TYPES = frozenset([RETRACTION, ERASURE])


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One normalised contact of an event: an e-mail address, a phone number, or any other external id."""

    type: str
    value: str
    signed: bool = False
    """The event's proof signed it (only ever on a `proven` event)."""


class Derived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the edge looked up or worked out, stored once so that a replay never looks up again."""

    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None
    device_type: str | None = None
    """`desktop`, `mobile`, `tablet`, `tv`, `console`, `wearable`, `server` or `other`."""
    bot: str | None = None
    """Why this is thought to be a machine (a pattern's name), else None."""
    country: str | None = None
    """ISO 3166-1 alpha-2, upper case."""
    region: str | None = None
    city: str | None = None
    timezone: str | None = None
    page_url: str | None = None
    page_path: str | None = None
    referrer: str | None = None
    """The referring page's address, as sent; None when it is the site itself."""
    channel: str | None = None
    """Where a visit that began with this event would come from: `direct`, `organic_search`, `paid_search`, `social`,
    `paid_social`, `email`, `affiliate`, `display`, `ai_assistant`, `referral`, `internal`, `payment`, `campaign`.
    Only on page and screen events, and any other event that names a page; `internal` and `payment` never start one."""
    channel_source: str | None = None
    """utm_source, else the name of the referring site (`google`), else its host."""
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    click_id: str | None = None
    """The advertiser's click id with its parameter's name: `gclid:abc`."""
    currency: str | None = None
    """The source's default currency, on commerce events that name none (ISO 4217)."""
    warnings: tuple[str, ...] = ()
    """What the edge changed or ignored, each from the documented list (docs/protocol.md): `timestamp_in_future`,
    `clock_skew_corrected`, `proof_rejected:<why>`, `identifier_blocked:<field>`, `contact_not_allowed:<type>` …"""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, in the project's own names (snake_case). Times are RFC 3339 UTC with milliseconds."""

    type: str
    """`page`, `track`, `screen`, `identify`, `alias`, `group`; any other type is kept as it came."""
    message_id: str
    timestamp: str
    """When it happened, corrected for the device's clock: the `t` of every rule."""
    received_at: str
    source: str
    """The name of the source whose key sent it."""
    trust: Trust
    event: str | None = None
    """The name of a `track` event."""
    name: str | None = None
    """The name of a `page` or `screen`."""
    anonymous_id: str | None = None
    """The device. A blocked value (`null`, `undefined`, …) is None here and in every identifier below."""
    user_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    contacts: tuple[Contact, ...] = ()
    """Normalised, unblocked, at most one a type, strongest first (email, phone, then the types by name)."""
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    """Top-level fields no rule knows, kept as they were sent."""
    derived: Derived = Derived()


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An Event as the mind reads it: the same fields, with the large ones left undecoded until somebody needs them."""

    type: str
    message_id: str
    timestamp: str
    received_at: str
    source: str
    trust: Trust
    event: str | None = None
    name: str | None = None
    anonymous_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    contacts: tuple[Contact, ...] = ()
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    context: msgspec.Raw = msgspec.Raw(b"{}")
    derived: Derived = Derived()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
_stored_decoder = msgspec.json.Decoder(StoredEvent)

to_record = _encoder.encode
"""An Event as the bytes the log keeps."""
from_record = _decoder.decode
"""The Event in a log record. Raises msgspec.DecodeError when the bytes are not one."""
from_record_lazily = _stored_decoder.decode
"""The StoredEvent in a log record, several times faster than `from_record`."""
