"""Folds visitors again where a batch changed their past, but only the stretches it falls into (`stretches.py`)."""

from collections.abc import Collection, Mapping, Sequence

from collector.log import EventLog
from sessionizer import guards, stretches
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, named, take_apart, words_of
from sessionizer.pipeline import Known
from sessionizer.state import Refs, Visitor, VisitorChange
from sessionizer.store import Snapshot

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
        self._read: dict[int, Happening] = {}
        """log position → event."""

    async def with_(self, fresh: Sequence[Happening]) -> VisitorChange | None:
        """The visitor with new events; None when all its stretches would have to be folded again."""
        record, key = self._record, self._key
        if record.slice is None:
            return None
        past = stretches.Past([*(await self._snapshot.slices([key])).get(key, []), record.slice])
        window = past.window(fresh[0].key, fresh[-1].key)
        chunks = (await self._snapshot.chunks([key])).get(key, [])
        positions = [position for refs in (*chunks, record.tail) for position in refs.positions]
        change = VisitorChange(key=key, record=record)
        while not past.is_all(window):
            old = await self._events(positions[window.start : window.stop + 1])
            if old is None:
                return None
            following = old.pop() if window.stop < len(positions) else None
            events = sorted([*old, *fresh], key=lambda each: each.key)
            retracted, protected = await self._taken_back([*events, *([following] if following is not None else [])])
            ids = frozenset(each.id for each in fresh)
            if stretches.mend(change, past, window, events, following, ids, retracted, protected):
                await self._finish(change, chunks, fresh, window.start, events)
                return change
            window = past.wider(window)
        return None

    async def _events(self, positions: Sequence[int]) -> list[Happening] | None:
        """Events of the log, in the order of their positions; None when one is not there any more."""
        found = take_apart(await self._log.fetch(sorted(set(positions) - self._read.keys()))).happenings
        self._erasures.guard(found)
        self._read |= {each.position: each for each in found}
        events = [self._read[position] for position in positions if position in self._read]
        return events if len(events) == len(positions) else None

    async def _taken_back(self, events: Collection[Happening]) -> tuple[set[str], set[str]]:
        """Of these events' message ids those that are retracted, and of what they name what is protected."""
        retracted = await self._snapshot.retracted({each.message_id for each in events})
        protected = await self._snapshot.protected({name for each in events for name in named(each.event)})
        return retracted | self._known.retracted, protected | self._known.protected

    async def _finish(
        self,
        change: VisitorChange,
        chunks: list[Refs],
        fresh: Sequence[Happening],
        start: int,
        events: Sequence[Happening],
    ) -> None:
        """Put the references in their places, and let the sessions go that were folded again."""
        ids = {each.id for each in fresh}
        for at, each in enumerate(events, start=start):
            if each.id in ids:
                stretches.refer(change, chunks, at, each)
        ran = (await self._snapshot.sessions([self._key])).get(self._key, [])
        stretches.drop_sessions(change, ran, [each.t for each in fresh])
