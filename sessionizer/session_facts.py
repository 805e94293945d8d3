"""What is published of one visitor's sessions: which began, which are over, which are no longer what was said of them.

Every session that is not its visitor's last is over, and was published so. The last one is *pending* until something
ends it: a later session, a logout, or silence by the clock. So which sessions were published, and as what, follows from
the sessions themselves and that one bit. Pure.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from sessionizer import commerce
from sessionizer.facts import Fact, SessionAmended, SessionEnded, SessionSeen, SessionStarted
from sessionizer.sessions import session_uuid
from sessionizer.state import Key, Session, VisitorChange

_first = attrgetter("first")


class Told(NamedTuple):
    """What to publish, and whether the visitor's last session is pending after that."""

    facts: list[Fact]
    pending: bool


class _Run(NamedTuple):
    """Sessions of which the old ones' events are now the new ones'."""

    before: list[Session]
    after: list[Session]


def tell(change: VisitorChange, pending: bool) -> Told | None:
    """What to say after events were added to a visitor's end; None when what was said may have changed: `compare` then.

    `pending`: whether its last session was.
    """
    device, current, before = change.record.device, change.record.session, change.before
    if device is None or current is None:
        return Told([], False)
    if change.refolded or (before is not None and before.late):
        return None
    facts: list[Fact] = []
    known = before.session if before is not None else None
    for session in (*sorted(change.sessions.values(), key=_first), current):
        if session.number == known:
            if not pending and before is not None and session.events != before.events:
                return None
        else:
            facts.append(_started(device, session))
            pending = True
        if pending and (session is not current or _is_over(change)):
            facts.append(SessionEnded(device=device, session=seen(device, session, ended=True)))
            pending = False
    return Told(facts, pending)


def compare(
    device: str, before: Sequence[Session], pending: bool, change: VisitorChange, after: Sequence[Session]
) -> Told:
    """What to say where a visitor's past changed: its sessions before and after, in order, or those near the change.

    `pending`: whether the last one before was.
    """
    facts: list[Fact] = []
    last = after[-1] if after else None
    was_last = before[-1] if before else None
    pending_after = False
    runs = _runs(before, after)
    for old, new in runs:
        ended = [each is not was_last or not pending for each in old]
        all_ended = bool(old) and all(ended)
        facts += _amendment(device, old, ended, new, all_ended) if old else [_started(device, each) for each in new]
        for session in new:
            if all_ended:
                continue
            if session is not last or _is_over(change):
                facts.append(SessionEnded(device=device, session=seen(device, session, ended=True)))
            else:
                pending_after = True
    return Told(facts, pending_after)


def end(device: str, session: Session) -> Fact:
    """What to say when a pending session is over by the clock."""
    return SessionEnded(device=device, session=seen(device, session, ended=True))


def _is_over(change: VisitorChange) -> bool:
    """Whether a logout ended the open slice, and its last session with it."""
    return change.record.slice is not None and change.record.slice.ended


def _amendment(
    device: str, old: Sequence[Session], ended: Sequence[bool], new: Sequence[Session], all_ended: bool
) -> list[Fact]:
    """That these sessions became those, if that contradicts anything published."""
    is_same = len(old) == len(new) == 1 and old[0].first == new[0].first
    if is_same and not all_ended:
        return []
    before = [seen(device, each, ended=was) for each, was in zip(old, ended, strict=True)]
    after = [seen(device, each, ended=all_ended) for each in new]
    return [] if before == after else [SessionAmended(device=device, before=before, after=after)]


def _runs(before: Sequence[Session], after: Sequence[Session]) -> list[_Run]:
    """Who became whom. Both sides are disjoint and in order; a session with no event of the other side is alone."""
    runs: list[_Run] = []
    starts = [each.first for each in after]
    taken = 0
    """How many of `after` are in runs."""
    for old in before:
        begin = max(bisect_right(starts, old.first) - 1, 0)
        if begin < len(after) and after[begin].last < old.first:
            begin += 1
        end = bisect_right(starts, old.last, lo=begin)
        if begin < taken and end > begin:
            runs[-1].before.append(old)
            runs[-1].after.extend(after[max(begin, taken) : end])
        else:
            runs += [_Run([], [each]) for each in after[taken:begin]]
            runs.append(_Run([old], list(after[begin:end])))
        taken = max(taken, end)
    runs += [_Run([], [each]) for each in after[taken:]]
    return runs


def _started(device: str, session: Session) -> Fact:
    return SessionStarted(device=device, id=_id(device, session.first), first=session.first[0])


def seen(device: str, session: Session, *, ended: bool) -> SessionSeen:
    """What facts say of a session."""
    return SessionSeen(
        id=_id(device, session.first),
        first=session.first[0],
        last=session.last[0],
        events=session.events,
        page_views=session.page_views,
        engaged_ms=session.engaged_ms,
        orders=commerce.count_orders(session.purchases),
        revenue=commerce.revenue(session.purchases),
        ended=ended,
    )


def _id(device: str, first: Key) -> bytes:
    return session_uuid(device, first[1])
