"""Folding a few stretches of a visitor's time again, and leaving the rest as it is.

Where a late event moves cuts (a logout, another user's login), they move only near it: a stretch between two cuts of
rule 6 is cut the same whatever stands before it, and once a cut falls where one fell before, all after it is as it was.
Pure, and held equal to `slices.fold` by property tests.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Set
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple

import msgspec

from sessionizer import guards, pieces, recutting, runs, slices, summaries
from sessionizer.evidence import Happening, Words, joins, named
from sessionizer.pieces import Piece, Told
from sessionizer.recutting import Old
from sessionizer.state import MAX_CHUNK, Before, Key, Refs, Run, Session, Slice, VisitorChange

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


def mend(change: VisitorChange, dropped: Sequence[Slice], told: Sequence[Told], old: Old, *, to_the_end: bool) -> None:
    """Put what is told in the place of the dropped slices, in place; `old`: the sessions these had.

    `to_the_end`: nothing comes after it, so that the last slice and session stay open. It is cut as `pieces.cut` says.
    """
    record = change.record
    was_open = record.session
    kept = None if to_the_end else (record.slice, record.session, record.run)
    record.slice = record.session = record.run = None
    change.dropped_slices = [part.number for part in dropped]
    change.dropped_sessions = [session.number for session in old.broken]
    for parts in pieces.cut(told, record.shared):
        label = None
        for part in parts:
            slices.open_slice(change, pieces.first_of(part[0][0]), label=label, cut_by_email=len(parts) > 1)
            for piece, said in part:
                _add(change, piece, said)
                label = label or said.label
            is_last = part[-1][0] is told[-1][0]
            recutting.lay_out(change, part, old.whole, stays_open=to_the_end and is_last)
        if parts[-1][-1][1].reset and record.slice is not None:
            record.slice.ended = True
    slices.note_roots(change)
    if kept is not None:
        slices.close(change)
        record.slice, record.session, record.run = kept
    for each in (*change.slices.values(), *([record.slice] if to_the_end and record.slice is not None else [])):
        guards.note_carried(change, each)
    if to_the_end:
        _swap_open_session(change, was_open)


def _swap_open_session(change: VisitorChange, was_open: Session | None) -> None:
    """Give the session that was open a row, if it is still there; and take away that of the one that is open now."""
    now_open = change.record.session
    if was_open is not None and now_open is not None and was_open.number != now_open.number:
        if was_open.number not in change.dropped_sessions:
            change.sessions.setdefault(was_open.number, was_open)
        change.dropped_sessions.append(now_open.number)


def _add(change: VisitorChange, piece: Piece, said: Words) -> None:
    """Add a piece to the open slice, but for its sessions."""
    if isinstance(piece, Run):
        runs.close(change)
        if change.record.slice is not None:
            summaries.join(change.record.slice, piece.slice)
    else:
        slices.add_but_for_session(change, piece, said)


def take_notes(
    change: VisitorChange,
    chunks: list[Refs],
    fresh: Iterable[tuple[int, Happening, Words]],
    retracted: Set[str],
    ran: Sequence[Session],
) -> None:
    """Note of new events what they name, where they lie, and when published sessions changed."""
    times = set()
    for at, each, said in fresh:
        for name in (*named(each.event), *joins(each.event)):
            change.index.setdefault(name, False)
        slices.index_proofs(change, each, retracted)
        slices.count(change.record, each)
        guards.note_user(change.record, said.user)
        refer(change, chunks, at, each)
        times.add(each.t)
    changed = {*change.dropped_sessions, *change.sessions}
    times |= {session.first[0] for session in ran if session.number in changed}
    change.before = Before(None, None, 0, tuple(sorted(times)))


def refer(change: VisitorChange, chunks: list[Refs], at: int, happening: Happening) -> None:
    """Put a reference before the one that is at `at` among all the visitor's, in place.

    `chunks` are all but the record's own; they are changed with it.
    """
    number, before = 0, 0
    while number < len(chunks) and before + len(chunks[number]) <= at:
        before += len(chunks[number])
        number += 1
    if number < len(chunks):
        chunks[number] = msgspec.structs.replace(chunks[number])  # others have the old one
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
