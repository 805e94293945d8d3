"""Erases people, step by step, so that an end of the process between any two steps loses nothing.

    plan → look the log through → append the erasure (durable; from here on it happens) → forget refused events
         → wait until the mind has taken them out, traces included → erase the log's records → and the backups'

The erasure itself is the note of what is still to do: `finish_all` picks it up at the next start. In the process that
owns the log.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import msgspec

from collector.erasure import Against, Erased, Order, erasure, is_erasure_record, joined, read_erased, split
from collector.event import RETRACTION, Event, Trust, from_record, from_record_lazily, to_record
from collector.log import CorruptRecord, EventLog, LogUnavailable, Record, RefusedEvents, Stored
from collector.runtime.folder import Taken
from sessionizer.erasing import Plan, plan
from sessionizer.mentions import names_any
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.views import ReachedBackup

PAGE = 2000
MIND_WAIT_S = 30.0
"""How long one request waits for the mind, before and after the erasure is durable."""
LOOK_AGAIN_S = 0.05
RETRY_S = 1.0

_log = logging.getLogger(__name__)

CleanBackups = Callable[[], Awaitable[list[ReachedBackup]]]
"""Carry what was erased into the folder's backups; what became of each."""


async def no_backups() -> list[ReachedBackup]:
    """There are none."""
    return []


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What went."""

    events: int
    sessions: int
    visitors: int
    """Devices of which nothing is left, and events without a device."""
    refused: int
    """Refused events that named this person."""
    identifiers: int
    """Identifiers and devices that are kept away from now on."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that is done."""

    erased: Counts
    erasure_id: str
    at: str
    profile_id: str
    backups: list[ReachedBackup] = []
    """Every backup that was made of the folder, and whether the person is gone from it too."""


class Done(NamedTuple):
    receipt: Receipt
    position: int


class NotFinished(Exception):
    """The erasure is durable and goes on, but the mind has not taken it in yet. None: it has not even begun."""

    def __init__(self, erasure_id: str | None) -> None:
        super().__init__("the mind is too far behind")
        self.erasure_id = erasure_id


class _Found(NamedTuple):
    """What only the log can tell."""

    positions: list[int]
    retractions: list[tuple[int, Event]]
    """All there are, with their positions."""
    carried: set[str]
    """Those of the erased message ids that others' events have too."""


class _Sketch(msgspec.Struct, frozen=True):
    """The least that tells whether a record may be an erased event."""

    type: str
    message_id: str
    anonymous_id: str | None = None


_sketch = msgspec.json.Decoder(_Sketch).decode


