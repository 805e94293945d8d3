"""Whose is it now? What a commit changes in who people are, found by comparing the state with and without it.

Compared are the slices that could have another owner: those the commit adds to, those that carry a contact it names,
and from there all of whoever is known by contacts alone or joined by aliases. A user whom no alias names has their
slices, however many; they need not be looked at. So a page view costs nothing, and a login its own visitor.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from collector.log import EventLog
from sessionizer import explaining, loners, profiles
from sessionizer.erasures import Erasures
from sessionizer.evidence import alias_of
from sessionizer.exporting import holder, visitor_of
from sessionizer.loading import Loader
from sessionizer.owners import Part, Person, World, part_owner, person_of_part
from sessionizer.remembering import Remembered
from sessionizer.rough_overlay import RoughOverlay
from sessionizer.state import Root, Seen, Trait, VisitorChange, identifier
from sessionizer.store import Commit, Snapshot

MOST_DEVICES = 2000
"""A user, or a contact, of more devices and events without one is not looked through: traits of such a user, and who
else's slices such a contact moves, are not told."""

PartName = tuple[str, int]
"""(visitor, number of its slice)."""
Traits = Mapping[str, Trait]


Pair = tuple[Part | None, Part]
"""A slice after, and the slice that had its events, or some of them, before; None when all of them are new."""


class Sides(NamedTuple):
    """The state without the commit, and with it."""

    before: Loader
    after: Loader


class Move(NamedTuple):
    """A slice that belongs to somebody else than before: events of `was` are now in `part`."""

    source: Root
    into: Root
    was: Part
    part: Part


class Why(NamedTuple):
    """The rule that gives a slice to its owner, and a message that decided it."""

    rule: int
    message_id: str


class Changed(NamedTuple):
    """What became of who people are."""

    moves: list[Move]
    gone: set[Root]
    """Sources that are nobody now."""
    why: dict[tuple[Root, Root], Why]
    """By source and owner now, of the first slice that moved."""
    traits: dict[Root, tuple[Traits, Traits]]
    """Of people there are, some trait of whom may have changed: all of theirs before and after."""


class _Held(NamedTuple):
    """Whose a slice is, and all slices that are, where that was looked at."""

    root: Root
    parts: Sequence[Part]


def matters(change: VisitorChange) -> bool:
    """Whether a change may have a say in who anybody is, or what they are like."""
    late = change.before is not None and bool(change.before.late)
    return bool(change.renumbers or late or change.index or change.spoken or change.learned)


async def compare(
    snapshot: Snapshot, log: EventLog, erasures: Erasures, commit: Commit, changes: Iterable[VisitorChange]
) -> Changed:
    """What a commit decided from this snapshot changes; `changes`: its changes, one a visitor."""
    changes = [change for change in changes if matters(change)]
    if not changes:
        return Changed([], set(), {}, {})
    remembered = Remembered(snapshot)
    overlay = RoughOverlay(remembered, commit)
    lone, changes = await loners.find(remembered, overlay, changes)
    changed = await compare_worlds(Sides(Loader(remembered, log, erasures), Loader(overlay, log, erasures)), changes)
    for each in lone:
        _add(changed, each)
    changed.moves.sort(key=lambda move: move.was.first)
    return changed


def _add(changed: Changed, lone: loners.Loner) -> None:
    if lone.former is not None and lone.was is not None:
        naming = lone.part.slice.naming or Seen(first=lone.part.slice.first, last=lone.part.slice.last)
        changed.moves.append(Move(lone.former, lone.root, lone.was, lone.part))
        changed.gone.add(lone.former)
        changed.why[lone.former, lone.root] = Why(6, naming.first[1])
    changed.traits[lone.root] = (lone.traits_before, lone.part.slice.traits)


async def compare_worlds(sides: Sides, changes: Collection[VisitorChange]) -> Changed:
    """What these changes are to who people are, whoever they are; `loners` decides some of them in less time."""
    before, after = sides
    keys = [change.key for change in changes]
    await before.visitors(keys)
    await after.visitors(keys)
    pairs, renamed = await _pairs(sides, changes)
    await before.named({name for was, _ in pairs if was is not None for name in _asked_about(was)})
    await after.named({name for _, part in pairs for name in _asked_about(part)})
    owners = await _owners(sides, changes, pairs, renamed)
    moves = [
        Move(owners[0][_name(was)], owners[1][_name(part)], was, part)
        for was, part in pairs
        if was is not None and owners[0][_name(was)] != owners[1][_name(part)]
    ]
    moves.sort(key=lambda move: move.was.first)  # the first slice that moved tells why
    sources = {move.source for move in moves} - set(owners[1].values())
    found = await _people(after, sources)
    changed = {change.key for change in changes if change.learned or change.renumbers}
    concerned = {owners[1][_name(part)] for was, part in pairs if part.visitor in changed and _tells(was, part)}
    concerned |= {root for move in moves if _tells(move.was, move.part) for root in (move.source, move.into)}
    return Changed(
        moves,
        {root for root in sources if found[root] is None},
        {(each.source, each.into): await after.decide(_why, each.part, each.into) for each in reversed(moves)},
        await _traits(after, await _not_too_many(after, concerned), owners[0], pairs),
    )


