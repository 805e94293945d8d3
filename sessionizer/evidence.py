"""What one event says about who it is, and how much of that may be believed (docs/identity.md, rules 1 to 5).

Pure. The edge has already normalised and blocked identifiers and checked proofs.
"""

import functools
from collections.abc import Iterable, Set
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from collector.event import ERASURE, RETRACTION, Contact, StoredEvent, Trust, from_record_lazily
from collector.log import Stored
from collector.runtime.clock import from_canonical
from sessionizer.state import Key, identifier

LOGGED_OUT = "Logged Out"
HASH_BYTES = 16


class Happening(msgspec.Struct, gc=False):
    """One event of the log, with what every rule asks of it at hand."""

    t: int
    message_id: str
    source: str
    server: bool
    device: str | None
    position: int
    id: bytes
    """16 bytes: two copies of one event (rule 1) have the same on one visitor."""
    event: StoredEvent
    key: Key
    guarded: frozenset[str] = frozenset()
    """Identifiers it names that an erased proof keeps from it (rule 19)."""


class Words(NamedTuple):
    """What an event says about identity, after proofs and retractions took what it may not use."""

    label: str | None = None
    """The user it names, believed or not: cuts (rule 6)."""
    user: str | None = None
    """The user it may use."""
    contacts: tuple[Contact, ...] = ()
    """The contacts it may use."""
    claims: tuple[tuple[str, str], ...] = ()
    """(type, value) of what it named and may not use."""
    alias_of: str | None = None
    """The other user, when this is an alias that counts (rule 5)."""
    reset: bool = False
    lost: tuple[str, ...] = ()
    """Types of the contacts it may not use; the traits of these names are lost with them."""


_SILENT = Words()
_SILENT_RESET = Words(reset=True)
_RETRACTED = Words(lost=("email", "phone"))
_RETRACTED_RESET = Words(reset=True, lost=("email", "phone"))


def happening(position: int, event: StoredEvent) -> Happening:
    """Ready one stored event for the rules."""
    id_ = event_id(event.message_id, event.source, event.trust == Trust.SERVER)
    return recalled(position, from_canonical(event.timestamp), id_, event)


def recalled(position: int, t: int, id_: bytes, event: StoredEvent) -> Happening:
    """The same for an event whose time and id are known already, from its visitor's references."""
    server = event.trust == Trust.SERVER
    return Happening(
        t,
        event.message_id,
        event.source,
        server,
        event.anonymous_id,
        position,
        id_,
        event,
        (t, event.message_id, event.source, server),
    )


def event_id(message_id: str, source: str, server: bool) -> bytes:
    """What two copies of one event have the same, on one visitor (rule 1)."""
    return message_hash(message_id) + _sender_hash(source, server)


@functools.lru_cache(maxsize=1024)
def _sender_hash(source: str, server: bool) -> bytes:
    return blake2b(f"{source}\0{server}".encode(), digest_size=4).digest()


class Read(NamedTuple):
    """A run of log records, taken apart."""

    happenings: list[Happening]
    retractions: list[StoredEvent]
    unreadable: list[tuple[int, str]]
    """(position, why)."""
    end: int


def take_apart(records: Iterable[Stored]) -> Read:
    """Decode log records: events, retractions, and what is neither."""
    happenings: list[Happening] = []
    retractions: list[StoredEvent] = []
    unreadable: list[tuple[int, str]] = []
    end = 0
    for record in records:
        end = record.position
        try:
            event = from_record_lazily(record.body)
            each = happening(record.position, event)
        except (msgspec.MsgspecError, ValueError) as error:
            unreadable.append((record.position, f"unreadable: {error}"[:500]))
            continue
        if is_retraction(event):
            retractions.append(event)
        elif event.type == ERASURE and event.trust == Trust.SERVER:
            continue  # `unfolding.py` folds it, alone
        else:
            happenings.append(each)
    return Read(happenings, retractions, unreadable, end)


def message_hash(message_id: str) -> bytes:
    """12 bytes that stand for a message id; with the sender's four they tell copies on one visitor apart."""
    return blake2b(message_id.encode(), digest_size=HASH_BYTES - 4).digest()


def is_retraction(event: StoredEvent) -> bool:
    """Whether this event takes others back (rule 3). The edge lets nobody send one; the API appends it."""
    return event.type == RETRACTION and event.trust == Trust.SERVER


def is_reset(event: StoredEvent) -> bool:
    """Whether this event is a logout (docs/protocol.md, "Logout")."""
    return event.type == "track" and event.event == LOGGED_OUT


def named(event: StoredEvent) -> list[str]:
    """Every identifier an event names, whatever it may use of them: what the store finds its visitor by."""
    names = [identifier(contact.type, contact.value) for contact in event.contacts]
    if event.user_id is not None:
        names.append(identifier("user_id", event.user_id))
        if event.type == "alias" and event.previous_id is not None:
            names.append(identifier("user_id", event.previous_id))
    return names


def joins(event: StoredEvent) -> list[str]:
    """What finds an alias by either of the users it may join (rule 5), beside their own names."""
    if event.type != "alias" or event.user_id is None or event.previous_id is None:
        return []
    return [alias_of(event.user_id), alias_of(event.previous_id)]


def alias_of(user: str) -> str:
    """What the store finds the aliases of a user by."""
    return identifier("alias", user)


def proves(event: StoredEvent) -> list[str]:
    """The identifiers this event's proof protects (rule 4)."""
    if event.trust != Trust.PROVEN:
        return []
    names = [identifier(contact.type, contact.value) for contact in event.contacts if contact.signed]
    if event.user_id is not None:
        names.append(identifier("user_id", event.user_id))
    return names


def words_of(happening: Happening, retracted: Set[str], protected: Set[str]) -> Words:
    """What an event may say, given the message ids that are retracted and the identifiers that are protected."""
    if happening.guarded:
        protected = protected | happening.guarded
    return words(happening.event, happening.message_id in retracted, protected)


def words(event: StoredEvent, retracted: bool, protected: Set[str]) -> Words:
    """What an event may say about identity: retractions first (rule 3), then protection (4), then aliases (5)."""
    if retracted:
        return _RETRACTED_RESET if is_reset(event) else _RETRACTED
    if event.user_id is None and not event.contacts:
        return _SILENT_RESET if is_reset(event) else _SILENT
    user = label = event.user_id
    contacts = event.contacts
    claims: list[tuple[str, str]] = []
    if protected and event.trust != Trust.SERVER:
        proven = event.trust == Trust.PROVEN
        if user is not None and not proven and identifier("user_id", user) in protected:
            claims.append(("user_id", user))
            user = None
        kept = []
        for contact in contacts:
            if identifier(contact.type, contact.value) in protected and not (proven and contact.signed):
                claims.append((contact.type, contact.value))
            else:
                kept.append(contact)
        contacts = tuple(kept)
    alias_of = event.previous_id if event.type == "alias" and event.trust == Trust.SERVER else None
    if user is None or alias_of == user:
        alias_of = None
    lost = tuple(kind for kind, _ in claims if kind != "user_id")
    return Words(label, user, contacts, tuple(claims), alias_of, is_reset(event), lost)
