"""What would an event change, before it is stored? The mind decides it for real, and the two states are compared.

Compared are all people that could differ: the owners, before and after, of every slice of a visitor that would be
folded anew and of every slice that names what it names; and from there whoever holds one of their slices on the other
side. Where both sides agree, that goes no further.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from collector.event import Event, from_record_lazily, to_record
from collector.log import EventLog
from sessionizer import profiles, sessions, views
from sessionizer.decision import Decision
from sessionizer.erasures import Erasures
from sessionizer.evidence import Read, happening, is_retraction
from sessionizer.loading import Loader
from sessionizer.overlay import OverlaySnapshot
from sessionizer.owners import Part, Person, World, person_of_part, profile_id
from sessionizer.reading import TooMuch
from sessionizer.slices import names_of
from sessionizer.state import Root
from sessionizer.store import Commit, Snapshot

MAX_PROFILES = 1000
"""Profiles shown."""
MAX_VISITORS = 5000
"""Visitors folded again for a dry run: it is done at once, while others wait for their answers."""

PartName = tuple[str, int]
"""(visitor, number of its slice)."""


class _State(NamedTuple):
    """Whose everything is, on one side."""

    profiles: dict[str, views.Profile]
    events: dict[str, set[int]]
    """profile id → log positions."""
    sessions: dict[str, set[bytes]]
    """session id → (profile id, the session), as JSON: two where two senders began visits with one message id."""


async def try_out(event: Event, snapshot: Snapshot, log: EventLog, erasures: Erasures) -> views.DryRun:
    """What would change if this event were the next in the log. Raises TooMuch."""
    position = snapshot.position + 1
    stored = from_record_lazily(to_record(event))
    await erasures.up_to(snapshot.position)
    read = Read([happening(position, stored)], [], [], position)
    if is_retraction(stored):
        read = Read([], [stored], [], position)
    commit = await Decision(log, snapshot, erasures, at_once=MAX_VISITORS).of(read)
    if commit.put_off:
        raise TooMuch(len(commit.changes) + len(commit.put_off))
    before = Loader(snapshot, log, erasures)
    after = Loader(OverlaySnapshot(snapshot, commit), log, erasures)
    people_before, people_after = await _concerned(before, after, commit)
    return _difference(await _state(before, people_before), await _state(after, people_after))


async def _concerned(before: Loader, after: Loader, commit: Commit) -> tuple[list[Person], list[Person]]:
    """Everybody who may differ, on both sides."""
    changed = {change.key for change in commit.changes}
    names = {name for change in commit.changes for name in change.index}
    names |= {name for change in commit.changes for each in change.carrying.values() for name in each.contacts}
    found: tuple[dict[Root, Person], dict[Root, Person]] = ({}, {})
    asked: tuple[set[PartName], set[PartName]] = (set(), set())
    sides = (before, after)
    names -= await before.shared(names) & await after.shared(names)  # those join nobody, before or after
    to_ask = [await _first_parts(loader, changed, names) for loader in sides]
    while any(to_ask):
        for side, loader in enumerate(sides):
            questions, to_ask[side] = to_ask[side] - asked[side], set()
            asked[side].update(questions)
            await loader.visitors({visitor for visitor, _ in questions})
            for person in (await loader.decide_all(_holder, sorted(questions))).values():
                if person.root not in found[side]:
                    found[side][person.root] = person
                    mine = {_name(part) for part in person.parts}
                    asked[side].update(mine)
                    to_ask[1 - side] |= {each for each in mine if each[0] not in changed} - asked[1 - side]
    return [*found[0].values()], [*found[1].values()]


async def _first_parts(loader: Loader, changed: set[str], names: set[str]) -> set[PartName]:
    """The slices of visitors that change, and those that name what these name."""
    naming = await loader.snapshot.naming(names)
    others = {key for keys in naming.values() for key in keys} - changed
    await loader.visitors(changed | others)
    first = {_name(part) for key in changed for part in loader.world.parts[key]}
    return first | {
        _name(part) for key in others for part in loader.world.parts[key] if not names.isdisjoint(names_of(part.slice))
    }


def _holder(world: World, name: PartName) -> Person:
    visitor, number = name
    return person_of_part(world, world.part(visitor, number))


def _name(part: Part) -> PartName:
    return (part.visitor, part.slice.number)


async def _state(loader: Loader, people: Iterable[Person]) -> _State:
    people = list(people)
    keys = {part.visitor for person in people for part in person.parts}
    await loader.refs(keys)
    await loader.sessions(keys)
    state = _State({}, {}, {})
    for person in people:
        id_ = profile_id(person.root)
        state.profiles[id_] = profiles.show(person)
        state.events[id_] = {position for part in person.parts for _, position in loader.events_of(part)}
        for part in person.parts:
            if part.device is not None:
                shown = [sessions.show(each, part.device) for each in loader.sessions_of(part)]
                for each in shown:
                    state.sessions.setdefault(each.session_id, set()).add(msgspec.json.encode((id_, each)))
    return state


def _difference(before: _State, after: _State) -> views.DryRun:
    changes = [
        views.ProfileChange(
            profile_id=id_,
            before=before.profiles.get(id_),
            after=after.profiles.get(id_),
            events_gained=len(after.events.get(id_, set()) - before.events.get(id_, set())),
            events_lost=len(before.events.get(id_, set()) - after.events.get(id_, set())),
        )
        for id_ in sorted(before.profiles.keys() | after.profiles.keys())
        if (before.profiles.get(id_), before.events.get(id_)) != (after.profiles.get(id_), after.events.get(id_))
    ]
    changes.sort(key=lambda each: -(each.events_gained + each.events_lost))
    owner_before = {position: id_ for id_, positions in before.events.items() for position in positions}
    owner_after = {position: id_ for id_, positions in after.events.items() for position in positions}
    return views.DryRun(
        profiles_changed=len(changes),
        events_moved=sum(owner_after.get(position) not in (None, id_) for position, id_ in owner_before.items()),
        sessions_changed=sum(
            before.sessions.get(each) != after.sessions.get(each) for each in before.sessions.keys() | after.sessions
        ),
        profiles=changes[:MAX_PROFILES],
    )
