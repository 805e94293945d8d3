"""Folding a few stretches of a visitor's time again, and leaving the rest as it is.

Where a late event moves cuts (a logout, another user's login), they move only near it: a stretch between two cuts of
rule 6 is cut the same whatever stands before it, and once a cut falls where one fell before, all after it is as it was.
Pure, and held equal to `slices.fold` by property tests.
"""

from bisect import bisect_right
from collections.abc import Sequence, Set
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple

from sessionizer import guards, slices
from sessionizer.evidence import Happening, joins, named, words_of
from sessionizer.state import MAX_CHUNK, Before, Key, Refs, Session, Slice, VisitorChange

_first = attrgetter("first")


class Window(NamedTuple):
    """What to fold again: from `begin` to `end` of a visitor's slices, and from `start` to `stop` of its events."""

    begin: int
    end: int
    start: int
    stop: int


class Past:
    """All slices of a visitor, in order; the open one is the last."""

    def __init__(self, parts: Sequence[Slice]) -> None:
        self.parts = parts
        self._before = [0, *accumulate(part.events for part in parts)]
        """How many events come before each slice."""

    def window(self, first: Key, last: Key) -> Window:
        """Whole stretches around events that come between two places."""
        begin = max(bisect_right(self.parts, first, key=_first) - 1, 0)
        while not self._begins_stretch(begin):
            begin -= 1
        return self._to_stretch(begin, bisect_right(self.parts, last, key=_first))

    def wider(self, window: Window) -> Window:
        """The same, and the stretch after it."""
        return self._to_stretch(window.begin, window.end + 1)

    def is_all(self, window: Window) -> bool:
        return window.begin == 0 and window.end >= len(self.parts)

    def _to_stretch(self, begin: int, end: int) -> Window:
        end = max(end, begin + 1)
        while end < len(self.parts) and not self._begins_stretch(end):
            end += 1
        return Window(begin, end, self._before[begin], self._before[end])

    def _begins_stretch(self, index: int) -> bool:
        """Whether a slice begins after a cut of rule 6, not of rule 7, which a login would take back."""
        if index == 0:
            return True
        before, part = self.parts[index - 1], self.parts[index]
        return before.ended or not (before.cut_by_email and part.cut_by_email)


def mend(
    change: VisitorChange,
    past: Past,
    window: Window,
    events: Sequence[Happening],
    following: Happening | None,
    fresh: Set[bytes],
    retracted: Set[str],
    protected: Set[str],
) -> bool:
    """Fold the window again, in place: from its events in order, those with a `fresh` id among them.

    `following` is the event after it. False, and nothing changed, when the cut before that falls away: widen then.
    """
    told = [(each, words_of(each, retracted, protected)) for each in events]
    record = change.record
    if following is not None:
        said = words_of(following, retracted, protected)
        *_, last = slices.cut_by_user([*told, (following, said)], frozenset(), record.shared)
        if len(last) > 1:
            return False
    kept = (record.slice, record.session) if following is not None else None
    record.slice = record.session = None
    slices.lay_out(change, told, frozenset())
    slices.note_roots(change)
    if kept is not None:
        slices.close(change)
        record.slice, record.session = kept
    for part in (*change.slices.values(), *([record.slice] if kept is None and record.slice is not None else [])):
        guards.note_carried(change, part)
    change.dropped_slices = [part.number for part in past.parts[window.begin : window.end]]
    for each, said in told:
        if each.id in fresh:
            for name in (*named(each.event), *joins(each.event)):
                change.index.setdefault(name, False)
            slices.index_proofs(change, each, retracted)
            slices.count(record, each)
            guards.note_user(record, said.user)
    return True


def drop_sessions(change: VisitorChange, ran: Sequence[Session], late: Sequence[int]) -> None:
    """Let the sessions of dropped slices go, and note when they and the late events were, for who publishes changes."""
    gone = [session for session in ran if session.slice in change.dropped_slices]
    change.dropped_sessions = [session.number for session in gone]
    change.before = Before(None, None, 0, tuple(sorted({*late, *(session.first[0] for session in gone)})))


def refer(change: VisitorChange, chunks: list[Refs], at: int, happening: Happening) -> None:
    """Put a reference before the one that is at `at` among all the visitor's, in place.

    `chunks` are all but the record's own; they are changed with it.
    """
    number, before = 0, 0
    while number < len(chunks) and before + len(chunks[number]) <= at:
        before += len(chunks[number])
        number += 1
    refs = chunks[number] if number < len(chunks) else change.record.tail
    refs.put(at - before, happening.id, happening.t, happening.position)
    if len(refs) > MAX_CHUNK:
        slices.refer_all(change, joined([*chunks, change.record.tail]))
        chunks[:] = change.chunks.values()
    elif number < len(chunks):
        change.chunks[number] = refs


def joined(columns: Sequence[Refs]) -> Refs:
    """All references in one run."""
    return Refs(
        ids=b"".join([refs.ids for refs in columns]),
        packed_times=b"".join([refs.packed_times for refs in columns]),
        packed_positions=b"".join([refs.packed_positions for refs in columns]),
    )
