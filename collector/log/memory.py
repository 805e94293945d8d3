"""The log and the refused events in memory, for tests and trials: the same contract, gone with the process."""

import asyncio
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence

from collector.log import CorruptRecord, LogUnavailable, Record, Refusal, Standing, Stored, Tally
from collector.log.refused import MAX_AGE_S, MAX_BYTES, size_of
from collector.runtime.clock import now_ms
from collector.runtime.doorbell import Signal


class MemoryLog:
    """An EventLog in a list."""

    partitions = 1

    def __init__(self) -> None:
        self._records: list[tuple[int, bytes, int]] = []
        self._last = 0
        self._marked: list[int] = []
        self._books = Tally(0)
        self._signal = Signal()
        self._closed = False

    async def append(self, records: Sequence[Record], tally: Tally | None = None) -> int:
        if self._closed:
            raise LogUnavailable("the log is closed")
        entered = Tally(len(records)) if tally is None else tally
        self._books = Tally(*map(sum, zip(self._books, entered, strict=True)))
        first = self._end() + 1
        self._records += [(first + i, each.body, zlib.crc32(each.body)) for i, each in enumerate(records)]
        if records:
            self._last = first + len(records) - 1
            self._signal.ring()
        return self._end()

    async def append_marked(self, records: Sequence[Record]) -> int:
        end = await self.append(records)
        self._marked.append(end)
        return end

    async def make_room(self) -> None:
        """Memory has all the room there is."""

    async def marked(self, after: int = 0) -> list[Stored]:
        return await self.fetch([each for each in self._marked if each > after])

    async def erase(self, positions: Sequence[int]) -> int:
        wanted, before = set(positions), len(self._records)
        self._records = [each for each in self._records if each[0] not in wanted]
        return before - len(self._records)

    async def read(self, partition: int, after: int, limit: int, wait_s: float = 0.0) -> list[Stored]:
        if partition not in range(self.partitions):
            raise ValueError(f"no partition {partition}")
        deadline_s = asyncio.get_running_loop().time() + wait_s
        while True:
            heard = self._signal.heard()
            start = bisect_right(self._records, after, key=_position)
            if found := [_checked(each) for each in self._records[start : start + limit]]:
                return found
            left_s = deadline_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                return []
            await self._signal.wait(left_s, after=heard)

    async def fetch(self, positions: Sequence[int]) -> list[Stored]:
        starts = ((bisect_right(self._records, wanted - 1, key=_position), wanted) for wanted in sorted(set(positions)))
        found = ((self._records[i : i + 1], wanted) for i, wanted in starts)
        return [_checked(each) for some, wanted in found for each in some if each[0] == wanted]

    async def end(self) -> int:
        return self._end()

    async def count(self) -> int:
        return len(self._records)

    async def standing(self, after: int) -> Standing:
        return Standing(*self._books, self._end() - after)

    async def examine(self) -> list[str]:
        return []

    async def erased(self, after: int, upto: int) -> int:
        return upto - after - sum(after < position <= upto for position, _, _ in self._records)

    async def healthy(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True

    def _end(self) -> int:
        return self._last


def _position(record: tuple[int, bytes, int]) -> int:
    return record[0]


def _checked(record: tuple[int, bytes, int]) -> Stored:
    position, body, crc = record
    if zlib.crc32(body) != crc:
        raise CorruptRecord(position)
    return Stored(position, body)


class MemoryRefused:
    """RefusedEvents in a queue."""

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S, clock: Callable[[], int] = now_ms
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_ms = int(max_age_s * 1000)
        self._clock = clock
        self._kept: deque[Refusal] = deque()
        self._bytes = 0
        self._last_id = 0

    async def keep(self, refusals: Sequence[Refusal]) -> None:
        for each in refusals:
            self._last_id += 1
            self._kept.append(each._replace(refusal_id=self._last_id))
            self._bytes += size_of(each)
        oldest_ms = self._oldest_ms()
        self._forget({each.refusal_id for each in self._kept if each.received_at_ms < oldest_ms})
        while self._bytes > self._max_bytes:
            self._bytes -= size_of(self._kept.popleft())

    async def read(self, after: int, limit: int) -> list[Refusal]:
        oldest_ms = self._oldest_ms()
        found = [each for each in self._kept if each.refusal_id > after and each.received_at_ms >= oldest_ms]
        return found[:limit]

    async def settle(self, refusal_ids: Sequence[int]) -> None:
        self._forget(set(refusal_ids))

    async def erase(self, refusal_ids: Sequence[int]) -> None:
        self._forget(set(refusal_ids))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _oldest_ms(self) -> int:
        return self._clock() - self._max_age_ms

    def _forget(self, refusal_ids: set[int]) -> None:
        self._kept = deque(each for each in self._kept if each.refusal_id not in refusal_ids)
        self._bytes = sum(map(size_of, self._kept))
