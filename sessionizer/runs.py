"""Runs: what some hundred neighbouring events of a long slice sum up to, so that it is parted without reading them.

A run lies within one slice and knows nothing of sessions: its events are summed up as if they were one. Where it lies
follows from its first event and from how many it has. The beginning of a slice has none, and a short slice none at all:
what no run has is read from the log again. Neither has a logout, which ends its slice. Pure.
"""

from bisect import bisect_right
from collections.abc import Sequence

from sessionizer import commerce, sessions, summaries
from sessionizer.evidence import Happening, Words
from sessionizer.state import Key, Run, Session, Slice, VisitorChange

LONG = 1000
"""Events of a slice before its first run: reading so many again takes some 15 ms."""
EVENTS = 500
"""Events of a run; late ones make it longer."""


def grow(
    change: VisitorChange, happening: Happening, said: Words, engaged_ms: int, bought: commerce.Properties | None
) -> None:
    """Add the event that was added last to the open slice to its run; the slice is `LONG` without it."""
    record = change.record
    if record.slice is None or said.reset:
        return
    if record.run is None:
        key = happening.key
        record.run = Run(
            number=record.runs,
            slice=Slice(number=record.slice.number, first=key, last=key),
            session=Session(number=0, began_in=record.slice.number, first=key, last=key),
        )
        record.runs += 1
    _sum_up(record.run, happening, said, engaged_ms, bought)
    if record.run.slice.events >= EVENTS:
        close(change)


def close(change: VisitorChange) -> None:
    """Make the run that grows a row of its own."""
    run, change.record.run = change.record.run, None
    if run is not None:
        change.runs[run.number] = run


def add_late(
    change: VisitorChange,
    complete: Sequence[Run],
    happening: Happening,
    said: Words,
    engaged_ms: int,
    bought: commerce.Properties | None,
) -> None:
    """Add an event that comes late to the run it falls into, if it does; `complete`: the visitor's runs, in order."""
    growing = change.record.run
    if growing is not None and growing.slice.first < happening.key < growing.slice.last:
        _sum_up(growing, happening, said, engaged_ms, bought)
        return
    at = bisect_right(complete, happening.key, key=first_of) - 1
    if at >= 0 and happening.key < complete[at].slice.last:
        _sum_up(complete[at], happening, said, engaged_ms, bought)
        change.runs[complete[at].number] = complete[at]


def first_of(run: Run) -> Key:
    return run.slice.first


def _sum_up(run: Run, happening: Happening, said: Words, engaged_ms: int, bought: commerce.Properties | None) -> None:
    summaries.add(run.slice, happening, said, engaged_ms, bought)
    sessions.add(run.session, happening, engaged_ms, bought)
