"""What is published of profiles: who became whom, and whose traits changed. Pure."""

from collections.abc import Iterable

from sessionizer.belonging import Changed, Move, Traits
from sessionizer.evidence import message_hash
from sessionizer.facts import HASH_BYTES, Fact, ProfilesMerged, ProfilesSplit, SliceSeen, TraitSaid, TraitsChanged
from sessionizer.owners import Part, profile_uuid
from sessionizer.state import Root, Trait


def tell(changed: Changed) -> list[Fact]:
    """What to say of a change: first the splits and merges, then the traits of whom there is now."""
    facts: list[Fact] = []
    by_source: dict[Root, list[Move]] = {}
    for move in changed.moves:
        by_source.setdefault(move.source, []).append(move)
    for source, moves in by_source.items():
        facts += _moved(changed, source, moves)
    for root in sorted(changed.traits):
        facts += _traits(root, *changed.traits[root])
    return facts


def _moved(changed: Changed, source: Root, moves: list[Move]) -> Iterable[Fact]:
    """A profile that is gone merged into whoever has its first slice now; whatever else left it was split off."""
    heir = moves[0].into if source in changed.gone else None
    for into in dict.fromkeys(move.into for move in moves):
        if into != heir:
            rule, message_id = changed.why[source, into]
            slices = {part.first: _slice(part) for _, other, _, part in moves if other == into}
            yield ProfilesSplit(
                source=profile_uuid(source),
                into=profile_uuid(into),
                slices=[slices[first] for first in sorted(slices)],
                rule=rule,
                message_id=message_id,
            )
    if heir is not None:
        rule, message_id = changed.why[source, heir]
        yield ProfilesMerged(source=profile_uuid(source), into=profile_uuid(heir), rule=rule, message_id=message_id)


def _slice(part: Part) -> SliceSeen:
    return SliceSeen(device=part.device, first=part.slice.first[0], last=part.slice.last[0], events=part.slice.events)


def _traits(root: Root, before: Traits, after: Traits) -> Iterable[Fact]:
    names = [
        name
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name].value != after[name].value
    ]
    if names:
        yield TraitsChanged(
            profile=profile_uuid(root),
            before={name: _said(before[name]) for name in names if name in before},
            after={name: _said(after[name]) for name in names if name in after},
        )


def _said(trait: Trait) -> TraitSaid:
    return TraitSaid(value=trait.value, by=message_hash(trait.key[1])[:HASH_BYTES])