# Which slices ---------------------------------------------------------------------------------------------------------


async def _pairs(sides: Sides, changes: Iterable[VisitorChange]) -> tuple[list[Pair], set[PartName]]:
    """The slices a commit adds to; and the names that mean a slice on one side only, for it was folded again."""
    again = [change for change in changes if change.renumbers]
    for loader in sides:
        await loader.refs([change.key for change in again])
    anew = {change.key: [(change.key, number) for number in _renumbered(sides, change)] for change in again}
    pairs: list[Pair] = []
    for change in changes:
        key = change.key
        was, now = (loader.world.numbered(key) for loader in sides)
        open_ = change.record.slice
        touched = {*change.slices, *([open_.number] if open_ is not None else [])}
        pairs += [
            (was.get(number), now[number]) for number in sorted(touched - {number for _, number in anew.get(key, ())})
        ]
        pairs += _by_events(sides, anew.get(key, []))
    return pairs, {name for names in anew.values() for name in names}


def _renumbered(sides: Sides, change: VisitorChange) -> Iterable[int]:
    was, now = (loader.world.numbered(change.key).keys() for loader in sides)
    return was | now if change.refolded else {*change.dropped_slices, *(now - was)}


def _by_events(sides: Sides, names: Collection[PartName]) -> list[Pair]:
    """Slices of one visitor that were folded again, which numbers them anew: by the events they have."""
    was, now = (list(_there(loader, names)) for loader in sides)
    old = {part.slice.number: part for part in was}
    number_of: dict[int, int] = {}
    for part in was:
        number_of |= dict.fromkeys(sides.before.positions_of(part), part.slice.number)
    return [
        (old[number] if number is not None else None, part)
        for part in now
        for number in dict.fromkeys(map(number_of.get, sides.after.positions_of(part)))
    ]


def _there(loader: Loader, names: Collection[PartName]) -> Iterable[Part]:
    """Those of the slices that there are."""
    found = (loader.world.numbered(visitor).get(number) for visitor, number in names)
    return (part for part in found if part is not None)


def _asked_about(part: Part) -> Iterable[str]:
    """What will be asked about a slice: loaded at once, it need not be asked for one by one."""
    yield from _carried(part)
    if part.slice.user is not None:
        yield alias_of(part.slice.user)


# Whose they are -------------------------------------------------------------------------------------------------------


async def _owners(
    sides: Sides, changes: Iterable[VisitorChange], pairs: list[Pair], renamed: Set[PartName]
) -> tuple[dict[PartName, Root], dict[PartName, Root]]:
    """The roots of all slices that could have another owner, before and after. Adds others' slices to the pairs.

    Slices of one name are the same on both sides, but for the renamed ones, which are all in the pairs.
    """
    contacts = _contacts(changes, pairs, renamed)
    others = await _carriers(sides.before, contacts) | await _carriers(sides.after, contacts)
    others -= renamed
    to_ask = [
        others | {_name(was) for was, _ in pairs if was is not None},
        others | {_name(part) for _, part in pairs},
    ]
    roots: tuple[dict[PartName, Root], dict[PartName, Root]] = ({}, {})
    asked: tuple[set[PartName], set[PartName]] = (set(), set())
    while any(to_ask):
        for side, loader in enumerate(sides):
            questions, to_ask[side] = to_ask[side] - asked[side], set()
            asked[side].update(questions)
            held = await _ask(loader, questions)
            roots[side].update((name, each.root) for name, each in held.items())
            people = {each.root: each.parts for each in held.values()}
            reached = {_name(part) for parts in people.values() for part in parts} - renamed
            for other in (0, 1):
                to_ask[other] |= reached - asked[other]
    paired = {_name(part) for _, part in pairs}
    same = sorted((roots[0].keys() & roots[1].keys()) - paired - renamed)
    pairs += [(sides.before.world.part(*name), sides.after.world.part(*name)) for name in same]
    return roots


