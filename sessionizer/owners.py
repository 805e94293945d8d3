"""Whose is it? Ownership across visitors (docs/identity.md, rules 5 and 8 to 11), decided when somebody asks.

Nothing here is stored. A login moves no rows: the next reader simply finds another answer, and a retraction gives the
old one back. The functions are pure over a `World`, the part of what is known that has been loaded; when a decision
needs more, it raises `Missing`, the caller loads that and asks again.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, TypeVar

import msgspec

from sessionizer import uuids
from sessionizer.slices import own_root
from sessionizer.state import Alias, Place, Root, Seen, Slice, identifier, place
from sessionizer.store import Crowd

PROFILE_IDS = uuids.space("ariane:profile")

Contact = tuple[str, str]
"""(type, value)."""
About = TypeVar("About")
Answer = TypeVar("Answer")


class Part(NamedTuple):
    """A slice, with the visitor it is of."""

    visitor: str
    device: str | None
    slice: Slice

    @property
    def first(self) -> Place:
        return place(self.slice.first, self.device)


class MarksOf(NamedTuple):
    """The question when exactly a slice's events carried a contact."""

    visitor: str
    number: int
    contact: Contact


class Missing(Exception):
    """The world must be loaded further before this can be decided."""

    def __init__(self, identifiers: Iterable[str] = (), marks: Iterable[MarksOf] = ()) -> None:
        super().__init__("load more, then ask again")
        self.identifiers = frozenset(identifiers)
        self.marks = frozenset(marks)


class World:
    """What has been loaded of who named what."""

    def __init__(self) -> None:
        self.parts: dict[str, list[Part]] = {}
        """visitor → its slices, in order."""
        self.naming: dict[str, list[str]] = {}
        """identifier → the visitors that name it, believed or not; none of a shared contact."""
        self.shared: dict[str, Crowd] = {}
        """The shared contacts among those: they say nothing about whose a slice is (rule 17)."""
        self.marks: dict[MarksOf, list[Place]] = {}
        self._owners: dict[tuple[str, int], str | None] = {}
        self._people: dict[Root, Person | None] = {}
        self._undecided: dict[Root, Missing] = {}
        self._numbered: dict[str, dict[int, Part]] = {}
        self._own: dict[str, dict[Root, list[Part]]] = {}
        self._marks: dict[Contact, list[tuple[str, Part, Seen]]] = {}

    def part(self, visitor: str, number: int) -> Part:
        """The slice of a loaded visitor with this number."""
        return self.numbered(visitor)[number]

    def numbered(self, visitor: str) -> dict[int, Part]:
        """The slices of a loaded visitor by number."""
        numbered = self._numbered.get(visitor)
        if numbered is None:
            numbered = self._numbered[visitor] = {part.slice.number: part for part in self.parts[visitor]}
        return numbered

    def on_their_own(self, visitor: str, root: Root) -> list[Part]:
        """The slices of a loaded visitor that tell of nobody and have this root of their own: one, but for odd ids."""
        own = self._own.get(visitor)
        if own is None:
            own = self._own[visitor] = {}
            for part in self.parts[visitor]:
                if part.slice.user is None:
                    own.setdefault(own_root(part.device, part.slice), []).append(part)
        return [part for part in own.get(root, []) if is_its_own(self, part)]

    def parts_naming(self, name: str) -> Iterable[Part]:
        """Every slice of every visitor that names an identifier somewhere."""
        if name not in self.naming:
            raise Missing([name])
        for visitor in self.naming[name]:
            yield from self.parts[visitor]

    def once(self, known: Root, decide: Callable[["World", About], Answer], about: About) -> Answer:
        """What `decide` says, asked once until more is loaded: each of somebody's slices asks for the whole person."""
        if known in self._undecided:
            raise self._undecided[known].with_traceback(None)
        try:
            return decide(self, about)
        except Missing as missing:
            self._undecided[known] = missing
            raise

    def more_is_loaded(self) -> None:
        """What could not be decided may be asked again."""
        self._undecided.clear()

    def require(self, names: Iterable[str]) -> None:
        """Raise Missing for all of these that are not loaded, at once."""
        missing = [name for name in names if name not in self.naming]
        if missing:
            raise Missing(missing)


class Person(NamedTuple):
    """Everything that makes one profile: its root, and its slices in the order of their first events."""

    root: Root
    parts: list[Part]
    users: list[str]
    aliases: list[tuple[Alias, str | None]]
    """With the device each was sent from."""


