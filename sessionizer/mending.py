"""Folds visitors again where a batch changed their past, but only the stretches it falls into (`stretches.py`)."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from collector.log import EventLog
from sessionizer import guards, pieces, recutting, stretches
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, event_id, named, take_apart, words_of
from sessionizer.pieces import Piece, Told, first_of, words_of_run
from sessionizer.pipeline import Known
from sessionizer.recutting import Old
from sessionizer.state import Run, Session, Visitor, VisitorChange
from sessionizer.store import Damaged, Snapshot
from sessionizer.stretches import Past, Window

LEAST_EVENTS = 200
"""A visitor with fewer is folded again as a whole: that costs less than finding out what need not be."""


async def mend(
    log: EventLog, snapshot: Snapshot, erasures: Erasures, fresh: Mapping[str, Sequence[Happening]], known: Known
) -> list[VisitorChange]:
    """Add new events to those of the visitors that can be mended so; the others must be folded as a whole.

    No proof of theirs may have been taken back by the same batch.
    """
    records = await snapshot.visitors(fresh)
    changes = []
    for key, record in records.items():
        if record.events >= LEAST_EVENTS and _can_be_mended(record, fresh[key], known):
            change = await _Mending(log, snapshot, erasures, known, key, record).with_(fresh[key])
            changes += [change] if change is not None else []
    return changes


def _can_be_mended(record: Visitor, fresh: Sequence[Happening], known: Known) -> bool:
    """Whether nothing but the stretches around the new events changes."""
    users = {words_of(each, known.retracted, known.protected).user for each in fresh} - {None}
    crowded = len(users.union(record.users)) > guards.MOST_USERS_OF_DEVICE
    return record.device is not None and not record.cuts and (record.shared or not crowded)


class _Span(NamedTuple):
    """A run, and where it lies among its visitor's events."""

    start: int
    stop: int
    run: Run


class _Told(NamedTuple):
    """A window's pieces, and what was found out of them."""

    told: list[Told]
    old: Old
    goes_on: bool
    """What follows the window belongs to its last stretch: it is too small."""
    retracted: set[str]