def _contacts(changes: Iterable[VisitorChange], pairs: Iterable[Pair], renamed: Set[PartName]) -> set[str]:
    """The contacts whose owners may change: those that are named, and all of a slice that gets or loses a user."""
    names = {name for change in changes for name in (*change.index, *change.spoken)}
    names = {name for name in names if not name.startswith(("user_id:", "alias:"))}
    for was, part in pairs:
        if _name(part) in renamed or was is None or was.slice.user != part.slice.user:
            names |= _carried(part) | (_carried(was) if was is not None else set())
    return names


def _carried(part: Part) -> set[str]:
    return {identifier(kind, value) for kind, values in part.slice.contacts.items() for value in values}


async def _carriers(loader: Loader, contacts: Set[str]) -> set[PartName]:
    """All slices that carry one of the contacts."""
    naming = await loader.snapshot.naming(contacts - await loader.shared(contacts))
    contacts = {name for name, keys in naming.items() if len(keys) <= MOST_DEVICES}
    await loader.named(contacts)
    keys = {key for name in contacts for key in loader.world.naming[name]}
    parts = (part for key in keys for part in loader.world.parts[key])
    return {_name(part) for part in parts if not contacts.isdisjoint(_carried(part))}


async def _ask(loader: Loader, names: Collection[PartName]) -> dict[PartName, _Held]:
    """Whose slices are, those that there are."""
    await loader.visitors({visitor for visitor, _ in names})
    held: dict[PartName, _Held] = {}
    asked: list[PartName] = []
    for name in sorted(names):
        part = loader.world.numbered(name[0]).get(name[1])
        if part is None:
            continue
        user = part.slice.user
        if user is not None and loader.world.naming.get(alias_of(user)) == []:
            held[name] = _Held(("user", user), ())
        else:
            asked.append(name)
    return held | await loader.decide_all(_held, asked)


def _held(world: World, name: PartName) -> _Held:
    part = world.part(*name)
    owner = part_owner(world, part)
    if owner is not None:
        world.require([alias_of(owner)])
        if not world.naming[alias_of(owner)]:
            return _Held(("user", owner), ())
    person = person_of_part(world, part)
    return _Held(person.root, person.parts)


def _why(world: World, part: Part, root: Root) -> Why:
    owner = part_owner(world, part)
    if owner is not None and root != ("user", owner):
        person = person_of_part(world, part)
        joined = [alias.key[1] for alias, _ in person.aliases if owner in (alias.user_id, alias.previous_id)]
        return Why(5, joined[0])
    evidence = explaining.evidence(world, part, root, shared=False)
    return Why(evidence.rule, evidence.message_ids[0])


# What they are like ---------------------------------------------------------------------------------------------------


def _tells(*parts: Part | None) -> bool:
    return any(part is not None and part.slice.traits for part in parts)


async def _not_too_many(loader: Loader, roots: Collection[Root]) -> set[Root]:
    """Those of the people whose devices can be looked through for every trait."""
    users = {identifier("user_id", root[1]): root for root in roots if root[0] == "user"}
    naming = await loader.snapshot.naming(users)
    return set(roots) - {users[name] for name, keys in naming.items() if len(keys) > MOST_DEVICES}


async def _traits(
    after: Loader, roots: Collection[Root], owners_before: Mapping[PartName, Root], pairs: Iterable[Pair]
) -> dict[Root, tuple[Traits, Traits]]:
    """All traits of these people before and after, as far as there is somebody after.

    Before, they had what they have, but for the slices in the pairs; and of those the ones that were theirs.
    """
    paired = {_name(part) for _, part in pairs}
    had: dict[Root, dict[PartName, Part]] = {}
    for was, _ in pairs:
        if was is not None:
            had.setdefault(owners_before[_name(was)], {})[_name(was)] = was
    found: dict[Root, tuple[Traits, Traits]] = {}
    for root, person in (await _people(after, roots)).items():
        if person is not None:
            same = [part for part in person.parts if _name(part) not in paired]
            before = profiles.latest_traits([*same, *had.get(root, {}).values()])
            found[root] = (dict(before), dict(profiles.latest_traits(person.parts)))
    return found


async def _people(loader: Loader, roots: Collection[Root]) -> dict[Root, Person | None]:
    """Who has these very roots; None of one that is nobody's."""
    await loader.visitors([key for root in roots if (key := visitor_of(root)) is not None])
    people = await loader.decide_all(holder, sorted(roots))
    return {root: person if person is not None and person.root == root else None for root, person in people.items()}


def _name(part: Part) -> PartName:
    return (part.visitor, part.slice.number)
