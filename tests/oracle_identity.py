"""The oracle's half about who is who: rules 1 to 12 of docs/identity.md, in their order. Start at `oracle.py`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from collector.event import RETRACTION, Event, Trust
from collector.runtime import clock

RESET = "Logged Out"

T = TypeVar("T")
Key = tuple[str, bool, str | None, str]
"""(source, sent with a server key, anonymous_id, message_id): what makes two events the same (rule 1)."""
Pair = tuple[str, str]
"""A contact: (type, value)."""
Place = tuple[int, bytes, bytes, bytes, bool]
"""(t in ms, message_id, anonymous_id, source, server key): the order of everything; the last two only break ties."""
Mark = tuple[Place, str]
"""Somebody's user carried a contact: when, and which user."""
Alias = tuple[str, str, Place]
"""(user_id, previous_id, when) of an alias that counts."""
Root = tuple[Any, ...]
"""("user", id), ("contact", type, value), ("device", anonymous_id, first message_id of the slice) or
("event", source, sent with a server key, message_id)."""


class Said(NamedTuple):
    """An event, with what is left of its words about identity after retractions and protection (rules 3 and 4)."""

    event: Event
    place: Place
    named: str | None
    """The user it names, believed or not: what cuts and labels a slice. None when retracted."""
    user: str | None
    """The same, if it may be believed."""
    contacts: tuple[Pair, ...]
    lost: frozenset[str]
    """Types of the contacts it lost; traits of these names are lost with them."""


@dataclass
class Slice:
    """A stretch of one device's time, or one device-less event: what belongs to people as a whole."""

    said: list[Said]
    user: str | None
    root: Root = ()
    rule: int = 0
    """The rule that decided the root: 6 (its own user), 9, 10 or 11."""


def key(event: Event) -> Key:
    return event.source, event.trust == Trust.SERVER, event.anonymous_id, event.message_id


def is_retraction(event: Event) -> bool:
    return event.type == RETRACTION and event.trust == Trust.SERVER


def place_of(said: Said) -> Place:
    return said.place


def first_stored(log: Sequence[tuple[int, Event]]) -> list[Event]:  # rule 1
    found: dict[Key, Event] = {}
    for _, event in sorted(log, key=lambda entry: entry[0]):
        found.setdefault(key(event), event)
    return list(found.values())


def strip(events: list[Event]) -> list[Said]:
    """What is left after retractions (rule 3, themselves left out) and protection (rule 4); in order."""
    retractions = [event for event in events if is_retraction(event)]
    retracted = {message_id for event in retractions for message_id in event.properties.get("message_ids", ())}
    proofs = [event for event in events if event.trust == Trust.PROVEN and event.message_id not in retracted]
    safe_users = {event.user_id for event in proofs}
    safe_contacts = {(contact.type, contact.value) for event in proofs for contact in event.contacts if contact.signed}

    def what_is_left(event: Event) -> Said:
        text = (event.message_id, event.anonymous_id or "", event.source)
        message_id, device, source = (each.encode() for each in text)
        place = (clock.from_text(event.timestamp), message_id, device, source, event.trust == Trust.SERVER)
        if event.message_id in retracted:
            return Said(event, place, None, None, (), frozenset({"email", "phone"}))
        may_name = event.trust != Trust.PUBLIC or event.user_id not in safe_users
        kept = tuple(
            (contact.type, contact.value)
            for contact in event.contacts
            if event.trust == Trust.SERVER or contact.signed or (contact.type, contact.value) not in safe_contacts
        )
        lost = frozenset(contact.type for contact in event.contacts) - {type_ for type_, _ in kept}
        return Said(event, place, event.user_id, event.user_id if may_name else None, kept, lost)

    return sorted((what_is_left(event) for event in events if not is_retraction(event)), key=place_of)


def joined_users(said: list[Said]) -> list[Alias]:  # rule 5; a retracted event names no user
    aliases = [each for each in said if each.event.type == "alias" and each.event.trust == Trust.SERVER and each.user]
    pairs = [(each.user, each.event.previous_id, each.place) for each in aliases]
    return [(user, previous, place) for user, previous, place in pairs if user and previous and user != previous]


def cut_into_slices(said: list[Said]) -> list[Slice]:
    """Rules 6 and 7; by device, then in order."""
    devices: dict[str, list[Said]] = defaultdict(list)
    alone = [[each] for each in said if each.event.anonymous_id is None]
    for each in said:
        if each.event.anonymous_id is not None:
            devices[each.event.anonymous_id].append(each)
    by_user = [part for device in sorted(devices) for part in cut(devices[device], lambda each: each.named)]
    slices = []
    for part in alone + by_user:
        user = next((each.user for each in part if each.user), None)
        slices += [Slice(piece, user) for piece in ([part] if user else cut(part, email_of))]
    return slices


