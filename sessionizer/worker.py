"""The worker: read → load → decide → commit, for ever. The only place of the mind that both waits and decides.

The log keeps no cursors: the position is committed with what was derived, so a crash anywhere repeats a batch into the
same result. On Conflict it loads and decides again.
"""

import asyncio
import logging
from collections.abc import Collection, Set

import msgspec

from collector.erasure import Hasher, WrongKey, is_erasure_record, read_erased
from collector.event import StoredEvent
from collector.log import CorruptRecord, EventLog, LogUnavailable, Stored
from sessionizer import pipeline
from sessionizer.erasures import UNKEYED, Erasures
from sessionizer.evidence import Happening, Read, message_hash, named, proves, take_apart
from sessionizer.pipeline import Known, Near
from sessionizer.state import Cut, VisitorChange
from sessionizer.store import Commit, Conflict, ProfileStore, Snapshot, StoreUnavailable
from sessionizer.unfolding import Unfolding

logger = logging.getLogger(__name__)

BATCH = 2000
"""Events a commit; more gain nothing, and a crash repeats at most this many."""
LOOK_AGAIN_S = 1.0
TRACE_RETRY_S = 0.2
"""How long to wait for readers of an older state, who keep erased rows in the WAL."""
HASH_BYTES = 8


class _Retractions(msgspec.Struct, frozen=True):
    message_ids: list[str] = []
    reason: str = ""


_read_retraction = msgspec.json.Decoder(_Retractions).decode


class Worker:
    """Folds one log into one store."""

    def __init__(self, log: EventLog, store: ProfileStore, *, batch: int = BATCH, hasher: Hasher = UNKEYED) -> None:
        self._log = log
        self._store = store
        self._batch = batch
        self._erasures = Erasures(log, hasher)
        self._traceless = False
        """Nothing erased is left in the store's files, as far as we know."""
        self._careful = 0
        """How many of the next events to fold one by one, after a batch that failed."""

    async def run(self) -> None:
        """Fold events as they come, until cancelled. Waits out a disk that is full or a file that is busy."""
        while True:
            try:
                await self.step(LOOK_AGAIN_S)
            except (StoreUnavailable, LogUnavailable):
                logger.exception("cannot fold events now; trying again")
                await asyncio.sleep(LOOK_AGAIN_S)

    async def catch_up(self) -> int:
        """Fold everything the log holds now; the number of records."""
        total = 0
        while done := await self.step(0.0):
            total += done
        return total

    async def step(self, wait_s: float) -> int:
        """Fold the next batch, waiting up to `wait_s` for one; the number of records. Raises WrongKey."""
        after = await self._store.position()
        try:
            records = await self._log.read(
                0, after, 1 if self._careful else self._batch, wait_s if self._traceless else 0.0
            )
        except CorruptRecord as error:
            await self._one_by_one(after, error.position, error)
            return 1
        if not records:
            return await self._leave_no_trace(wait_s)
        records = _up_to_erasure(records)
        try:
            await self._fold(after, records)
            self._careful = max(0, self._careful - 1)
        except Conflict:
            return 1  # somebody else moved the position: look again from there
        except (StoreUnavailable, LogUnavailable, WrongKey):
            raise
        except Exception as error:  # noqa: BLE001 - one event must not stop all others; it is set aside with its reason
            await self._one_by_one(after, records[0].position, error)
        return len(records)

    async def _fold(self, after: int, records: list[Stored]) -> None:
        await self._erasures.up_to(after)
        erases = is_erasure_record(records[0].body)
        async with self._store.snapshot() as snapshot:
            if snapshot.position != after:
                raise Conflict("the position moved")
            if erases:
                commit = await Unfolding(self._log, snapshot, self._erasures).of(read_erased(records[0]))
            else:
                commit = await Decision(self._log, snapshot, self._erasures).of(take_apart(records))
        await self._store.commit(commit)
        if erases:
            self._traceless = False

    async def _leave_no_trace(self, wait_s: float) -> int:
        """With nothing left to fold, see to it that what was erased is in no file; 0, the number of records."""
        if not self._traceless:
            self._traceless = await self._store.leave_no_trace()
            if not self._traceless:
                await asyncio.sleep(min(wait_s, TRACE_RETRY_S))
        return 0

    async def _one_by_one(self, after: int, first: int, error: Exception) -> None:
        """After a batch that failed, fold its events one by one; set aside the one that fails alone, and go on.

        A replay with a mended release folds what was set aside.
        """
        if not self._careful:
            logger.error("a batch failed; folding its events one by one", exc_info=error, extra={"position": after})
            self._careful = self._batch
            return
        logger.error("an event could not be folded and is set aside", exc_info=error, extra={"position": first})
        commit = Commit(expected=after, position=first)
        commit.quarantined.append((first, f"{type(error).__name__}: {error}"[:500]))
        commit.counted["quarantined"] = 1
        await self._store.commit(commit)


