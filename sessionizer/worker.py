"""The worker: read → load → decide → commit, for ever. It waits; `decision.py` decides.

The log keeps no cursors: the position is committed with what was derived, so a crash anywhere repeats a batch into the
same result. On Conflict it loads and decides again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from collector.erasure import Hasher, WrongKey, is_erasure_record, read_erased
from collector.log import CorruptRecord, EventLog, LogUnavailable, Stored
from collector.runtime import clock
from sessionizer import publishing
from sessionizer.decision import Decision
from sessionizer.erasures import UNKEYED, Erasures
from sessionizer.evidence import take_apart
from sessionizer.store import Commit, Conflict, ProfileStore, StoreUnavailable
from sessionizer.unfolding import Unfolding

logger = logging.getLogger(__name__)

BATCH = 2000
"""Events a commit."""
MOST = 8000
"""Events a commit while so many wait: a visitor who comes twice among them is read and written once, and a page of the
store with several of them is written once. A crash repeats at most this many."""
LOOK_AGAIN_S = 1.0
TRACE_RETRY_S = 0.2
"""How long to wait for readers of an older state, who keep erased rows in the WAL."""


class Worker:
    """Folds one log into one store."""

    def __init__(
        self,
        log: EventLog,
        store: ProfileStore,
        *,
        batch: int | None = None,
        hasher: Hasher = UNKEYED,
        now_ms: Callable[[], int] = clock.now_ms,
        quietly_to: int | None = None,
    ) -> None:
        """`batch`: events a commit, always so many; else more while more wait.

        `quietly_to`: fold only up to this log position, and publish nothing, for it has been published.
        """
        self._now_ms = now_ms
        self._quietly_to = quietly_to
        self._looked_ms = 0
        """When sessions were last looked through for silence."""
        self._log = log
        self._store = store
        self._batch, self._most = (BATCH, MOST) if batch is None else (batch, batch)
        self._limit = self._batch
        """How many events to read next: more after a full batch."""
        self._erasures = Erasures(log, hasher)
        self._traceless = False
        """Nothing erased is left in the store's files, as far as we know."""
        self._some_wait = True
        """Visitors may be waiting to be folded again."""
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
        await self._end_silent_sessions()
        after = await self._store.position()
        try:
            records = await self._log.read(
                0, after, 1 if self._careful else self._limit, wait_s if self._traceless else 0.0
            )
        except CorruptRecord as error:
            if self._quietly_to is not None and error.position > self._quietly_to:
                return 0
            await self._one_by_one(after, error.position, error, self._limit)
            return 1
        if self._quietly_to is not None:
            records = [each for each in records if each.position <= self._quietly_to]
        if not records:
            await self._fold_waiting(after if self._quietly_to is None else None)
            await self._pass_erased(after)
            return await self._leave_no_trace(wait_s)
        if not self._careful:
            self._limit = min(2 * self._limit, self._most) if len(records) == self._limit else self._batch
        records = _up_to_erasure(records)
        await self._erasures.up_to(after)  # damage here is no event's fault, and ends the mind
        try:
            await self._fold(after, records)
            self._careful = max(0, self._careful - 1)
            await self._fold_some_waiting()
        except Conflict:
            return 1  # somebody else moved the position: look again from there
        except (StoreUnavailable, LogUnavailable, WrongKey):
            raise
        except Exception as error:  # noqa: BLE001 - one event must not stop all others; it is set aside with its reason
            await self._one_by_one(after, records[0].position, error, len(records))
        return len(records)

    async def _fold(self, after: int, records: list[Stored]) -> None:
        erases = is_erasure_record(records[0].body)
        if erases:
            await self._fold_waiting()
        async with self._store.snapshot() as snapshot:
            if snapshot.position != after:
                raise Conflict("the position moved")
            if erases:
                commit = await Unfolding(self._log, snapshot, self._erasures).of(read_erased(records[0]))
            else:
                commit = await Decision(self._log, snapshot, self._erasures).of(take_apart(records))
                if self._quietly_to is None:
                    await publishing.publish(snapshot, self._log, self._erasures, commit, self._now_ms())
        await self._commit(commit, len(records))
        self._some_wait |= bool(commit.put_off)
        if erases:
            self._traceless = False

    async def _fold_waiting(self, until_after: int | None = None) -> None:
        """Fold again all visitors that were put off, or as many as can be until the log goes on after a position."""
        while await self._fold_some_waiting():
            if until_after is not None and await self._log.end() > until_after:
                return

    async def _fold_some_waiting(self) -> bool:
        """Fold again some of the visitors that were put off; whether there may be more."""
        if self._some_wait:
            async with self._store.snapshot() as snapshot:
                await self._erasures.up_to(snapshot.position)
                commit = await Decision(self._log, snapshot, self._erasures).of_waiting()
                if commit is not None and self._quietly_to is None:
                    await publishing.publish(snapshot, self._log, self._erasures, commit, self._now_ms())
            if commit is None:
                self._some_wait = False
            else:
                await self._store.commit(commit)
        return self._some_wait

    async def _end_silent_sessions(self) -> None:
        """Publish, once in a while, that sessions are over because nothing more came."""
        now_ms = self._now_ms()
        if self._quietly_to is not None or now_ms - self._looked_ms < LOOK_AGAIN_S * 1000:
            return
        async with self._store.snapshot() as snapshot:
            commit = await publishing.end_silent(snapshot, now_ms)
        if commit is None:
            self._looked_ms = now_ms  # else there may be more
            return
        with contextlib.suppress(Conflict):
            await self._store.commit(commit)

    async def _commit(self, commit: Commit, count: int) -> None:
        """Commit what was made of this many records; what is missing between them was erased, and is counted too."""
        if commit.position - commit.expected > count:
            erased = await self._log.erased(commit.expected, commit.position)
            commit.counted["forgotten"] = commit.counted.get("forgotten", 0) + erased
        await self._store.commit(commit)

    async def _pass_erased(self, after: int) -> None:
        """Move on to the log's end when everything up to there was erased, so that nobody waits for it."""
        end = await self._log.end()
        if self._quietly_to is not None:
            end = min(end, self._quietly_to)
        if end > after and not await self._log.read(0, after, 1):
            await self._commit(Commit(expected=after, position=end), 0)

    async def _leave_no_trace(self, wait_s: float) -> int:
        """With nothing left to fold, see to it that what was erased is in no file; 0, the number of records."""
        if not self._traceless:
            self._traceless = await self._store.leave_no_trace()
            if not self._traceless:
                await asyncio.sleep(min(wait_s, TRACE_RETRY_S))
        return 0

    async def _one_by_one(self, after: int, first: int, error: Exception, count: int) -> None:
        """After a batch of so many that failed, fold each alone; set aside the one that fails alone, and go on.

        A replay with a mended release folds what was set aside.
        """
        if not self._careful:
            logger.error("a batch failed; folding its events one by one", exc_info=error, extra={"position": after})
            self._careful = count
            return
        logger.error("an event could not be folded and is set aside", exc_info=error, extra={"position": first})
        commit = Commit(expected=after, position=first)
        commit.quarantined.append((first, f"{type(error).__name__}: {error}"[:500]))
        commit.counted["quarantined"] = 1
        await self._commit(commit, 1)


def _up_to_erasure(records: list[Stored]) -> list[Stored]:
    """What comes before the first erasure; the erasure alone, if it comes first."""
    if is_erasure_record(records[0].body):
        return records[:1]
    at = next((at for at, record in enumerate(records) if is_erasure_record(record.body)), len(records))
    return records[:at]
