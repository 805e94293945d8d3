"""Folding visitors again, from all their events in the log: where adding to their records is not enough.

A batch does it for the visitors whose past it changes, a later commit for those that were put off, and a reader in
memory for those that still wait. All find the same, for it is a function of the events, retractions and proofs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from collector.log import EventLog
from sessionizer import pipeline
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, named, take_apart
from sessionizer.pipeline import Known
from sessionizer.state import Cut, VisitorChange
from sessionizer.store import Readable


class Histories:
    """All events of some visitors, against one snapshot, with what a batch has of them and the store not yet."""

    def __init__(
        self,
        log: EventLog,
        snapshot: Readable,
        erasures: Erasures,
        fresh: Mapping[str, Sequence[Happening]] | None = None,
    ) -> None:
        self._log = log
        self._snapshot = snapshot
        self._erasures = erasures
        self._fresh = fresh or {}
        self.events: dict[str, list[Happening]] = {}
        """visitor → its events, in no order."""
        self._cuts: dict[str, list[Cut]] = {}

    async def load(self, keys: Collection[str]) -> None:
        """Load the events of more visitors."""
        keys = set(keys) - self.events.keys()
        visitors = await self._snapshot.visitors(keys)
        chunks = await self._snapshot.chunks([key for key, record in visitors.items() if record.spilled])
        self._cuts |= {key: record.cuts for key, record in visitors.items() if record.cuts}
        self.events |= {key: list(self._fresh.get(key, ())) for key in keys}
        positions = [
            position
            for key, record in visitors.items()
            for refs in (*chunks.get(key, ()), record.tail)
            for position in refs.positions
        ]
        found = take_apart(await self._log.fetch(positions)).happenings
        self._erasures.guard(found)
        for each in found:
            self.events[pipeline.key_of(each)].append(each)

    def all(self) -> Iterable[Happening]:
        return (each for history in self.events.values() for each in history)

    async def retracted(self) -> set[str]:
        """Those of their message ids that the store knows to be retracted."""
        return await self._snapshot.retracted({each.message_id for each in self.all()})

    async def protected(self) -> set[str]:
        """Those of the identifiers they name that the store knows to be proven."""
        return await self._snapshot.protected({name for each in self.all() for name in named(each.event)})

    def refold(self, retracted: Collection[str], protected: Collection[str]) -> list[VisitorChange]:
        """Every visitor that has events, folded again."""
        known = Known({}, {}, {}, frozenset(retracted), set(protected))
        return [
            pipeline.refold(history, known, self._cuts.get(key, ())) for key, history in self.events.items() if history
        ]


async def refold_again(
    log: EventLog, snapshot: Readable, erasures: Erasures, keys: Collection[str]
) -> list[VisitorChange]:
    """Fold visitors again by what the store knows now."""
    histories = Histories(log, snapshot, erasures)
    await histories.load(keys)
    return histories.refold(await histories.retracted(), await histories.protected())
