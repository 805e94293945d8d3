"""People who are one stretch of one device, and alone in naming their user and contacts: most of those who log in.

What a commit changes in who they are follows from their own record, so nobody else is loaded. `belonging.py` decides
all others, and would decide these alike.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sessionizer.evidence import alias_of
from sessionizer.owners import Part
from sessionizer.slices import own_root
from sessionizer.state import Root, Slice, Trait, VisitorChange, identifier
from sessionizer.store import Readable


class Loner(NamedTuple):
    """Somebody alone, before and after."""

    root: Root
    former: Root | None
    """What they were before their first login; None when that was before, or there was nothing before."""
    was: Part | None
    part: Part
    traits_before: dict[str, Trait]
    """Of `root`: none while it was nobody."""


async def find(
    before: Readable, after: Readable, changes: Collection[VisitorChange]
) -> tuple[list[Loner], list[VisitorChange]]:
    """The loners among the changed visitors, and the changes that are of others."""
    names = {change.key: _names(part) for change in changes if (part := _only_slice(change)) is not None}
    naming = await after.naming({name for each in names.values() for name in each})
    alone = {key for key, each in names.items() if all(naming[name] in ([], [key]) for name in each)}
    records = await before.visitors(alone)
    loners: list[Loner] = []
    others: list[VisitorChange] = []
    for change in changes:
        record = records.get(change.key)
        loner = _loner(change, record.slice if record is not None else None) if change.key in alone else None
        if loner is None:
            others.append(change)
        else:
            loners.append(loner)
    return loners, others


def _only_slice(change: VisitorChange) -> Slice | None:
    """The slice of a visitor that has one and logged in, if nothing of it came late."""
    part = change.record.slice
    late = change.before is not None and bool(change.before.late)
    if change.refolded or late or change.record.slices != 1 or part is None or part.user is None:
        return None
    return part


def _names(part: Slice) -> Iterable[str]:
    """What nobody else may name, and no alias join."""
    user = part.user or ""
    contacts = [identifier(kind, value) for kind, values in part.contacts.items() for value in values]
    return [identifier("user_id", user), alias_of(user), *contacts]


def _loner(change: VisitorChange, was: Slice | None) -> Loner | None:
    """None when others may have held their contacts before the login."""
    part, device = change.record.slice, change.record.device
    if part is None or part.user is None or part.aliases or (was is not None and was.user is None and was.contacts):
        return None
    root = ("user", part.user)
    before = Part(change.key, device, was) if was is not None else None
    anonymous = was is not None and was.user is None
    former = own_root(device, was) if was is not None and anonymous else None
    traits = was.traits if was is not None and not anonymous else {}
    return Loner(root, former, before, Part(change.key, device, part), traits)
