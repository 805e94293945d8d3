"""A late event, added where it belongs, without folding its visitor's whole history again (docs/identity.md, rule 12).

Sums and choices are of sets (`summaries.py`, `sessions.py`), so a late event can simply be added to its slice and
session, as long as it moves no cut between slices. Whatever might is left to `slices.fold`: a logout, another user,
another e-mail, a login after which cuts by e-mail fall away, the user by whom a device is shared. Pure, and held equal
to `fold` by property tests.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence, Set
from operator import attrgetter

import msgspec

from sessionizer import guards, runs, sessions, slices, summaries
from sessionizer.evidence import Happening, Words, words_of
from sessionizer.state import MAX_CHUNK, Key, Refs, Run, Session, Slice, VisitorChange

_first = attrgetter("first")


class Surroundings:
    """What a visitor's late events may touch: the slices and sessions next to them, all runs and references."""

    def __init__(
        self,
        change: VisitorChange,
        closed: Iterable[Slice],
        ran: Iterable[Session],
        summed_up: Sequence[Run],
        chunks: Sequence[Refs],
    ) -> None:
        record = change.record
        self.slices = sorted([*closed, *([record.slice] if record.slice else [])], key=_first)
        self.sessions = sorted([*ran, *([record.session] if record.session else [])], key=_first)
        self.runs = summed_up
        self.chunks = list(chunks)


def insert(
    change: VisitorChange, around: Surroundings, happening: Happening, retracted: Set[str], protected: Set[str]
) -> bool:
    """Add an event that comes before the visitor's last one, in place.

    False when it cannot be done here; what was changed by then is of no use, and the visitor must be folded again.
    """
    said = words_of(happening, retracted, protected)
    part = _slice_for(around, happening)
    if (
        part is None
        or guards.makes_shared(change.record, said.user)
        or not _past_cuts(change, part, happening)
        or not _moves_no_cut(part, said)
        or (change.record.shared and not _moves_no_cut_of_shared(part, said, happening))
        or not _refer(change, around, happening)
    ):
        return False
    slices.index(change, part, happening, retracted)
    guards.note_user(change.record, said.user)
    engaged_ms = summaries.engaged_ms_of(happening)
    bought = summaries.commerce_of(happening)
    carries_more = guards.changes_carried(part, said)
    change.learned |= summaries.add(part, happening, said, engaged_ms, bought)
    runs.add_late(change, around.runs, happening, said, engaged_ms, bought)
    if carries_more:
        guards.note_carried(change, part)
    open_slice = change.record.slice
    if open_slice is None or part.number != open_slice.number:
        change.slices[part.number] = part
    slices.note_roots_of(change, part)
    session, changed_touch = _session_for(change, around, part, happening)
    before = sessions.touch_of(session)
    sessions.add(session, happening, engaged_ms, bought)
    if change.record.session is None or session.number != change.record.session.number:
        change.sessions[session.number] = session
    slices.count(change.record, happening)
    return _touch(part, session, changed_touch or before != sessions.touch_of(session))


def _slice_for(around: Surroundings, happening: Happening) -> Slice | None:
    """The slice a late event falls into: the one before it, or after a reset the one that follows."""
    at = bisect_right(around.slices, happening.key, key=_first)
    before = around.slices[at - 1] if at else None
    after = around.slices[at] if at < len(around.slices) else None
    if before is not None and (happening.key < before.last or not before.ended):
        return before
    return after


def _past_cuts(change: VisitorChange, part: Slice, happening: Happening) -> bool:
    """Whether the slice and the event are both later than any cut that erasures left."""
    cuts = change.record.cuts
    return not cuts or min(happening.t, part.first[0]) > cuts[-1].t


def _moves_no_cut(part: Slice, said: Words) -> bool:
    """Whether the slice would be cut as it is with the event in it."""
    if said.reset:
        return False
    if said.label is not None and said.label != part.label:
        return part.label is None and not part.cut_by_email and said.user is not None
    if said.user is not None and part.user is None:
        return not part.cut_by_email
    email = slices.email_of(said)
    return part.user is not None or email is None or email == slices.slice_email(part)


def _moves_no_cut_of_shared(part: Slice, said: Words, happening: Happening) -> bool:
    """The same of a shared device, where a user's slice begins with the event that names the user."""
    return said.label == part.label or (said.label is None and happening.key > part.first)


def _session_for(
    change: VisitorChange, around: Surroundings, part: Slice, happening: Happening
) -> tuple[Session, bool]:
    """The session a late event falls into, maybe new, maybe two made one; and whether touches moved by that."""
    at = bisect_right(around.sessions, happening.key, key=_first)
    before = around.sessions[at - 1] if at else None
    after = around.sessions[at] if at < len(around.sessions) else None
    if before is not None and (not _is_in(part, before.first) or not sessions.near(before.last, happening.key)):
        before = None
    if after is not None and (not _is_in(part, after.first) or not sessions.near(happening.key, after.first)):
        after = None
    if before is not None and happening.key < before.last:
        return before, False
    if before is None and after is None:
        session = slices.new_session(change.record, part, happening.key)
        around.sessions.insert(at, session)
        return session, True
    if before is None or after is None:
        return (before or after), after is not None  # type: ignore[return-value]
    return _joined(change, around, part, before, after), True


def _is_in(part: Slice, key: Key) -> bool:
    return part.first <= key <= part.last


def _joined(change: VisitorChange, around: Surroundings, part: Slice, before: Session, after: Session) -> Session:
    """One session of two; the open one stays open."""
    is_open = change.record.session is not None and after.number == change.record.session.number
    kept, gone = (after, before) if is_open else (before, after)
    sessions.join(kept, gone)
    around.sessions.remove(gone)
    change.sessions.pop(gone.number, None)
    change.dropped_sessions.append(gone.number)
    part.sessions -= 1
    return kept


def _touch(part: Slice, session: Session, changed: bool) -> bool:
    """Carry a session's changed touch over to its slice; False when only all its sessions could tell the last touch."""
    if not changed:
        return True
    touch = sessions.touch_of(session)
    if session.first == part.first:
        part.first_touch = touch
    held = part.last_touch
    if held is not None and held.at > session.last:
        return True
    if touch is not None and touch.view.channel != sessions.DIRECT:
        part.last_touch = touch
        return True
    return held is None or held.at < session.first


def _refer(change: VisitorChange, around: Surroundings, happening: Happening) -> bool:
    """Put the reference to the event between its neighbours'; False when times alone cannot tell its place."""
    t = happening.t
    chunks = around.chunks
    number = bisect_left(chunks, t, key=lambda refs: refs.times[-1])
    refs = chunks[number] if number < len(chunks) else change.record.tail
    times = refs.times
    at = bisect_left(times, t)
    if len(refs) >= MAX_CHUNK or (at < len(times) and times[at] == t):
        return False
    if number < len(chunks):
        refs = chunks[number] = change.chunks[number] = msgspec.structs.replace(refs)  # others have the old one
    refs.put(at, happening.id, t, happening.position)
    return True
