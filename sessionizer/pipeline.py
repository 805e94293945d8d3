"""The mind, top to bottom: event log → [ know → sort → append or refold → name ] → what to keep. Pure.

    Known        what must be loaded before a batch can be decided; `decision.py` loads it
    sort()       leave out copies, and put each visitor's new events in order
    extend()     add them to the visitor's record: at its end, or late
    refold()     fold a visitor again, where adding is not enough
    roots()      the profile ids that come of it

A batch is decided visitor by visitor. An event that comes last on its visitor is appended to the record; anything that
reaches into the past (a late event, a login that takes back cuts, a first proof, a retraction) folds that visitor again
from all its events; a late event that moves no cut is added where it belongs (`late.py`). All ways give the same, so
arrival order, batches and restarts leave no trace. Ownership across visitors is not decided here at all, but when it is
asked for (`owners.py`).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from sessionizer import late, slices
from sessionizer.evidence import Happening
from sessionizer.owners import profile_id
from sessionizer.state import Before, Cut, Refs, Run, Session, Slice, Visitor, VisitorChange, visitor_key

MANY = 5000
"""Searches in columns of ids, from which on a set of all of them is faster."""


class Near(NamedTuple):
    """A visitor's closed slices and sessions next to its late events, and all its complete runs."""

    slices: Sequence[Slice]
    sessions: Sequence[Session]
    runs: Sequence[Run]


class Known(NamedTuple):
    """What must be known to decide a batch."""

    visitors: Mapping[str, Visitor]
    chunks: Mapping[str, Sequence[Refs]]
    """Spilled references of those visitors."""
    near: Mapping[str, Near]
    """Of those visitors whose events come late."""
    retracted: Set[str]
    """Of the batch's message ids, and of every event that is refolded."""
    protected: set[str]
    """Of the identifiers the batch names, and of every event that is refolded."""


class Sorted(NamedTuple):
    """A batch by visitor: what is new, in the visitor's order, and how many copies were left out."""

    fresh: dict[str, list[Happening]]
    duplicates: list[Happening]


def key_of(happening: Happening) -> str:
    """The visitor an event is of."""
    return visitor_key(happening.device, happening.source, happening.server, happening.message_id)


def sort(batch: Iterable[Happening], known: Known) -> Sorted:
    """Leave out copies of events already had (rule 1: the first stored counts), and order the rest."""
    by_visitor: dict[str, list[Happening]] = {}
    for each in batch:
        by_visitor.setdefault(key_of(each), []).append(each)
    fresh: dict[str, list[Happening]] = {}
    duplicates: list[Happening] = []
    for key, happenings in by_visitor.items():
        record = known.visitors.get(key)
        had = [*known.chunks.get(key, ()), record.tail] if record is not None else []
        all_ids = _ids(had) if len(had) * len(happenings) > MANY else None
        new: dict[bytes, Happening] = {}
        for each in happenings:
            if each.id in new or (_holds(had, each.id) if all_ids is None else each.id in all_ids):
                duplicates.append(each)
            else:
                new[each.id] = each
        if new:
            fresh[key] = sorted(new.values(), key=lambda each: each.key) if len(new) > 1 else list(new.values())
    return Sorted(fresh, duplicates)


def _holds(had: Iterable[Refs], wanted: bytes) -> bool:
    """Whether one of the columns of 16-byte ids holds one."""
    for refs in had:
        at = refs.ids.find(wanted)
        while at >= 0 and at % len(wanted):
            at = refs.ids.find(wanted, at + 1)
        if at >= 0:
            return True
    return False


def _ids(had: Iterable[Refs]) -> set[bytes]:
    return {refs.ids[at : at + 16] for refs in had for at in range(0, len(refs.ids), 16)}


def is_late(happening: Happening, record: Visitor | None) -> bool:
    """Whether an event comes before the last one its visitor had."""
    return record is not None and record.slice is not None and happening.key < record.slice.last


def extend(key: str, happenings: Sequence[Happening], known: Known) -> VisitorChange | None:
    """Add a visitor's new events to its record; None when its past changes and it must be folded again."""
    record = known.visitors.get(key)
    late_ones = [each for each in happenings if is_late(each, record)]
    if record is None:
        change = slices.start(happenings[0].device, happenings[0])
    else:
        change = VisitorChange(key=key, record=record, before=_before(record, late_ones))
    if late_ones:
        near = known.near[key]
        around = late.Surroundings(change, near.slices, near.sessions, near.runs, known.chunks.get(key, ()))
        if not all(late.insert(change, around, each, known.retracted, known.protected) for each in late_ones):
            return None
    for each in happenings[len(late_ones) :]:
        if not slices.append(change, each, known.retracted, known.protected):
            return None
    if record is None or change.index or change.slices:
        slices.note_roots(change)
    return change


def _before(record: Visitor, late_ones: Sequence[Happening]) -> Before:
    late_times = tuple([each.t for each in late_ones])
    session = record.session
    if session is None:
        return Before(None, None, 0, late_times)
    return Before(session.number, session.first, session.events, late_times)


def refold(happenings: Iterable[Happening], known: Known, cuts: Sequence[Cut] = ()) -> VisitorChange:
    """Fold a visitor again, from all its events, with the cuts that erasures left."""
    ordered = sorted(happenings, key=lambda each: each.key)
    return slices.fold(ordered[0].device, ordered, known.retracted, known.protected, cuts)


def roots(changes: Iterable[VisitorChange]) -> dict[str, tuple[str, ...]]:
    """profile id → root, for every id these changes may have made."""
    return {profile_id(root): root for change in changes for root in change.roots}
