"""What readers are shown: the shapes of the read API, the exports and the live page. OpenAPI is made from these types.

Times are RFC 3339 UTC with milliseconds, money is a decimal string. Fields are added with defaults, never renamed.
"""

from typing import Any, get_args

import msgspec


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every shape shown: all fields always present, in the order written here."""


class IdentifierView(Shown, frozen=True, kw_only=True):
    type: str
    value: str
    first_seen: str
    last_seen: str


class Touch(Shown, frozen=True, kw_only=True):
    """Where a visit came from."""

    channel: str
    source: str | None
    medium: str | None
    campaign: str | None
    referrer: str | None
    landing_page: str | None
    at: str


class CartItem(Shown, frozen=True, kw_only=True):
    product_id: str
    quantity: int
    price: str | None
    name: str | None = None


class Cart(Shown, frozen=True, kw_only=True):
    items: list[CartItem]
    value: str
    currency: str | None
    updated_at: str


class Totals(Shown, frozen=True, kw_only=True):
    events: int
    page_views: int
    sessions: int
    orders: int
    revenue: dict[str, str]
    """By ISO 4217 currency; `XXX` where neither the event nor its source names one."""
    engaged_ms: int


class Device(Shown, frozen=True, kw_only=True):
    anonymous_id: str
    browser: str | None
    os: str | None
    type: str | None
    country: str | None
    first_seen: str
    last_seen: str


class Profile(Shown, frozen=True, kw_only=True):
    """One person, as known today: a fold over the events that belong to them."""

    profile_id: str
    status: str
    """`known` (has a user or a contact) or `anonymous`."""
    identifiers: list[IdentifierView]
    traits: dict[str, Any]
    trait_sources: dict[str, dict[str, str]]
    """For each trait the source that said it and when: {"source", "at", "message_id"}."""
    first_seen: str
    last_seen: str
    totals: Totals
    cart: Cart | None
    first_touch: Touch | None
    last_touch: Touch | None
    devices: list[Device]
    segments: list[str]
    scores: dict[str, float]


class ProfilePage(Shown, frozen=True, kw_only=True):
    profiles: list[Profile]
    next: str | None


class TimelineEvent(Shown, frozen=True, kw_only=True):
    """The canonical event with the session it belongs to and its position in the log."""

    type: str
    event: str | None
    name: str | None
    message_id: str
    anonymous_id: str | None
    user_id: str | None
    previous_id: str | None
    group_id: str | None
    timestamp: str
    original_timestamp: str | None
    sent_at: str | None
    received_at: str
    source: str
    trust: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]
    contacts: list[dict[str, Any]]
    extra: dict[str, Any]
    derived: dict[str, Any]
    position: int
    session_id: str | None


class ExportedEvent(TimelineEvent, frozen=True, kw_only=True):
    profile_id: str | None


class Timeline(Shown, frozen=True, kw_only=True):
    events: list[TimelineEvent]
    next: str | None


class Session(Shown, frozen=True, kw_only=True):
    session_id: str
    anonymous_id: str
    started_at: str
    ended_at: str
    events: int
    page_views: int
    engaged_ms: int
    engaged: bool
    entry_page: str | None
    exit_page: str | None
    referrer: str | None
    channel: str
    source: str | None
    medium: str | None
    campaign: str | None
    country: str | None
    browser: str | None
    os: str | None
    device_type: str | None
    orders: int
    revenue: dict[str, str]


class ExportedSession(Session, frozen=True, kw_only=True):
    profile_id: str


class SessionPage(Shown, frozen=True, kw_only=True):
    sessions: list[Session]
    next: str | None


class Evidence(Shown, frozen=True, kw_only=True):
    """Why something belongs here: the rule (docs/identity.md), the messages that decided it, and a sentence to read."""

    rule: int
    message_ids: list[str]
    because: str


class SliceView(Shown, frozen=True, kw_only=True):
    """A stretch of one device's time that belongs to this person."""

    anonymous_id: str | None
    from_: str = msgspec.field(name="from")
    to: str
    events: int
    user_id: str | None
    evidence: Evidence
    guard: Evidence | None = None
    """Set where the device is shared by implausibly many users: what that means for this stretch (rule 17)."""