def _up_to_erasure(records: list[Stored]) -> list[Stored]:
    """What comes before the first erasure; the erasure alone, if it comes first."""
    if is_erasure_record(records[0].body):
        return records[:1]
    at = next((at for at, record in enumerate(records) if is_erasure_record(record.body)), len(records))
    return records[:at]


class Decision:
    """One batch against one snapshot: loads what `pipeline` needs to know, and gathers what it decides."""

    def __init__(self, log: EventLog, snapshot: Snapshot, erasures: Erasures) -> None:
        self._log = log
        self._snapshot = snapshot
        self._erasures = erasures
        self._cuts: dict[str, list[Cut]] = {}
        """What erasures left on the visitors whose histories were loaded."""

    async def of(self, read: Read) -> Commit:
        commit = Commit(expected=self._snapshot.position, position=read.end)
        commit.quarantined += read.unreadable
        happenings = self._suppress(read.happenings, commit)
        known = await self._load(happenings)
        batch = pipeline.sort(happenings, known)
        fresh = batch.fresh
        retracted = await self._retract(read.retractions, commit)
        forced = await self._visitors_of(retracted)
        known = known._replace(retracted=known.retracted | retracted)
        forced |= await self._newly_protected(fresh, known)
        known = known._replace(near=await self._near(fresh, known))
        changes, again = self._extend(fresh, known, forced)
        if again or forced:
            changes += await self._refold(fresh, known, again | forced, retracted)
        commit.changes = changes
        commit.roots = pipeline.roots(changes)
        commit.arrivals = [
            (each.position, each.id[:HASH_BYTES])
            for each in sorted((each for new in fresh.values() for each in new), key=lambda each: each.position)
        ]
        stored = sum(len(new) for new in fresh.values())
        commit.counted = {
            "stored": stored,
            "duplicate": len(batch.duplicates) + len(read.retractions) - len(commit.retraction_events),
            "retraction": len(commit.retraction_events),
            "quarantined": len(read.unreadable),
            "suppressed": len(commit.suppressed),
        }
        return commit

    def _suppress(self, happenings: list[Happening], commit: Commit) -> list[Happening]:
        """Leave out what is of people who were erased (rule 19)."""
        self._erasures.guard(happenings)
        against = self._erasures.against
        if not against:
            return happenings
        kept = [each for each in happenings if not against.takes(each.event, each.position)]
        if len(kept) < len(happenings):
            left = {each.position for each in kept}
            commit.suppressed = [each.position for each in happenings if each.position not in left]
        return kept

    async def _load(self, happenings: list[Happening]) -> Known:
        keys = {pipeline.key_of(each) for each in happenings}
        visitors = await self._snapshot.visitors(keys)
        spilled = [key for key, record in visitors.items() if record.spilled]
        chunks = await self._snapshot.chunks(spilled) if spilled else {}
        identifiers = {name for each in happenings for name in named(each.event)}
        protected = await self._snapshot.protected(identifiers) if identifiers else set()
        retracted = await self._snapshot.retracted({each.message_id for each in happenings})
        return Known(visitors, chunks, {}, retracted, protected)

    async def _near(self, fresh: dict[str, list[Happening]], known: Known) -> dict[str, Near]:
        """The closed slices and sessions next to the batch's late events."""
        late = {
            key: times
            for key, happenings in fresh.items()
            if (times := [each.t for each in happenings if pipeline.is_late(each, known.visitors.get(key))])
        }
        if not late:
            return {}
        slices = await self._snapshot.slices_near(late)
        sessions = await self._snapshot.sessions_near(late)
        return {key: Near(slices.get(key, []), sessions.get(key, [])) for key in late}

    async def _retract(self, retractions: list[StoredEvent], commit: Commit) -> set[str]:
        """Note the batch's retractions, each once; the message ids that were not retracted before."""
        if not retractions:
            return set()
        told: dict[str, StoredEvent] = {}
        for event in retractions:
            told.setdefault(f"{event.source}:{event.message_id}", event)
        for each in await self._snapshot.known_retractions(told.keys()):
            del told[each]
        commit.retraction_events = list(told)
        for event in told.values():
            properties = _read_retraction(event.properties)
            named_ids = dict.fromkeys(properties.message_ids)
            commit.retracted += [(each, event.message_id, properties.reason, event.received_at) for each in named_ids]
        message_ids = {message_id for message_id, *_ in commit.retracted}
        return message_ids - await self._snapshot.retracted(message_ids)

    async def _visitors_of(self, message_ids: Collection[str]) -> set[str]:
        """The visitors known to have events with these message ids."""
        if not message_ids:
            return set()
        hashes = [message_hash(each)[:HASH_BYTES] for each in message_ids]
        records = await self._log.fetch(await self._snapshot.positions_of(hashes))
        return {pipeline.key_of(each) for each in take_apart(records).happenings if each.message_id in message_ids}

    async def _newly_protected(self, fresh: dict[str, list[Happening]], known: Known) -> set[str]:
        """The known visitors that name what this batch is the first to prove (rule 4). Adds it to `known.protected`."""
        proven = {
            name
            for happenings in fresh.values()
            for each in happenings
            if each.message_id not in known.retracted
            for name in proves(each.event)
        } - known.protected
        if not proven:
            return set()
        known.protected.update(proven)
        return {key for keys in (await self._snapshot.naming(proven)).values() for key in keys}

    def _extend(
        self, fresh: dict[str, list[Happening]], known: Known, forced: set[str]
    ) -> tuple[list[VisitorChange], set[str]]:
        """Append where that is enough; the keys of the visitors to fold again."""
        changes: list[VisitorChange] = []
        again: set[str] = set()
        for key, happenings in fresh.items():
            change = None if key in forced else pipeline.extend(key, happenings, known)
            if change is None:
                again.add(key)
            else:
                changes.append(change)
        return changes, again

    async def _refold(
        self, fresh: dict[str, list[Happening]], known: Known, keys: set[str], retracted: set[str]
    ) -> list[VisitorChange]:
        """Fold these visitors again from all their events, and those that lose a protection with them."""
        histories = await self._histories(keys, fresh)
        known = known._replace(retracted=await self._retracted_of(histories) | known.retracted)
        lost = await self._no_longer_proven(histories, fresh, known.retracted) if retracted else set()
        if lost:
            others = {key for names in (await self._snapshot.naming(lost)).values() for key in names}
            others |= {key for key, new in fresh.items() if any(lost.intersection(named(each.event)) for each in new)}
            histories |= await self._histories(others - histories.keys(), fresh)
            known = known._replace(retracted=await self._retracted_of(histories) | known.retracted)
        identifiers = {name for history in histories.values() for each in history for name in named(each.event)}
        protected = await self._snapshot.protected(identifiers) | known.protected
        known = known._replace(protected=protected - lost)
        return [
            pipeline.refold(history, known, self._cuts.get(key, ())) for key, history in histories.items() if history
        ]

    async def _retracted_of(self, histories: dict[str, list[Happening]]) -> set[str]:
        return await self._snapshot.retracted({each.message_id for history in histories.values() for each in history})

    async def _histories(self, keys: Collection[str], fresh: dict[str, list[Happening]]) -> dict[str, list[Happening]]:
        """All events of these visitors, the batch's included."""
        visitors = await self._snapshot.visitors(keys)
        chunks = await self._snapshot.chunks([key for key, record in visitors.items() if record.spilled])
        histories = {key: list(fresh.get(key, ())) for key in keys}
        self._cuts |= {key: record.cuts for key, record in visitors.items() if record.cuts}
        positions = [
            position
            for key, record in visitors.items()
            for refs in (*chunks.get(key, ()), record.tail)
            for position in refs.positions
        ]
        found = take_apart(await self._log.fetch(positions)).happenings
        self._erasures.guard(found)
        for each in found:
            histories[pipeline.key_of(each)].append(each)
        return histories

    async def _no_longer_proven(
        self, histories: dict[str, list[Happening]], fresh: dict[str, list[Happening]], retracted: Set[str]
    ) -> set[str]:
        """What only events that are now retracted had proven."""
        events = [each for history in (fresh | histories).values() for each in history]
        candidates = {name for each in events if each.message_id in retracted for name in proves(each.event)}
        still = {name for each in events if each.message_id not in retracted for name in proves(each.event)}
        provers = await self._snapshot.provers(candidates - still) if candidates else {}
        return {name for name in candidates - still if not provers.get(name, set()) - histories.keys()}
