"""The oracle: who is who by docs/identity.md, worked out a second time, from the whole set of events at once.

It exists to be compared with. It is written for reading, keeps nothing between calls, and shares no code with the
sessionizer. Here are rules 1 to 11 and 17, each where it is applied; `oracle_folds.py` has sessions and what profiles
say (12 to 14). What the edge decides (rule 2, whether a proof holds) is in the events already.

    slices = recompute([(position, event), ...])     # any order; position is the event's place in the log
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from collector.event import RETRACTION, Event, Trust
from collector.runtime import clock

T = TypeVar("T")
Contact = tuple[str, str]  # type and value
Place = tuple[int, str, str, str, bool]
"""Where an event stands: (t in ms, message_id, anonymous_id, source, server key); the last two only break ties. Python
compares texts by code points, which is the order of their UTF-8 bytes."""
Root = tuple[Any, ...]
"""("user", id), ("contact", type, value), ("device", anonymous_id, the slice's first message_id) or
("event", source, server key, message_id)."""


class Most(NamedTuple):
    """The thresholds of rule 17: more than so many are implausible."""

    users_of_device: int = 20
    users_of_contact: int = 20
    devices_of_contact: int = 1000


MOST = Most()


class Said(NamedTuple):
    """An event, and what is left of its words about identity after rules 3 and 4."""

    place: Place
    event: Event
    label: str | None  # the user it names, believed or not
    user: str | None  # the same, if believed
    contacts: frozenset[Contact]
    lost: frozenset[str]  # the types of the contacts it lost


@dataclass
class Slice:
    """A stretch of one device's time, or one event without a device: what belongs to people as a whole."""

    said: list[Said]
    user: str | None
    root: Root = ()

    def first(self) -> dict[Contact, Place]:
        """Its contacts, and where each occurs first."""
        return {contact: each.place for each in reversed(self.said) for contact in each.contacts}


def recompute(log: Iterable[tuple[int, Event]], most: Most = MOST) -> list[Slice]:
    """Every slice with its root. Slices of one root are one profile."""
    stored: dict[Any, Event] = {}
    for _, event in sorted(log, key=lambda entry: entry[0]):
        stored.setdefault(key(event), event)  # rule 1
    said = strip(stored.values())
    slices = list(cut_into_slices(said, most))
    give_roots(slices, most)
    join_by_alias([part for part in slices if part.root[0] == "user"], aliases(said))
    return slices


def key(event: Event) -> tuple[str, bool, str | None, str]:
    return event.source, event.trust == Trust.SERVER, event.anonymous_id, event.message_id


def is_retraction(event: Event) -> bool:
    return event.type == RETRACTION and event.trust == Trust.SERVER


def strip(events: Collection[Event]) -> list[Said]:
    """The events in order, without what was unsaid (rule 3) and what was not theirs to say (rule 4)."""
    unsaid = {each for event in events if is_retraction(event) for each in event.properties["message_ids"]}
    proofs = [event for event in events if event.trust == Trust.PROVEN and event.message_id not in unsaid]
    proven_users = {proof.user_id for proof in proofs}
    proven_contacts = {(each.type, each.value) for proof in proofs for each in proof.contacts if each.signed}

    def listen(event: Event) -> Said:
        is_server, t = event.trust == Trust.SERVER, clock.from_text(event.timestamp)
        place = (t, event.message_id, event.anonymous_id or "", event.source, is_server)
        if event.message_id in unsaid:
            return Said(place, event, None, None, frozenset(), frozenset(["email", "phone"]))
        user = event.user_id if event.trust != Trust.PUBLIC or event.user_id not in proven_users else None
        told = {(each.type, each.value): is_server or each.signed for each in event.contacts}
        kept = frozenset(contact for contact, is_safe in told.items() if is_safe or contact not in proven_contacts)
        return Said(place, event, event.user_id, user, kept, frozenset(type_ for type_, _ in told.keys() - kept))

    return sorted(listen(event) for event in events if not is_retraction(event))


def cut_into_slices(said: list[Said], most: Most) -> Iterator[Slice]:
    devices: dict[str | Place, list[Said]] = defaultdict(list)
    for each in said:
        devices[each.event.anonymous_id or each.place].append(each)
    for of_device in devices.values():
        is_shared = len({each.user for each in of_device if each.user}) > most.users_of_device  # rule 17
        for part in cut(of_device, another(lambda each: each.label, cuts_first=is_shared)):  # rule 6
            user = next((each.user for each in part if each.user), None)
            pieces = [part] if user else cut(part, another(lambda each: dict(each.contacts).get("email")))  # rule 7
            yield from (Slice(piece, user) for piece in pieces)


def cut(said: list[Said], begins: Callable[[list[Said], Said], bool]) -> Iterator[list[Said]]:
    """Cut before each event that begins a new part, and after a reset."""
    part: list[Said] = []
    for each in said:
        if part and (begins(part, each) or (part[-1].event.type, part[-1].event.event) == ("track", "Logged Out")):
            yield part
            part = []
        part.append(each)
    yield part


def another(word: Callable[[Said], str | None], cuts_first: bool = False) -> Callable[[list[Said], Said], bool]:
    """Whether an event says a word that is not the part's first word, or is its first if that cuts too."""

    def begins(part: list[Said], each: Said) -> bool:
        first = next(filter(None, map(word, part)), None)
        return bool(word(each)) and word(each) != first and (cuts_first or first is not None)

    return begins


def give_roots(slices: list[Slice], most: Most) -> None:
    marks: dict[Contact, list[tuple[Place, str]]] = defaultdict(list)  # rule 8
    devices: dict[Contact, set[str]] = defaultdict(set)
    for part in slices:
        for each, contact in ((said, contact) for said in part.said for contact in said.contacts):
            if part.user:
                marks[contact].append((each.place, part.user))
            elif each.event.anonymous_id:
                devices[contact].add(each.event.anonymous_id)
    shared = {contact for contact, of in devices.items() if len(of) > most.devices_of_contact}  # rule 17
    shared |= {contact for contact, of in marks.items() if len({user for _, user in of}) > most.users_of_contact}
    telling = {contact: of for contact, of in marks.items() if contact not in shared}
    for part in slices:
        event = part.said[0].event
        if user := part.user or owner(part, telling):
            part.root = ("user", user)
        elif event.anonymous_id:  # rule 11, unless rule 10 says more
            part.root = ("device", event.anonymous_id, event.message_id)
        else:
            part.root = ("event", event.source, event.trust == Trust.SERVER, event.message_id)
    join_by_contact([part for part in slices if part.root[0] != "user"], shared)


def owner(part: Slice, marks: dict[Contact, list[tuple[Place, str]]]) -> str | None:  # rule 9
    first = part.first()
    for contact in sorted(first.keys() & marks.keys(), key=lambda contact: (strength(contact), first[contact])):
        before = [mark for mark in marks[contact] if mark[0][:2] <= first[contact][:2]]
        return max(before)[1] if before else min(marks[contact])[1]
    return None


def join_by_contact(slices: list[Slice], shared: set[Contact]) -> None:  # rule 10
    latest_first = sorted((each for part in slices for each in part.said), reverse=True)
    first = {contact: each.place[:3] for each in latest_first for contact in each.contacts}
    for component in united(part.first().keys() - shared for part in slices):
        known_by = min(component, key=lambda contact: (strength(contact), first[contact], contact[1]))
        for part in slices:
            if component & part.first().keys():
                part.root = ("contact", *known_by)


def aliases(said: Iterable[Said]) -> list[tuple[str, str, Place]]:
    """The aliases that count (rule 5): user_id, previous_id, where."""
    counting = (each for each in said if each.event.type == "alias" and each.event.trust == Trust.SERVER)
    pairs = ((each.user, each.event.previous_id, each.place) for each in counting)
    return [(user, previous, place) for user, previous, place in pairs if user and previous and user != previous]


def join_by_alias(slices: list[Slice], joined: list[tuple[str, str, Place]]) -> None:  # rule 5
    starts: dict[str, Place] = {}
    for part in sorted(slices, key=lambda part: part.said[0].place):
        starts.setdefault(part.root[1], part.said[0].place)
    for user, previous, place in joined:
        starts.setdefault(user, place)
        starts.setdefault(previous, place)
    for group in united({user, previous} for user, previous, _ in joined):
        leader = min(group, key=lambda user: (starts[user][:3], user))
        for part in slices:
            if part.root[1] in group:
                part.root = ("user", leader)


def strength(contact: Contact) -> tuple[int, str]:
    """E-mail, phone, then every other type by its name."""
    return {"email": 0, "phone": 1}.get(contact[0], 2), contact[0]


def united(groups: Iterable[set[T]]) -> list[set[T]]:
    """The groups, those that share a member made one."""
    found: list[set[T]] = []
    for group in filter(None, groups):
        touching = [other for other in found if other & group]
        found = [other for other in found if not other & group] + [group.union(*touching)]
    return found