class _Mending:
    """One visitor's."""

    def __init__(
        self, log: EventLog, snapshot: Snapshot, erasures: Erasures, known: Known, key: str, record: Visitor
    ) -> None:
        self._log = log
        self._snapshot = snapshot
        self._erasures = erasures
        self._known = known
        self._key = key
        self._record = record
        self._chunks = list(known.chunks.get(key, ()))
        self._all = stretches.joined([*self._chunks, record.tail])
        self._positions = self._all.positions
        self._read: dict[int, Happening] = {}
        """log position → event."""

    async def with_(self, fresh: Sequence[Happening]) -> VisitorChange | None:
        """The visitor with new events; None when all its events would have to be read again."""
        record, key = self._record, self._key
        if record.slice is None:
            return None
        past = stretches.Past([*(await self._snapshot.slices([key])).get(key, []), record.slice])
        ran = [*(await self._snapshot.sessions([key])).get(key, []), *([record.session] if record.session else [])]
        complete = (await self._snapshot.runs([key])).get(key, []) if record.runs else []
        spans = [self._span(run) for run in (*complete, *([record.run] if record.run is not None else []))]
        window = past.window(fresh[0].key, fresh[-1].key)
        while True:
            inside = [span for span in spans if window.start <= span.start and span.stop <= window.stop]
            if past.is_all(window) and not inside:
                return None
            told = await self._told(past, window, inside, fresh, ran)
            if told is None:
                return None
            if not told.goes_on:
                return self._mended(past, window, [span.run for span in inside], told, fresh, ran)
            window = past.wider(window)

    def _span(self, run: Run) -> _Span:
        """Where a run lies. Raises Damaged."""
        t, message_id, source, server = run.slice.first
        wanted = event_id(message_id, source, server)
        times, ids = self._all.times, self._all.ids
        at = bisect_left(times, t)
        while at < len(times) and times[at] == t:
            if ids[16 * at : 16 * (at + 1)] == wanted:
                return _Span(at, at + run.slice.events, run)
            at += 1
        raise Damaged

    async def _told(
        self, past: Past, window: Window, spans: Sequence[_Span], fresh: Sequence[Happening], ran: Sequence[Session]
    ) -> _Told | None:
        """What is in the window, with as many runs as may be told like one event; None when an event is gone."""
        shared = self._record.shared
        last = max(part.last for part in past.parts[window.begin : window.end])
        ran = [each for each in ran if past.parts[window.begin].first <= each.first <= last]
        unsure = {span.run.number for span in spans for each in fresh if _holds(span.run, each)}
        while True:
            spans = [span for span in spans if span.run.number not in unsure]
            events = await self._events(window, spans)
            if events is None:
                return None
            following = events.pop() if window.stop < len(self._positions) else None
            retracted, protected = await self._taken_back([*events, *fresh, *([following] if following else [])])
            all_pieces: list[Piece] = [*events, *fresh, *(span.run for span in spans)]
            told: list[Told] = [
                (each, words_of_run(each) if isinstance(each, Run) else words_of(each, retracted, protected))
                for each in sorted(all_pieces, key=first_of)
            ]
            unsure = pieces.unsure(told, shared)
            if unsure:
                continue
            parts = [part for parts in pieces.cut(told, shared) for part in parts]
            old = recutting.sort(ran, parts, fresh)
            unsure = recutting.unsure(pieces.runs_of(told), old.broken)
            if not unsure:
                goes_on = following is not None and pieces.goes_on(
                    told, (following, words_of(following, retracted, protected)), shared
                )
                return _Told(told, old, goes_on, retracted)

    async def _events(self, window: Window, spans: Iterable[_Span]) -> list[Happening] | None:
        """The window's events that are in no run, and the one after it, in order; None when one is gone."""
        wanted: list[int] = []
        at = window.start
        for span in sorted(spans, key=lambda span: span.start):
            wanted += self._positions[at : span.start]
            at = span.stop
        wanted += self._positions[at : window.stop + 1]
        found = take_apart(await self._log.fetch(sorted(set(wanted) - self._read.keys()))).happenings
        self._erasures.guard(found)
        self._read |= {each.position: each for each in found}
        events = [self._read[position] for position in wanted if position in self._read]
        return events if len(events) == len(wanted) else None

    async def _taken_back(self, events: Collection[Happening]) -> tuple[set[str], set[str]]:
        """Of these events' message ids those that are retracted, and of what they name what is protected."""
        retracted = await self._snapshot.retracted({each.message_id for each in events})
        protected = await self._snapshot.protected({name for each in events for name in named(each.event)})
        return retracted | self._known.retracted, protected | self._known.protected

    def _mended(
        self,
        past: Past,
        window: Window,
        summed_up: Iterable[Run],
        found: _Told,
        fresh: Sequence[Happening],
        ran: Sequence[Session],
    ) -> VisitorChange:
        """The change. Runs that were told one by one go; the growing one, where its slice goes, becomes a row."""
        growing = self._record.run
        change = VisitorChange(key=self._key, record=self._record)
        left = {run.number for run in pieces.runs_of(found.told)}
        change.dropped_runs = [run.number for run in summed_up if run.number not in left]
        if growing is not None and growing.number in left:
            change.runs[growing.number] = growing
        to_the_end = window.stop == len(self._positions)
        dropped = past.parts[window.begin : window.end]
        stretches.mend(change, dropped, found.told, found.old, to_the_end=to_the_end)
        ids = frozenset(each.id for each in fresh)
        new = list(pieces.fresh_among(found.told, ids, window.start))
        stretches.take_notes(change, self._chunks, new, found.retracted, ran)
        return change


def _holds(run: Run, happening: Happening) -> bool:
    return run.slice.first < happening.key < run.slice.last
