"""What an erasure is in the log, and which events it keeps away. Pure.

An erasure is an event of its own, so that a replay of what the log holds afterwards gives what the live store holds. It
must not name whom it erased: identifiers and events are in it as keyed hashes only. Whoever has the log but not the
folder's key cannot tell whether a given address is among them.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from collector.event import ERASURE, Event, StoredEvent, Trust, from_record_lazily
from collector.log import Stored
from collector.runtime.clock import from_canonical, to_text

HASH_BYTES = 16
KEY_BYTES = 32
SOURCE = "api"
"""The source of events that came by the API key."""


class Hasher:
    """Keyed hashes (BLAKE2b, 16 bytes) of what must be recognised and not be readable. Kinds never collide."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.check = self._hash(b"check", "").hex()
        """Tells whether an erasure was made with this key."""

    def _hash(self, kind: bytes, text: str) -> bytes:
        return blake2b(text.encode(), digest_size=HASH_BYTES, key=self._key, person=kind).digest()

    def event(self, event: Event | StoredEvent) -> bytes:
        """What makes copies of one event alike (docs/identity.md, rule 1)."""
        parts = (event.source, event.trust == Trust.SERVER, event.anonymous_id, event.message_id)
        return self._hash(b"event", msgspec.json.encode(parts).decode())

    def device(self, anonymous_id: str) -> bytes:
        return self._hash(b"device", anonymous_id)

    def name(self, identifier: str) -> bytes:
        """Of an identifier, `type:value`."""
        return self._hash(b"name", identifier)


class SharedDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device on which others' events stay: where cuts stay too, so that theirs do not run together."""

    device: str
    """Its hash, in hex like all of them."""
    hint: int
    """The position of an event that stays there: a quick way to find the device again."""
    cuts: list[tuple[int, str]] = []
    """(t in ms, hash): before the first event at or after t; after the event with this hash, where that one is at t."""
    gaps: list[tuple[int, int]] = []
    """(from, to) in ms, neither included: whatever turns up there was the erased person's."""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An erasure's properties: what goes, and what is kept away. Hashes stand one after another, in hex."""

    check: str
    known: int
    """The log position up to which the person was known; later events may come from before the erasure all the same."""
    positions: list[int] = []
    """Where the erased records lie, copies and retractions included."""
    copies: int = 0
    """How many retractions among those the books had as duplicates."""
    events: str = ""
    devices: str = ""
    """Devices that go altogether."""
    names: str = ""
    """Identifiers nobody else uses."""
    proofs: str = ""
    """Identifiers that erased events had proven: they stay protected (rule 4) for what is older than the erasure."""
    shared: list[SharedDevice] = []
    crowded: str = ""
    """Contacts that stay shared (rule 17), although without the erased person too few carry them."""


read_order = msgspec.json.Decoder(Order).decode
"""The Order in an erasure's properties."""


def joined(hashes: Iterable[bytes]) -> str:
    """Hashes as an Order keeps them."""
    return b"".join(sorted(set(hashes))).hex()


def split(hashes: str) -> list[bytes]:
    """Undo `joined`."""
    packed = bytes.fromhex(hashes)
    return [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)]


def erasure(order: Order, *, message_id: str, now_ms: int) -> Event:
    """The event that erases."""
    now = to_text(now_ms)
    properties: dict[str, Any] = msgspec.to_builtins(order)
    return Event(
        type=ERASURE,
        message_id=message_id,
        timestamp=now,
        received_at=now,
        source=SOURCE,
        trust=Trust.SERVER,
        properties=properties,
    )


def is_erasure_record(body: bytes) -> bool:
    """Whether a log record is an erasure, without decoding it: `type` is an Event's first field."""
    return body.startswith(_BEGINNING)


_BEGINNING = b'{"type":"' + ERASURE.encode() + b'"'


def names_of(event: Event | StoredEvent) -> Iterator[str]:
    """Every identifier an event names, as `type:value`, whatever it may use of them."""
    for contact in event.contacts:
        yield f"{contact.type}:{contact.value}"
    if event.user_id is not None:
        yield f"user_id:{event.user_id}"
        if event.type == "alias" and event.previous_id is not None:
            yield f"user_id:{event.previous_id}"


class WrongKey(Exception):
    """An erasure was made with another key than the folder's: nothing it keeps away could be recognised."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the erasure at log position {position} was made with another key than this folder's")
        self.position = position


class Erased(NamedTuple):
    """One erasure, as events are held against it."""

    position: int
    """Its own, in the log."""
    at: int
    """When, in ms."""
    order: Order


def read_erased(record: Stored) -> Erased:
    """The erasure in a log record. Raises msgspec.DecodeError when it is none."""
    event = from_record_lazily(record.body)
    return Erased(record.position, from_canonical(event.timestamp), read_order(event.properties))


class Against:
    """Tells whether events fall under erasures. Holds all their hashes, about 100 bytes each."""

    def __init__(self, hasher: Hasher, erasures: Sequence[Erased] = ()) -> None:
        self._hasher = hasher
        self._events: set[bytes] = set()
        self._devices: dict[bytes, int] = {}
        self._names: dict[bytes, list[tuple[int, int]]] = {}
        self._gaps: dict[bytes, list[tuple[int, int]]] = {}
        for each in erasures:
            self.add(each)

    def __bool__(self) -> bool:
        return bool(self._events)

    def add(self, erased: Erased) -> None:
        """Take one more erasure in. Raises WrongKey."""
        order = erased.order
        if order.check != self._hasher.check:
            raise WrongKey(erased.position)
        self._events.update(split(order.events))
        for each in split(order.devices):
            self._devices[each] = max(erased.at, self._devices.get(each, erased.at))
        for each in split(order.names):
            self._names.setdefault(each, []).append((erased.at, order.known))
        for shared in order.shared:
            self._gaps.setdefault(bytes.fromhex(shared.device), []).extend(shared.gaps)

    def takes(self, event: Event | StoredEvent, position: int) -> bool:
        """Whether the event, at this log position, is one of an erased person's.

        It is one that was erased; or it is older than the erasure, and from an erased device, from an erased stretch of
        a device, or, if it came later, names an erased identifier.
        """
        hasher = self._hasher
        if hasher.event(event) in self._events:
            return True
        t: int | None = None
        if event.anonymous_id is not None and (self._devices or self._gaps):
            device = hasher.device(event.anonymous_id)
            t = from_canonical(event.timestamp)
            if t < self._devices.get(device, t):
                return True
            if any(start < t < end for start, end in self._gaps.get(device, ())):
                return True
        if self._names:
            for name in names_of(event):
                found = self._names.get(hasher.name(name))
                if found is not None:
                    t = from_canonical(event.timestamp) if t is None else t
                    if any(t < at and position > known for at, known in found):
                        return True
        return False