def profile_uuid(root: Root) -> bytes:
    """UUIDv5 of the root, 16 bytes: the same on every machine, never drawn."""
    return uuids.uuid5(PROFILE_IDS, msgspec.json.encode(root))


def profile_id(root: Root) -> str:
    """The same as text."""
    return uuids.as_text(profile_uuid(root))


def strength(contact_type: str) -> tuple[int, str]:
    """Sorts strongest first: email, phone, then the others by name."""
    return (("email", "phone").index(contact_type) if contact_type in ("email", "phone") else 2, contact_type)


def contacts_by_strength(part: Slice) -> list[tuple[Contact, Seen]]:
    """A slice's contacts, strongest first, then by first occurrence."""
    found = [((kind, value), seen) for kind, values in part.contacts.items() for value, seen in values.items()]
    return sorted(found, key=lambda each: (strength(each[0][0]), each[1].first, each[0][1]))


def telling_contacts(world: World, part: Part) -> list[tuple[Contact, Seen]]:
    """Those of a slice's contacts that may tell whose it is: not the shared ones (rule 17)."""
    contacts = contacts_by_strength(part.slice)
    world.require(identifier(*contact) for contact, _ in contacts)
    return [(contact, seen) for contact, seen in contacts if identifier(*contact) not in world.shared]


def marks_on(world: World, contact: Contact) -> list[tuple[str, Part, Seen]]:
    """The slices with a user that carry a contact, and that user (rule 8)."""
    kind, value = contact
    if contact not in world._marks:
        world._marks[contact] = [
            (part.slice.user, part, part.slice.contacts[kind][value])
            for part in world.parts_naming(identifier(kind, value))
            if part.slice.user is not None and value in part.slice.contacts.get(kind, ())
        ]
    return world._marks[contact]


def contact_owner(world: World, contact: Contact, at: Place | None) -> str | None:
    """The user a contact belonged to at a place in the order of events (rule 8); None for `at` means now.

    The user of its latest mark at or before then, else of its first mark; None when no user ever carried it.
    """
    marks = marks_on(world, contact)
    if not marks:
        return None
    users = {user for user, _, _ in marks}
    if len(users) == 1:
        return users.pop()
    questions: list[MarksOf] = []
    before: list[tuple[Place, str]] = []
    for user, part, seen in marks:
        last = place(seen.last, part.device)
        if at is None or last[:2] <= at[:2]:
            before.append((last, user))
        elif place(seen.first, part.device)[:2] <= at[:2]:
            question = MarksOf(part.visitor, part.slice.number, contact)
            if question not in world.marks:
                questions.append(question)
                continue
            carried = [mark for mark in world.marks[question] if mark[:2] <= at[:2]]
            if carried:  # none: its visitor waits to be folded again, and its events may carry it no more
                before.append((max(carried), user))
    if questions:
        raise Missing(marks=questions)
    if before:
        return max(before)[1]
    return min((place(seen.first, part.device), user) for user, part, seen in marks)[1]


def part_owner(world: World, part: Part) -> str | None:
    """The user a slice belongs to (rules 6 and 9); None when none claims it."""
    if part.slice.user is not None:
        return part.slice.user
    known = (part.visitor, part.slice.number)
    if known not in world._owners:
        world._owners[known] = _won_by(world, part)
    return world._owners[known]


def _won_by(world: World, part: Part) -> str | None:
    """Rule 9: the owner of its strongest contact that has one, as of that contact's first occurrence in the slice."""
    for contact, seen in telling_contacts(world, part):
        owner = contact_owner(world, contact, place(seen.first, part.device))
        if owner is not None:
            return owner
    return None


def alias_group(world: World, user: str) -> tuple[set[str], list[tuple[Alias, str | None]]]:
    """All users joined to one by aliases, transitively (rule 5), and the aliases that did it."""
    group, frontier = {user}, [user]
    edges: dict[Place, tuple[Alias, str | None]] = {}
    while frontier:
        world.require(identifier("user_id", each) for each in frontier)
        reached = set()
        for each in frontier:
            for part in world.parts_naming(identifier("user_id", each)):
                for alias in part.slice.aliases:
                    if each in (alias.user_id, alias.previous_id):
                        edges[place(alias.key, part.device)] = (alias, part.device)
                        reached |= {alias.user_id, alias.previous_id}
        frontier = sorted(reached - group)
        group |= reached
    return group, [edges[at] for at in sorted(edges)]


def person_of_user(world: World, user: str) -> Person | None:
    """The person a user is today, aliases included; None when nobody is called that."""
    known: Root = ("user", user)
    if known not in world._people:
        person = world.once(known, _gather, user)
        world._people |= {("user", each): person for each in (person.users if person is not None else [user])}
    return world._people[known]


