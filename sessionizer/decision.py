"""Decides one batch: loads what `pipeline.py` needs to know, has it decide, and gathers what to commit.

Beside the batch's own visitors it folds again those that a first proof, or a retraction, reaches: a few at once, the
others in commits of their own.
"""

import logging
from collections.abc import Collection, Sequence, Set
from itertools import accumulate

import msgspec

from collector.erasure import WrongKey
from collector.event import StoredEvent
from collector.log import EventLog, LogUnavailable
from sessionizer import mending, pipeline
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, Read, message_hash, named, proves, take_apart
from sessionizer.pipeline import Known, Near
from sessionizer.refolding import Histories, refold_again
from sessionizer.state import VisitorChange
from sessionizer.store import Commit, Readable, Snapshot, StoreUnavailable

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Visitors that one commit folds again for a proof or a retraction; the rest is put off, and taken as many a time."""
EVENTS_AT_ONCE = 2000
"""They have no more events than this together, or are one: so long may an event that comes meanwhile have to wait."""
HASH_BYTES = 8


class _Retractions(msgspec.Struct, frozen=True):
    message_ids: list[str] = []
    reason: str = ""


_read_retraction = msgspec.json.Decoder(_Retractions).decode


class Decision:
    """One batch against one snapshot: loads what `pipeline` needs to know, and gathers what it decides."""

    def __init__(self, log: EventLog, snapshot: Snapshot, erasures: Erasures, *, at_once: int = AT_ONCE) -> None:
        """`at_once`: of the visitors that one event changes beside its own, more are left to `of_waiting`."""
        self._log = log
        self._snapshot = snapshot
        self._erasures = erasures
        self._at_once = at_once

    async def of_waiting(self) -> Commit | None:
        """Some of the visitors that were put off, folded again; None when none waits. The position stays."""
        waiting = await self._snapshot.next_waiting(max(1, self._at_once))
        if not waiting:
            return None
        position = self._snapshot.position
        commit = Commit(expected=position, position=position)
        few = await _a_few(self._snapshot, waiting)
        try:
            commit.changes = await refold_again(self._log, self._snapshot, self._erasures, few)
        except (StoreUnavailable, LogUnavailable, WrongKey):
            raise
        except Exception as error:  # noqa: BLE001 - as of a batch: what cannot be folded must not stop all else
            commit.changes = await self._one_by_one(few, error)
        commit.given_up |= set(few) - {change.key for change in commit.changes}
        commit.roots = pipeline.roots(commit.changes)
        return commit

    async def _one_by_one(self, keys: Collection[str], error: Exception) -> list[VisitorChange]:
        """Fold visitors again one by one, after they failed together; who fails alone stays as it is."""
        logger.error("visitors could not be folded again; doing it one by one", exc_info=error)
        changes: list[VisitorChange] = []
        for key in keys:
            try:
                changes += await refold_again(self._log, self._snapshot, self._erasures, [key])
            except (StoreUnavailable, LogUnavailable, WrongKey):
                raise
            except Exception:
                logger.exception("a visitor could not be folded again, and stays as it was; see `ariane replay`")
        return changes

    async def of(self, read: Read) -> Commit:
        commit = Commit(expected=self._snapshot.position, position=read.end)
        commit.quarantined += read.unreadable
        happenings = self._suppress(read.happenings, commit)
        known = await self._load(happenings)
        batch = pipeline.sort(happenings, known)
        fresh = batch.fresh
        retracted = await self._retract(read.retractions, commit)
        takes_back_proofs, concerned = await self._visitors_of(retracted)
        known = known._replace(retracted=known.retracted | retracted)
        concerned |= await self._newly_protected(fresh, known)
        concerned |= await self._snapshot.waiting(known.visitors)
        forced = takes_back_proofs | (concerned & fresh.keys())
        forced |= await self._put_off(concerned - forced, commit)
        known = known._replace(near=await self._near(fresh, known))
        changes, again = self._extend(fresh, known, forced)
        if again - forced and not retracted:
            left = {key: fresh[key] for key in again - forced}
            mended = await mending.mend(self._log, self._snapshot, self._erasures, left, known)
            changes, again = changes + mended, again - {change.key for change in mended}
        if again or forced:
            changes += await self._refold(fresh, known, again | forced, retracted, commit)
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
        """The closed slices and sessions next to the batch's late events, and the runs of those visitors."""
        late = {
            key: times
            for key, happenings in fresh.items()
            if (times := [each.t for each in happenings if pipeline.is_late(each, known.visitors.get(key))])
        }
        if not late:
            return {}
        slices = await self._snapshot.slices_near(late)
        sessions = await self._snapshot.sessions_near(late)
        runs = await self._snapshot.runs([key for key in late if known.visitors[key].runs])
        return {key: Near(slices.get(key, []), sessions.get(key, []), runs.get(key, [])) for key in late}

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

    async def _visitors_of(self, message_ids: Collection[str]) -> tuple[set[str], set[str]]:
        """The visitors known to have events with these message ids that prove something; and those with others."""
        if not message_ids:
            return set(), set()
        hashes = [message_hash(each)[:HASH_BYTES] for each in message_ids]
        records = await self._log.fetch(await self._snapshot.positions_of(hashes))
        found = [each for each in take_apart(records).happenings if each.message_id in message_ids]
        proving = {pipeline.key_of(each) for each in found if proves(each.event)}
        return proving, {pipeline.key_of(each) for each in found} - proving

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
        self, fresh: dict[str, list[Happening]], known: Known, keys: set[str], retracted: set[str], commit: Commit
    ) -> list[VisitorChange]:
        """Fold these visitors again from all their events, and put off those that lose a protection with them."""
        histories = Histories(self._log, self._snapshot, self._erasures, fresh)
        await histories.load(keys)
        all_retracted = await histories.retracted() | known.retracted
        lost = await self._no_longer_proven(histories.events, fresh, all_retracted) if retracted else set()
        if lost:
            others = {key for names in (await self._snapshot.naming(lost)).values() for key in names}
            at_once = {key for key, new in fresh.items() if any(lost.intersection(named(each.event)) for each in new)}
            at_once |= await self._put_off(others - histories.events.keys() - at_once, commit)
            await histories.load(at_once)
            all_retracted = await histories.retracted() | known.retracted
        return histories.refold(all_retracted, (await histories.protected() | known.protected) - lost)

    async def _put_off(self, keys: set[str], commit: Commit) -> set[str]:
        """Leave all but a few of these visitors to later commits; those few.

        None of them has events in the batch, nor a proof that was taken back: until they are folded again, nobody
        else's state depends on theirs, and readers fold them for themselves (`freshening.py`).
        """
        if len(keys) <= self._at_once:
            return keys
        few = set(await _a_few(self._snapshot, sorted(keys)[: self._at_once]))
        commit.put_off |= keys - few
        return few

    async def _no_longer_proven(
        self, histories: dict[str, list[Happening]], fresh: dict[str, list[Happening]], retracted: Set[str]
    ) -> set[str]:
        """What only events that are now retracted had proven."""
        events = [each for history in (fresh | histories).values() for each in history]
        candidates = {name for each in events if each.message_id in retracted for name in proves(each.event)}
        still = {name for each in events if each.message_id not in retracted for name in proves(each.event)}
        provers = await self._snapshot.provers(candidates - still) if candidates else {}
        return {name for name in candidates - still if not provers.get(name, set()) - histories.keys()}


async def _a_few(snapshot: Readable, keys: Sequence[str]) -> list[str]:
    """The first of these visitors, as many as may be folded again in one commit: at least one."""
    records = await snapshot.visitors(keys)
    counts = accumulate(records[key].events if key in records else 0 for key in keys)
    return [key for n, (key, events) in enumerate(zip(keys, counts, strict=True)) if n == 0 or events <= EVENTS_AT_ONCE]
