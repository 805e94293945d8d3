"""Cutting the sessions of slices again that took the place of others: from the old ones where those are whole still.

A session is *whole* when all its events are in one of the new slices, and nothing new comes near it. The others are cut
again from pieces of them. Pure, and held equal to `slices.fold` by property tests.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from sessionizer import sessions, slices, summaries
from sessionizer.evidence import Happening
from sessionizer.pieces import Piece, Told, first_of, last_of
from sessionizer.state import Key, Run, Session, VisitorChange

_first = attrgetter("first")


class Old(NamedTuple):
    """The sessions before, in order."""

    whole: list[Session]
    broken: list[Session]


def sort(ran: Iterable[Session], parts: Sequence[Sequence[Told]], fresh: Iterable[Happening]) -> Old:
    """Which of the sessions are whole in the new slices."""
    starts = [first_of(part[0][0]) for part in parts]
    ends = [last_of(part[-1][0]) for part in parts]
    times = sorted(each.t for each in fresh)
    old = Old([], [])
    for session in ran:
        within = bisect_right(starts, session.first) - 1
        near = bisect_right(times, session.first[0] - sessions.GAP_MS - 1)
        touched = near < len(times) and times[near] <= session.last[0] + sessions.GAP_MS
        whole = within >= 0 and session.last <= ends[within] and not touched
        (old.whole if whole else old.broken).append(session)
    return old


def unsure(runs: Iterable[Run], broken: Sequence[Session]) -> set[int]:
    """The runs that have events of a broken session, and others."""
    return {run.number for run in runs for session in broken if _crosses(run, session)}


def _crosses(run: Run, session: Session) -> bool:
    first, last = run.slice.first, run.slice.last
    apart = last < session.first or session.last < first
    return not apart and not (session.first <= first and last <= session.last)


def lay_out(change: VisitorChange, told: Sequence[Told], whole: Sequence[Session], *, stays_open: bool) -> None:
    """Cut the open slice's sessions, and say what they are to it. `stays_open`: the last of them, too."""
    record = change.record
    part = record.slice
    if part is None:
        raise ValueError("no open slice")
    inside = [session for session in whole if part.first <= session.first <= part.last]
    starts = [session.first for session in inside]

    def is_told(piece: Piece) -> bool:
        at = bisect_right(starts, first_of(piece)) - 1
        return at >= 0 and first_of(piece) <= inside[at].last

    atoms: list[Session | Piece] = [*inside, *(piece for piece, _ in told if not is_told(piece))]
    found: list[Session] = []
    for atom in sorted(atoms, key=_start_of):
        if found and sessions.near(found[-1].last, _start_of(atom)):
            _go_on(change, found, atom)
        elif isinstance(atom, Session):
            found.append(atom)
        else:
            session = slices.new_session(record, part, first_of(atom))
            _put(session, atom)
            change.sessions[session.number] = session
            found.append(session)
    part.sessions = len(found)
    touches = [touch for session in found if (touch := sessions.touch_of(session)) is not None]
    part.first_touch = sessions.touch_of(found[0])
    part.last_touch = next((each for each in reversed(touches) if each.view.channel != sessions.DIRECT), None)
    if stays_open:
        record.session = found[-1]
        change.sessions.pop(found[-1].number, None)


def _start_of(atom: Session | Piece) -> Key:
    return atom.first if isinstance(atom, Session) else first_of(atom)


def _go_on(change: VisitorChange, found: list[Session], atom: Session | Piece) -> None:
    """Make the last session longer: a copy of it, where it is an old one."""
    session = found[-1]
    if session.number not in change.sessions:
        session = found[-1] = change.sessions[session.number] = msgspec.structs.replace(session)
    if isinstance(atom, Session):
        sessions.join(session, atom)
        change.dropped_sessions.append(atom.number)
    else:
        _put(session, atom)


def _put(session: Session, piece: Piece) -> None:
    if isinstance(piece, Run):
        sessions.join(session, piece.session)
    else:
        sessions.add(session, piece, summaries.engaged_ms_of(piece), summaries.commerce_of(piece))