def cut(said: list[Said], word: Callable[[Said], str | None]) -> Iterator[list[Said]]:
    """Cut before an event whose word differs from the part's first word, and after a reset."""
    part: list[Said] = []
    label: str | None = None
    for each in said:
        if label and word(each) and word(each) != label:
            yield part
            part, label = [], None
        part.append(each)
        label = label or word(each)
        if each.event.type == "track" and each.event.event == RESET:
            yield part
            part, label = [], None
    if part:
        yield part


def email_of(said: Said) -> str | None:
    return dict(said.contacts).get("email")


def own(slices: list[Slice], aliases: list[Alias]) -> None:
    """Give every slice its root, and the rule that decided it (rules 8 to 11, then the aliases of rule 5)."""
    marks = marks_of(slices)
    for part in slices:
        part.rule, owner = (6, part.user) if part.user else (9, owner_by_contact(part, marks))
        part.root = ("user", owner) if owner else ()
    join_by_contact([part for part in slices if not part.root])
    for part in slices:
        if not part.root:  # rule 11
            first = part.said[0].event
            alone = ("event", first.source, first.trust == Trust.SERVER, first.message_id)
            part.rule, part.root = 11, ("device", first.anonymous_id, first.message_id) if first.anonymous_id else alone
    join_by_alias([part for part in slices if part.root[0] == "user"], aliases)


def marks_of(slices: list[Slice]) -> dict[Pair, list[Mark]]:  # rule 8
    marks: dict[Pair, list[Mark]] = defaultdict(list)
    for part in slices:
        for each, contact in carried([part]) if part.user else ():
            marks[contact].append((each.place, part.user or ""))
    return {contact: sorted(of_contact) for contact, of_contact in marks.items()}


def join_by_contact(slices: list[Slice]) -> None:  # rule 10
    earliest = first_occurrences(slices)
    for component in components({contact for _, contact in carried([part])} for part in slices):
        best = min(component, key=lambda contact: (strength(contact[0]), earliest[contact][:3], contact[1].encode()))
        for part in slices:
            if any(contact in component for _, contact in carried([part])):
                part.rule, part.root = 10, ("contact", *best)


def join_by_alias(slices: list[Slice], aliases: list[Alias]) -> None:  # rule 5
    starts: dict[str, Place] = {}
    for part in sorted(slices, key=lambda part: part.said[0].place):
        starts.setdefault(part.root[1], part.said[0].place)
    for user, previous, place in sorted(aliases, key=lambda alias: alias[2]):
        starts.setdefault(user, place)
        starts.setdefault(previous, place)
    for group in components({user, previous} for user, previous, _ in aliases):
        leader = min(group, key=lambda user: (starts[user][:3], user.encode()))
        for part in slices:
            if part.root[1] in group:
                part.root = ("user", leader)


def owner_by_contact(part: Slice, marks: dict[Pair, list[Mark]]) -> str | None:  # rule 9
    first = first_occurrences([part])
    for contact in sorted(first, key=lambda c: (strength(c[0]), first[c])):
        if contact in marks:
            before = [user for place, user in marks[contact] if place[:2] <= first[contact][:2]]
            return before[-1] if before else marks[contact][0][1]
    return None


def carried(slices: Iterable[Slice]) -> Iterator[tuple[Said, Pair]]:
    return ((each, contact) for part in slices for each in part.said for contact in each.contacts)


def first_occurrences(slices: list[Slice]) -> dict[Pair, Place]:
    first: dict[Pair, Place] = {}
    for each, contact in sorted(carried(slices), key=lambda pair: pair[0].place):
        first.setdefault(contact, each.place)
    return first


def strength(contact_type: str) -> tuple[int, bytes]:
    """E-mail, phone, then every other type by name; smaller is stronger."""
    return {"email": 0, "phone": 1}.get(contact_type, 2), contact_type.encode()


def components(groups: Iterable[set[T]]) -> list[set[T]]:
    """The given sets, those that share a member united."""
    united: list[set[T]] = []
    for group in filter(None, groups):
        touching = [other for other in united if other & group]
        united = [other for other in united if not other & group] + [group.union(*touching)]
    return united


def runs(part: Slice, gap_ms: int) -> Iterator[list[Said]]:
    """The sessions of a slice (rule 12); none for a device-less event."""
    run: list[Said] = []
    for each in part.said if part.said[0].event.anonymous_id is not None else ():
        if run and each.place[0] - run[-1].place[0] > gap_ms:
            yield run
            run = []
        run.append(each)
    if run:
        yield run