class ContactView(Shown, frozen=True, kw_only=True):
    type: str
    value: str
    evidence: Evidence
    guard: Evidence | None = None
    """Set where implausibly many carry the contact, so that it tells of nobody (rule 17)."""


class AliasView(Shown, frozen=True, kw_only=True):
    user_id: str
    previous_id: str
    at: str
    message_id: str


class Claim(Shown, frozen=True, kw_only=True):
    """An identifier somebody used without the proof it needs. It changed nothing."""

    type: str
    value: str
    anonymous_id: str | None
    message_id: str
    at: str


class Identity(Shown, frozen=True, kw_only=True):
    profile_id: str
    root: str
    """`type:value` of what names this person: a user, a contact, a device's slice or a single event."""
    users: list[str]
    slices: list[SliceView]
    contacts: list[ContactView]
    aliases: list[AliasView]
    earlier_ids: list[str]
    claims: list[Claim]


class ProfileChange(Shown, frozen=True, kw_only=True):
    """What would become of one profile."""

    profile_id: str
    before: Profile | None
    """As it is; null when there is none of this id yet."""
    after: Profile | None
    """As it would be; null when there would be none."""
    events_gained: int
    events_lost: int


class DryRun(Shown, frozen=True, kw_only=True):
    """What an event that says something about identity would change. Nothing was stored."""

    profiles_changed: int
    events_moved: int
    """Events that would belong to another profile."""
    sessions_changed: int
    """Sessions that would begin, end, say something else, or belong to another profile."""
    profiles: list[ProfileChange]
    """The changed ones, those with most events gained and lost first; the first thousand."""


class SessionInFact(Shown, frozen=True, kw_only=True):
    """A session as it was when the fact was found. `GET /v1/profiles/{who}/sessions` tells more, as of now."""

    session_id: str
    started_at: str
    ended_at: str
    """Its last event."""
    events: int
    page_views: int
    engaged_ms: int
    orders: int
    revenue: dict[str, str]
    ended: bool
    """It has been published as over, and is not again."""


class FactBase(Shown, frozen=True, kw_only=True, tag_field="fact", tag=True):
    cursor: str
    """Go on from here: `after`."""
    found_at: str


class SessionStarted(FactBase, frozen=True, kw_only=True):
    """A visit began."""

    anonymous_id: str
    session_id: str
    started_at: str


class SessionEnded(FactBase, frozen=True, kw_only=True):
    """A visit is over; once a visit."""

    anonymous_id: str
    session: SessionInFact


class SessionAmended(FactBase, frozen=True, kw_only=True):
    """What was published of these visits is no longer so: those before are now those after."""

    anonymous_id: str
    before: list[SessionInFact]
    after: list[SessionInFact]


class ProfilesMerged(FactBase, frozen=True, kw_only=True):
    """There was a profile, and now all of it is another's."""

    from_: str = msgspec.field(name="from")
    into: str
    rule: int
    """Which rule of docs/identity.md decided."""
    message_id: str
    """A message that did."""


class SliceInFact(Shown, frozen=True, kw_only=True):
    """A stretch of one device's time, or an event without a device, as it was when the fact was found."""

    anonymous_id: str | None
    from_: str = msgspec.field(name="from")
    to: str
    events: int


class ProfilesSplit(FactBase, frozen=True, kw_only=True):
    """Some of what was one profile's is another's now."""

    from_: str = msgspec.field(name="from")
    into: str
    slices: list[SliceInFact]
    rule: int
    message_id: str


class TraitsChanged(FactBase, frozen=True, kw_only=True):
    """Traits of a profile that are others than before; a name on one side only is new, or told no more."""

    profile_id: str
    before: dict[str, Any]
    after: dict[str, Any]


Fact = SessionStarted | SessionEnded | SessionAmended | ProfilesMerged | ProfilesSplit | TraitsChanged
FACT_TYPES = frozenset(each.__name__ for each in get_args(Fact))


class FactPage(Shown, frozen=True, kw_only=True):
    facts: list[Fact]
    next: str
    """The cursor to go on from; never null, for there may be more any time."""


class ReachedBackup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one backup in an erasure."""

    path: str
    clean: bool
    """No trace is left in it."""
    why: str = ""
    """Why some may be: it is gone, out of reach, or broken. It is tried again at every start and erasure."""