def _gather(world: World, user: str) -> Person | None:
    group, aliases = alias_group(world, user)
    parts = [
        part for each in group for part in world.parts_naming(identifier("user_id", each)) if part.slice.user == each
    ]
    if not parts and not aliases:
        return None
    carried = {(kind, value) for part in parts for kind, values in part.slice.contacts.items() for value in values}
    world.require(identifier(*contact) for contact in carried)
    anonymous = {
        (part.visitor, part.slice.number): part
        for kind, value in carried
        for part in world.parts_naming(identifier(kind, value))
        if part.slice.user is None and value in part.slice.contacts.get(kind, ())
    }
    _require_all(world, anonymous.values())
    parts += [part for part in anonymous.values() if part_owner(world, part) in group]
    starts: dict[str, Place] = {}
    for part in parts:
        owner = part_owner(world, part)
        if owner is not None:
            starts[owner] = min(part.first, starts.get(owner, part.first))
    for alias, device in aliases:
        for each in (alias.user_id, alias.previous_id):
            starts.setdefault(each, place(alias.key, device))
    leader = min(starts, key=lambda each: (starts[each][:3], each))
    return Person(("user", leader), sorted(parts, key=lambda part: part.first), sorted(starts), aliases)


def _require_all(world: World, parts: Iterable[Part]) -> None:
    """Ask for everything the owners of these slices depend on, in one go."""
    world.require(identifier(*contact) for part in parts for contact, _ in contacts_by_strength(part.slice))


def person_of_contacts(world: World, contact: Contact) -> Person | None:
    """The person known by contacts alone whose contact this is (rule 10); None when no unclaimed slice carries it."""
    known: Root = ("contact", *contact)
    if known not in world._people:
        person, joined = world.once(known, _join, contact)
        world._people |= {("contact", *each): person for each in (joined or [contact])}
    return world._people[known]


def _join(world: World, contact: Contact) -> tuple[Person | None, Collection[Contact]]:
    """The person, and all contacts of the component."""
    joined: dict[Contact, Place] = {}
    parts: dict[tuple[str, int], Part] = {}
    frontier = [contact]
    seen_contacts = {contact}
    while frontier:
        world.require(identifier(*each) for each in frontier)
        reached = []
        for kind, value in frontier:
            for part in world.parts_naming(identifier(kind, value)):
                if part.slice.user is not None or value not in part.slice.contacts.get(kind, ()):
                    continue
                if part_owner(world, part) is not None:
                    continue
                parts[(part.visitor, part.slice.number)] = part
                for each, seen in telling_contacts(world, part):
                    at = place(seen.first, part.device)
                    joined[each] = min(at, joined.get(each, at))
                    if each not in seen_contacts:
                        seen_contacts.add(each)
                        reached.append(each)
        frontier = reached
    if not parts:
        return None, ()
    kind, value = min(joined, key=lambda each: (strength(each[0]), joined[each][:3], each[1]))
    return Person(("contact", kind, value), sorted(parts.values(), key=lambda part: part.first), [], []), joined


def person_of_part(world: World, part: Part) -> Person:
    """The person a slice belongs to today."""
    owner = part_owner(world, part)
    person: Person | None = None
    if owner is not None:
        person = person_of_user(world, owner)
    elif contacts := telling_contacts(world, part):
        person = person_of_contacts(world, contacts[0][0])
    return person or _nobody_else(world, part)


def _nobody_else(world: World, part: Part) -> Person:
    """Rule 11. Two slices of one device that begin with one message id, from two senders, share their root."""
    root = own_root(part.device, part.slice)
    return Person(root, world.on_their_own(part.visitor, root), [], [])


def is_its_own(world: World, part: Part) -> bool:
    """Whether nothing in a slice tells whose it is (rule 11)."""
    return part.slice.user is None and not telling_contacts(world, part)


def person_of_contact(world: World, contact: Contact) -> Person | None:
    """The person a contact belongs to now: its latest mark's user, else the people known by contacts alone."""
    owner = contact_owner(world, contact, None)
    return person_of_user(world, owner) if owner is not None else person_of_contacts(world, contact)


def person_of_root(world: World, root: Root) -> Person | None:
    """Who holds a root today; the slice of a device or event root must be found first (`person_of_part`)."""
    match root:
        case ("user", user):
            return person_of_user(world, user)
        case ("contact", kind, value):
            return person_of_contact(world, (kind, value))
    raise ValueError(f"not a user's or contact's root: {root}")
