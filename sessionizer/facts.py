"""Facts: what was published of the mind's decisions, as it is kept. What was found when depends on arrival, unlike the
state itself (docs/architecture.md, "Facts").

Encoded as MessagePack arrays, like the records: a field is only ever added at the end, with a default. The facts of one
commit are one row, compressed; JSON is made when somebody reads them (`views.Fact`).
"""

import zlib
from collections.abc import Sequence, Set
from typing import NamedTuple

import msgspec

HASH_BYTES = 8
"""Of the hash of a message id, where one is only to be recognised."""


class Kept(msgspec.Struct, array_like=True, kw_only=True, frozen=True, gc=False):
    """Base of everything in a fact."""


class SessionSeen(Kept, frozen=True):
    """A session as it was when a fact spoke of it."""

    id: bytes
    """16 bytes: the UUID."""
    first: int
    """t in ms of its first and its last event."""
    last: int
    events: int
    page_views: int
    engaged_ms: int
    orders: int
    revenue: dict[str, str]
    """By currency, decimal text."""
    ended: bool
    """It has been published as over, and is not again."""


class SessionStarted(Kept, frozen=True, tag=1):
    """A session was seen for the first time."""

    device: str
    id: bytes
    first: int


class SessionEnded(Kept, frozen=True, tag=2):
    """A session is over; once."""

    device: str
    session: SessionSeen


class SessionAmended(Kept, frozen=True, tag=3):
    """What had been published of these sessions is no longer so: those before are those after now."""

    device: str
    before: list[SessionSeen]
    after: list[SessionSeen]


class ProfilesMerged(Kept, frozen=True, tag=4):
    """Everything that was one profile's is another's now, but for what `ProfilesSplit` before it told."""

    source: bytes
    into: bytes
    """16 bytes: the UUIDs."""
    rule: int
    message_id: str
    """Which rule decided (docs/identity.md), and a message that did."""


class SliceSeen(Kept, frozen=True):
    """A stretch of a device's time, or an event without a device."""

    device: str | None
    first: int
    last: int
    """t in ms."""
    events: int


class ProfilesSplit(Kept, frozen=True, tag=5):
    """Some of what was one profile's is another's now."""

    source: bytes
    into: bytes
    slices: list[SliceSeen]
    """As they are now; some of their events may be new."""
    rule: int
    message_id: str


class TraitSaid(Kept, frozen=True):
    """A trait's value, and the message that told it, by its hash's first bytes: to find it when that is erased."""

    value: bytes
    """JSON."""
    by: bytes


class TraitsChanged(Kept, frozen=True, tag=6):
    """Traits of a profile that are others than before; a name on one side only is new, or told no more."""

    profile: bytes
    before: dict[str, TraitSaid]
    after: dict[str, TraitSaid]


Fact = SessionStarted | SessionEnded | SessionAmended | ProfilesMerged | ProfilesSplit | TraitsChanged


class FactRow(NamedTuple):
    """The facts of one commit. They are numbered from `first` on; None where one was erased."""

    first: int
    found_ms: int
    facts: Sequence[Fact | None]


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(list[Fact | None]).decode


def pack(facts: Sequence[Fact | None]) -> bytes:
    """A commit's facts as the store keeps them."""
    return zlib.compress(_write(facts), 1)


def unpack(packed: bytes) -> list[Fact | None]:
    """What `pack` packed."""
    return _read(zlib.decompress(packed))


def without(facts: Sequence[Fact | None], first: int, erased: Set[int]) -> list[Fact | None]:
    """A row's facts, numbered from `first` on, but for those with an erased number."""
    return [None if number in erased else fact for number, fact in enumerate(facts, first)]