class Eraser:
    """Erases, one person at a time."""

    def __init__(
        self,
        people: FoldedPeople,
        log: EventLog,
        refused: RefusedEvents,
        *,
        keep_away: Callable[[Erased], None],
        new_id: Callable[[], str],
        now_ms: Callable[[], int],
        undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
        clean_backups: CleanBackups = no_backups,
        mind_wait_s: float = MIND_WAIT_S,
    ) -> None:
        self._people = people
        self._log = log
        self._refused = refused
        self._keep_away = keep_away
        """Tells the edge, so that late events of the erased are not even stored."""
        self._new_id = new_id
        self._now_ms = now_ms
        self._undisturbed = undisturbed
        """Held while records are erased: nobody copies them meanwhile. Raises Taken while somebody does."""
        self._clean_backups = clean_backups
        self._mind_wait_s = mind_wait_s
        self._one_at_a_time = asyncio.Lock()
        self._unfinished: list[Erased] = []

    async def erase(self, who: Who) -> Done | None:
        """Erase the person; None when nobody is called that. Raises NotFinished, LogUnavailable, StoreUnavailable."""
        async with self._one_at_a_time:
            await self._log.make_room()
            if not await self._people.wait_for(await self._log.end(), self._mind_wait_s):
                raise NotFinished(None)
            now_ms = self._now_ms()
            async with self._people.loader() as loader:
                planned = await plan(loader, self._people.erasures, who, now_ms)
            if planned is None:
                return None
            order, retractions = self._complete(planned, await self._look_through(planned))
            event = erasure(order, message_id=self._new_id(), now_ms=now_ms)
            records = [Record("", to_record(each)) for each in (*retractions, event)]
            position = await self._log.append_marked(records)
            erased = Erased(position, now_ms, order)
            self._keep_away(erased)
            self._unfinished.append(erased)
            refused = await self._forget_refused(planned)
            backups = await self._finish(self._mind_wait_s, event.message_id)
            counts = Counts(
                events=len(planned.events),
                sessions=planned.sessions,
                visitors=planned.visitors,
                refused=refused,
                identifiers=len(split(order.names)) + len(split(order.devices)),
            )
            receipt = Receipt(
                erased=counts,
                erasure_id=event.message_id,
                at=event.timestamp,
                profile_id=planned.profile_id,
                backups=backups,
            )
            return Done(receipt, position)

    async def finish_all(self) -> None:
        """Finish what an earlier process began, or an earlier request gave up waiting for. Runs until it is done."""
        self._unfinished = [read_erased(each) for each in await self._log.marked()]
        await self._finish_rest()

    async def finish_once(self) -> None:
        """`finish_all`, without trying again. Raises NotFinished, LogUnavailable."""
        async with self._one_at_a_time:
            self._unfinished = [read_erased(each) for each in await self._log.marked()]
            await self._finish(self._mind_wait_s, None)

    async def keep_finishing(self) -> None:
        """`finish_all`, and then whatever a request gives up waiting for, until cancelled."""
        await self.finish_all()
        while True:
            await asyncio.sleep(RETRY_S)
            await self._finish_rest()

    async def _finish_rest(self) -> None:
        while self._unfinished:
            try:
                async with self._one_at_a_time:
                    await self._log.make_room()
                    await self._finish(self._mind_wait_s, None)
            except (NotFinished, LogUnavailable) as error:
                _log.info("an erasure is not finished yet: %s", error)
                await asyncio.sleep(RETRY_S)

    # ---- before the erasure is durable

    async def _look_through(self, planned: Plan) -> _Found:
        """Read the log through for every copy of the person's events, and for retractions that name them."""
        hasher = self._people.erasures.hasher
        against = Against(hasher, [Erased(0, self._now_ms(), planned.order)])
        message_ids = {each.message_id for each in planned.events}
        positions: list[int] = []
        retractions: list[tuple[int, Event]] = []
        carried: set[str] = set()
        async for record in _all(self._log):
            if is_erasure_record(record.body):
                continue
            sketch = _sketch(record.body)
            if sketch.type == RETRACTION:
                event = from_record(record.body)
                if event.trust == Trust.SERVER:
                    retractions.append((record.position, event))
                    continue
            near = sketch.anonymous_id in planned.devices or sketch.message_id in message_ids
            if near or record.position > planned.order.known:
                if against.takes(from_record_lazily(record.body), record.position):
                    positions.append(record.position)
                elif sketch.message_id in message_ids:
                    carried.add(sketch.message_id)
        return _Found(positions, retractions, carried)

    def _complete(self, planned: Plan, found: _Found) -> tuple[Order, list[Event]]:
        """The order, and the retractions that take the place of those that also named others' messages.

        Of copies the first counts (rule 1). When that one goes all do, so that none of them takes its place.
        """
        gone = {each.message_id for each in planned.events} - found.carried
        by_name: dict[tuple[str, str], list[tuple[int, Event]]] = {}
        for position, event in found.retractions:
            by_name.setdefault((event.source, event.message_id), []).append((position, event))
        doomed: list[int] = []
        taken_back: list[Event] = []
        for copies in by_name.values():
            _, first = copies[0]
            whole = not gone.isdisjoint(_named_by(first))
            doomed += [position for position, each in copies if whole or not gone.isdisjoint(_named_by(each))]
            if whole:
                taken_back.append(first)
        replacements = []
        for event in taken_back:
            left = [each for each in _named_by(event) if each not in gone]
            if left:
                reason = _without(event.properties.get("reason", ""), planned.values)
                properties = {"message_ids": left, "reason": reason}
                replacements.append(msgspec.structs.replace(event, properties=properties))
        hasher = self._people.erasures.hasher
        order = msgspec.structs.replace(
            planned.order,
            positions=sorted(found.positions + doomed),
            copies=len(doomed) - len(taken_back) + len(replacements),
            events=joined([*split(planned.order.events), *(hasher.event(each) for each in taken_back)]),
        )
        return order, replacements

    # ---- after it is

    async def _forget_refused(self, planned: Plan) -> int:
        """Forget the refused events that name this person and nobody else."""
        after, found = 0, []
        while page := await self._refused.read(after, PAGE):
            after = page[-1].refusal_id
            found += [each.refusal_id for each in page if names_any(each, planned.values)]
        if found:
            await self._refused.erase(found)
        return len(found)

    async def _finish(self, timeout_s: float, erasure_id: str | None) -> list[ReachedBackup]:
        """Erase from the log, then from backups, what the mind has taken out. Raises NotFinished, LogUnavailable."""
        if not self._unfinished:
            return []
        last = max(each.position for each in self._unfinished)
        if not await self._traceless(last, timeout_s):
            raise NotFinished(erasure_id)
        positions = set(await self._people.suppressed())
        for each in self._unfinished:
            positions |= await self._records_of(each)
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s
        while True:
            try:
                with self._undisturbed():
                    await self._log.erase(sorted(positions))
                break
            except LogUnavailable:
                if clock() > deadline_s:
                    raise
            except Taken:
                if clock() > deadline_s:
                    raise NotFinished(erasure_id) from None
            await asyncio.sleep(LOOK_AGAIN_S)
        self._unfinished = []
        return await self._clean_backups()

    async def _traceless(self, position: int, timeout_s: float) -> bool:
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s
        while await self._people.traceless() < position:
            if clock() > deadline_s:
                return False
            await asyncio.sleep(LOOK_AGAIN_S)
        return True

    async def _records_of(self, erased: Erased) -> set[int]:
        """Where the erased records lie, those included that came while the erasure was being prepared."""
        against = Against(self._people.erasures.hasher, [erased])
        positions = set(erased.order.positions)
        async for record in _all(self._log, erased.order.known, erased.position):
            if not is_erasure_record(record.body):
                event = from_record_lazily(record.body)
                if event.type != RETRACTION and against.takes(event, record.position):
                    positions.add(record.position)
        return positions


async def _all(log: EventLog, after: int = 0, before: int | None = None) -> AsyncIterator[Stored]:
    """Every undamaged record after a position, in order."""
    end = before - 1 if before is not None else await log.end()
    while after < end:
        try:
            page = await log.read(0, after, PAGE)
        except CorruptRecord:
            try:
                page = await log.read(0, after, 1)
            except CorruptRecord as damaged:
                after = damaged.position
                continue
        if not page:
            return
        after = page[-1].position
        for record in page:
            if record.position <= end:
                yield record


def _named_by(retraction: Event) -> list[str]:
    return list(retraction.properties.get("message_ids", ()))


def _without(reason: str, values: frozenset[str]) -> str:
    """A reason that names nobody."""
    return "" if any(value in reason for value in values) else reason
