"""The store as it was: the same rules over the events received by a moment (docs/identity.md, rule 16).

Nothing about the past is stored. What a visitor's record was then is folded again from its events received by then,
with the retractions and proofs known then; or it is today's, when none of these has changed since. Everything above
reads it like any snapshot: who held an identifier then, profiles, timelines, sessions.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from collector.event import from_record_lazily
from collector.log import EventLog, Stored
from collector.runtime.clock import to_text
from sessionizer import crowds, slices
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, message_hash, named, proves, recalled, take_apart
from sessionizer.state import Refs, Root, Session, Slice, Visitor, VisitorChange
from sessionizer.store import Crowd, Snapshot

ID_BYTES = 16
ARRIVAL_BYTES = 8
"""Of a message id's hash, in the store's list of arrivals."""


class AsOfSnapshot:
    """A `Readable` of what was known at a moment: events received in that millisecond are all in.

    `naming` and `keys` are today's, which is more: a visitor that had no event yet is unknown to `visitors`, and what
    it had not named yet is not in its slices. Profile ids are all that were ever handed out.
    """

    def __init__(self, snapshot: Snapshot, log: EventLog, as_of_ms: int, erasures: Erasures | None = None) -> None:
        """`as_of_ms` may be any time; raises ValueError outside years 1 to 9999."""
        self.position = snapshot.position
        self._today = snapshot
        self._log = log
        self._erasures = erasures
        self._moment = to_text(as_of_ms)
        self._unchanged: dict[str, Visitor] = {}
        self._folded: dict[str, VisitorChange] = {}
        self._recalled: set[str] = set()
        self._events: dict[str, list[Happening]] = {}
        self._protected: dict[str, bool] = {}
        self._taken_back: frozenset[str] | None = None
        self._proven_then: frozenset[str] = frozenset()

    # ---- what is read

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        await self._recall(keys)
        folded = {key: self._folded[key].record for key in keys if key in self._folded}
        return folded | {key: self._unchanged[key] for key in keys if key in self._unchanged}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        folded = {key: list(change.chunks.values()) for key, change in (await self._folds(keys)).items()}
        return folded | await self._today.chunks([key for key in keys if key in self._unchanged])

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        folded = {key: list(change.slices.values()) for key, change in (await self._folds(keys)).items()}
        return folded | await self._today.slices([key for key in keys if key in self._unchanged])

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        folded = {key: list(change.sessions.values()) for key, change in (await self._folds(keys)).items()}
        return folded | await self._today.sessions([key for key in keys if key in self._unchanged])

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        return await self._today.naming(identifiers)

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        return {contact: await crowds.count(self, contact, users, devices) for contact in contacts}

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        return await self._today.retracted(message_ids) - await self._retracted_since()

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        await self._recall_protections(identifiers)
        return {name for name in identifiers if self._protected[name]}

    async def root(self, profile_id: str) -> Root | None:
        return await self._today.root(profile_id)

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        return await self._today.roots(after, limit)

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        return await self._today.known_ids(profile_ids)

    async def keys(self, after: str, limit: int) -> list[str]:
        return await self._today.keys(after, limit)

    # ---- visitors

    async def _folds(self, keys: Collection[str]) -> Mapping[str, VisitorChange]:
        await self._recall(keys)
        return {key: self._folded[key] for key in keys if key in self._folded}

    async def _recall(self, keys: Collection[str]) -> None:
        """Find out what these visitors were."""
        wanted = [key for key in keys if key not in self._recalled]
        if not wanted:
            return
        self._recalled.update(wanted)
        records = await self._today.visitors(wanted)
        unchanged = await self._unchanged_among(records)
        self._unchanged |= unchanged
        await self._fold({key: record for key, record in records.items() if key not in unchanged})

    async def _unchanged_among(self, records: Mapping[str, Visitor]) -> dict[str, Visitor]:
        """The visitors that are today what they were: all received, nothing taken back since, no proof come or gone."""
        complete = {key: record for key, record in records.items() if record.received <= self._moment}
        if taken_back := await self._retracted_since():
            hashes = {message_hash(each) for each in taken_back}
            columns = await self._refs(complete)
            complete = {key: record for key, record in complete.items() if not _mentions(columns[key], hashes)}
        closed = await self._today.slices([key for key, record in complete.items() if record.slices > 1])
        names = {
            key: {
                name
                for part in (*closed.get(key, ()), *([record.slice] if record.slice is not None else []))
                for name in slices.names_of(part)
            }
            for key, record in complete.items()
        }
        asked = {name for each in names.values() for name in each}
        now = await self._today.protected(asked) if asked else set()
        moved = now.symmetric_difference(await self.protected(now | (asked & self._proven_then)))
        return {key: record for key, record in complete.items() if names[key].isdisjoint(moved)}

    async def _fold(self, records: Mapping[str, Visitor]) -> None:
        """Fold these visitors from what was received by then. One that had no event yet stays unknown."""
        await self._read(records)
        histories = {key: self._events[key] for key in records if self._events[key]}
        if not histories:
            return
        happenings = [each for history in histories.values() for each in history]
        retracted = await self.retracted({each.message_id for each in happenings})
        protected = await self.protected({name for each in happenings for name in named(each.event)})
        self._folded |= await asyncio.to_thread(_fold_all, records, histories, retracted, protected)

    async def _read(self, records: Mapping[str, Visitor]) -> None:
        """Load the events of these visitors that were received by then, in order."""
        missing = {key: record for key, record in records.items() if key not in self._events}
        if not missing:
            return
        columns = await self._refs(missing)
        stored = await self._log.fetch(
            sorted(position for of_visitor in columns.values() for refs in of_visitor for position in refs.positions)
        )
        recalled_events = await asyncio.to_thread(_recall_all, columns, stored, self._moment)
        if self._erasures is not None:
            await self._erasures.up_to(self.position)
            self._erasures.guard(each for history in recalled_events.values() for each in history)
        self._events |= recalled_events

    async def _refs(self, records: Mapping[str, Visitor]) -> dict[str, list[Refs]]:
        chunks = await self._today.chunks([key for key, record in records.items() if record.spilled])
        return {key: [*chunks.get(key, ()), record.tail] for key, record in records.items()}

    # ---- retractions and proofs

    async def _retracted_since(self) -> Set[str]:
        """The message ids that were taken back only later."""
        if self._taken_back is None:
            self._taken_back = frozenset(await self._today.retracted_after(self._moment))
            if self._taken_back:
                hashes = {message_hash(each)[:ARRIVAL_BYTES] for each in self._taken_back}
                found = take_apart(await self._log.fetch(await self._today.positions_of(hashes))).happenings
                self._proven_then = frozenset(
                    name
                    for each in found
                    if each.message_id in self._taken_back and each.event.received_at <= self._moment
                    for name in proves(each.event)
                )
        return self._taken_back

    async def _recall_protections(self, identifiers: Collection[str]) -> None:
        """Find out which of these a proof named by then: one that still counts, or one taken back only later."""
        await self._retracted_since()
        wanted = [name for name in identifiers if name not in self._protected]
        if not wanted:
            return
        provers = await self._today.provers(wanted)
        records = await self._today.visitors({key for keys in provers.values() for key in keys})
        in_time = {key for key, record in records.items() if record.received <= self._moment}
        proven = {name for name, keys in provers.items() if not in_time.isdisjoint(keys)} | self._proven_then
        unsure = {key for name, keys in provers.items() if name not in proven for key in keys}
        proven |= await self._proven_by({key: records[key] for key in unsure})
        self._protected |= {name: name in proven for name in wanted}

    async def _proven_by(self, records: Mapping[str, Visitor]) -> set[str]:
        """What these visitors had proven by then and has not been taken back."""
        await self._read(records)
        proofs = [(each, names) for key in records for each in self._events[key] if (names := proves(each.event))]
        if not proofs:
            return set()
        taken_back = await self._today.retracted({each.message_id for each, _ in proofs})
        return {name for each, names in proofs if each.message_id not in taken_back for name in names}


def _recall_all(
    columns: Mapping[str, Sequence[Refs]], stored: Iterable[Stored], moment: str
) -> dict[str, list[Happening]]:
    """What each visitor's references lead to and was received by a moment, in order. Off the event loop."""
    bodies = {each.position: each.body for each in stored}
    told: dict[str, list[Happening]] = {}
    for key, of_visitor in columns.items():
        told[key] = [
            recalled(position, t, refs.ids[at * ID_BYTES : (at + 1) * ID_BYTES], event)
            for refs in of_visitor
            for at, (t, position) in enumerate(zip(refs.times, refs.positions, strict=True))
            if position in bodies and (event := from_record_lazily(bodies[position])).received_at <= moment
        ]
        told[key].sort(key=lambda each: each.key)
    return told


def _fold_all(
    records: Mapping[str, Visitor],
    histories: Mapping[str, list[Happening]],
    retracted: Set[str],
    protected: Set[str],
) -> dict[str, VisitorChange]:
    """Every visitor as it was. Off the event loop, too: others wait for it."""
    return {
        key: slices.fold(records[key].device, history, retracted, protected, records[key].cuts)
        for key, history in histories.items()
    }


def _mentions(columns: Iterable[Refs], hashes: Set[bytes]) -> bool:
    """Whether one of the events has one of these message ids."""
    size = len(next(iter(hashes)))
    return any(refs.ids[at : at + size] in hashes for refs in columns for at in range(0, len(refs.ids), ID_BYTES))
