"""Folds an erasure: takes the erased events out of everything that was made of them (docs/identity.md, rule 19).

Live, the erased records are still in the log: the edge waits for this commit before it removes them. In a replay they
are gone already, there is nothing to take out, and what stays is the same: cuts and protections.
"""

from collections.abc import Iterable

import msgspec

from collector.erasure import Against, Erased, SharedDevice, split
from collector.event import StoredEvent
from collector.log import EventLog
from sessionizer import pipeline
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, message_hash, named, take_apart
from sessionizer.forgetting import Gone
from sessionizer.owners import profile_id
from sessionizer.pipeline import Known
from sessionizer.slices import root_of_first
from sessionizer.state import Cut, Root, Visitor, VisitorChange
from sessionizer.store import Commit, Erasing, Snapshot

PAGE = 2000
DEVICES = "d"
"""What the keys of devices begin with (`state.visitor_key`)."""


class _Retraction(msgspec.Struct, frozen=True):
    message_ids: list[str] = []
    reason: str = ""


_read_retraction = msgspec.json.Decoder(_Retraction).decode


class Unfolding:
    """One erasure against one snapshot."""

    def __init__(self, log: EventLog, snapshot: Snapshot, erasures: Erasures) -> None:
        self._log = log
        self._snapshot = snapshot
        self._erasures = erasures
        self._hasher = erasures.hasher
        self._cuts: dict[str, list[tuple[int, str]]] = {}
        """visitor → cuts as the erasure gives them."""

    async def of(self, erased: Erased) -> Commit:
        """What the erasure does. Raises WrongKey."""
        against = Against(self._hasher, [erased])
        doomed, retractions, replaced, still_there = await self._doomed(erased, against)
        shared = [await self._shared(each) for each in erased.order.shared]
        keys = {pipeline.key_of(each) for each in doomed} | {key for key in shared if key is not None}
        histories, records = await self._histories(keys)
        gone = [each for history in histories.values() for each in history if against.takes(each.event, each.position)]
        left = {
            key: [each for each in history if not against.takes(each.event, each.position)]
            for key, history in histories.items()
        }
        dropped = [key for key in histories if not left[key]]

        commit = Commit(expected=self._snapshot.position, position=erased.position)
        commit.changes = await self._refold(left, records)
        commit.roots = pipeline.roots(commit.changes)
        message_ids = await self._unheard_of(gone, against)
        forgotten = [each for each in retractions if _name(each) not in replaced]
        forgotten_names = await self._snapshot.known_retractions({_name(each) for each in forgotten})
        quarantined = {position for position, _ in await self._snapshot.quarantined()}.intersection(
            erased.order.positions
        )
        profile_ids = {profile_id(root) for root in await self._roots(gone, left, erased)}
        commit.erasing = Erasing(
            visitors=dropped,
            profile_ids=profile_ids,
            message_ids=message_ids,
            retraction_events=sorted(forgotten_names),
            reasons={event.message_id: _read_retraction(event.properties).reason for event in replaced.values()},
            positions={each.position for each in gone} | quarantined,
            facts=await self._facts(Gone(gone, profile_ids)),
        )
        commit.due = await self._no_longer_pending(commit.changes, records)
        positions = {each.position for each in doomed}
        copies = len(positions - quarantined - set(await self._snapshot.suppressed())) - len(gone)
        taken_out = {
            "stored": len(gone),
            "retraction": len(forgotten_names),
            "quarantined": len(quarantined),
            "duplicate": copies + (erased.order.copies if still_there else 0),
        }
        commit.counted = {name: -count for name, count in taken_out.items()}
        commit.counted |= {"erasure": 1, "forgotten": sum(taken_out.values())}
        return commit

    async def _doomed(
        self, erased: Erased, against: Against
    ) -> tuple[list[Happening], list[StoredEvent], dict[str, StoredEvent], bool]:
        """The erased events and retractions the log still has, and the retractions that took the place of one.

        Last, whether the log still has any of those retractions.
        """
        order = erased.order
        events = frozenset(split(order.events))
        read = take_apart(await self._log.fetch(order.positions))
        happenings = [each for each in read.happenings if against.takes(each.event, each.position)]
        still_there = bool(read.retractions)
        retractions = {_name(each): each for each in read.retractions if self._hasher.event(each) in events}
        replaced: dict[str, StoredEvent] = {}
        seen = frozenset(order.positions)
        after = order.known
        while records := await self._log.read(0, after, PAGE):
            after = records[-1].position
            new = [each for each in records if each.position < erased.position and each.position not in seen]
            read = take_apart(new)
            happenings += [each for each in read.happenings if against.takes(each.event, each.position)]
            replaced |= {_name(each): each for each in read.retractions if self._hasher.event(each) in events}
            if after >= erased.position:
                break
        return happenings, list(retractions.values()), replaced, still_there

    async def _shared(self, shared: SharedDevice) -> str | None:
        """The visitor of a device that others' events stay on; None when nothing of it is known."""
        wanted = bytes.fromhex(shared.device)
        for each in take_apart(await self._log.fetch([shared.hint])).happenings:
            if each.device is not None and self._hasher.device(each.device) == wanted:
                return self._with_cuts(pipeline.key_of(each), shared)
        after = DEVICES
        while keys := [key for key in await self._snapshot.keys(after, PAGE) if key.startswith(DEVICES)]:
            for key in keys:
                if self._hasher.device(key.removeprefix(DEVICES)) == wanted:
                    return self._with_cuts(key, shared)
            after = keys[-1]
        return None

    def _with_cuts(self, key: str, shared: SharedDevice) -> str:
        self._cuts[key] = shared.cuts
        return key

    async def _histories(self, keys: set[str]) -> tuple[dict[str, list[Happening]], dict[str, Visitor]]:
        """All events of these visitors, in order; visitors nobody knows are left out."""
        records = await self._snapshot.visitors(keys)
        chunks = await self._snapshot.chunks([key for key, record in records.items() if record.spilled])
        positions = [
            position
            for key, record in records.items()
            for refs in (*chunks.get(key, ()), record.tail)
            for position in refs.positions
        ]
        histories: dict[str, list[Happening]] = {key: [] for key in records}
        found = take_apart(await self._log.fetch(positions)).happenings
        self._erasures.guard(found)
        for each in found:
            histories[pipeline.key_of(each)].append(each)
        for history in histories.values():
            history.sort(key=lambda each: each.key)
        return histories, records

    async def _refold(self, left: dict[str, list[Happening]], records: dict[str, Visitor]) -> list[VisitorChange]:
        """Fold what is left of visitors, each with its cuts.

        What erased events had proven is still protected here: they are in the store until this is committed.
        """
        events = [each for history in left.values() for each in history]
        retracted = await self._snapshot.retracted({each.message_id for each in events})
        protected = await self._snapshot.protected({name for each in events for name in named(each.event)})
        known = Known({}, {}, {}, retracted, protected)
        return [
            pipeline.refold(history, known, self._cuts_of(key, history, records[key]))
            for key, history in left.items()
            if history
        ]

    def _cuts_of(self, key: str, history: list[Happening], record: Visitor) -> list[Cut]:
        """The erasure's cuts, which take the place of those before, with the events they stand after."""
        if key not in self._cuts:
            return record.cuts
        cuts = []
        for t, after in self._cuts[key]:
            wanted = bytes.fromhex(after)
            before = (each.id for each in history if each.t == t and self._hasher.event(each.event) == wanted)
            cuts.append(Cut(t=t, after=next(before, b"") if after else b""))
        return cuts

    async def _facts(self, gone: Gone) -> set[int]:
        """The numbers of the facts that speak of what is gone."""
        found: set[int] = set()
        number, end = 0, (await self._snapshot.counts())["facts"]
        while number < end:
            for first, _, facts in await self._snapshot.facts(number, PAGE):
                found |= {each for each, fact in enumerate(facts, first) if fact is not None and gone.is_in(fact)}
                number = first + len(facts) - 1
        return found

    async def _no_longer_pending(
        self, changes: Iterable[VisitorChange], records: dict[str, Visitor]
    ) -> dict[str, int | None]:
        """The visitors whose pending session went: what is their last now was published as over before it began."""
        by_key = {change.key: change.record.session for change in changes}
        due: dict[str, int | None] = {}
        for key in await self._snapshot.pending(by_key):
            was, now = records[key].session, by_key[key]
            if was is None or now is None or was.first != now.first:
                due[key] = None
        return due

    async def _unheard_of(self, gone: Iterable[Happening], against: Against) -> set[str]:
        """Retracted message ids that only erased events had."""
        message_ids = await self._snapshot.retracted({each.message_id for each in gone})
        if not message_ids:
            return set()
        positions = await self._snapshot.positions_of([message_hash(each)[:8] for each in message_ids])
        return message_ids - {
            each.message_id
            for each in take_apart(await self._log.fetch(positions)).happenings
            if not against.takes(each.event, each.position)
        }

    async def _roots(self, gone: list[Happening], left: dict[str, list[Happening]], erased: Erased) -> set[Root]:
        """Roots that erased events may have given, and nobody else's may give."""
        names = {name for each in gone for name in named(each.event)}
        naming = await self._snapshot.naming(names)
        hashes = frozenset(split(erased.order.names))
        still = {name for history in left.values() for each in history for name in named(each.event)}
        still |= {name for name, keys in naming.items() if set(keys) - left.keys()}
        free = {name for name in names if name not in still or self._hasher.name(name) in hashes}
        roots: set[Root] = {_root_of(name) for name in free}
        kept = {root_of_first(each.device, each.key) for history in left.values() for each in history}
        roots |= {root_of_first(each.device, each.key) for each in gone} - kept
        return roots


def _name(event: StoredEvent) -> str:
    """What `Commit.retraction_events` calls a retraction."""
    return f"{event.source}:{event.message_id}"


def _root_of(name: str) -> Root:
    kind, _, value = name.partition(":")
    return ("user", value) if kind == "user_id" else ("contact", kind, value)
