"""The event log: append-only, durable, in order. The log is the truth; everything else is a fold of it.

What must live here: durability and order. What must not: any idea of what a record means. A record is bytes with a key.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

LATEST = 2**63 - 1
"""After every position there can be: where what is yet to be appended stands."""


class Record(NamedTuple):
    """What is appended: opaque bytes, and the key that decides the partition (the visitor's id)."""

    key: str
    body: bytes


class Stored(NamedTuple):
    """What is read back."""

    position: int
    body: bytes


class Tally(NamedTuple):
    """What the edge did with the events that came together with some records: entries for the books."""

    received: int
    """How many came, counted before anything was done with them."""
    rejected: int = 0
    withheld: int = 0
    suppressed: int = 0


class Standing(NamedTuple):
    """The log's side of the books, at one moment. Counts are of everything since the log was made."""

    received: int
    rejected: int
    withheld: int
    suppressed: int
    """By the edge; some more may have reached the log."""
    pending: int
    """Places after the position asked for, erased ones included; negative when the log ends before it."""


class LogUnavailable(Exception):
    """The log cannot take records now (disk full, I/O error): nothing of this append was acknowledged. Answer 503."""


class CorruptRecord(Exception):
    """A record is not what was appended, or is gone, or is no event. It is never served; `ariane verify` helps."""

    def __init__(self, position: int, why: str = "does not match its checksum, or is gone") -> None:
        super().__init__(f"the log's record {position} {why}")
        self.position = position


class EventLog(Protocol):
    """An ordered, durable, append-only sequence of records.

    A position is opaque: "after this". Positions grow within a partition and may have gaps. One process owns the log
    and appends; any number may read.
    """

    partitions: int

    async def append(self, records: Sequence[Record], tally: Tally | None = None) -> int:
        """Keep the records, in order, all or none, and return the position of the last; the log's end for no records.

        The tally is entered in the books with them, all or none; without one the records are all that was received.
        Returns once every record survives a power cut. Concurrent appends share one sync (group commit). A cancelled
        caller's records may or may not be kept. Raises LogUnavailable.
        """
        ...

    async def append_marked(self, records: Sequence[Record]) -> int:
        """The same, and the last of them is found again by `marked` without reading the log through."""
        ...

    async def make_room(self) -> None:
        """On a full disk, give up what is kept back there, for an erasure that is about to begin.

        A log that refuses appends for want of room goes on doing so until there is room for that again, and more;
        `append_marked` and `erase` it tries all the same. Raises LogUnavailable.
        """
        ...

    async def marked(self, after: int = 0) -> list[Stored]:
        """The marked records after a position, in order. Raises CorruptRecord."""
        ...

    async def erase(self, positions: Sequence[int]) -> int:
        """Remove the records at these positions for good; how many there were. Idempotent.

        A later read gives the same records less the erased ones. On return no byte of them is in the log's files, or
        LogUnavailable is raised: erase again. A position is never given twice.
        """
        ...

    async def read(self, partition: int, after: int, limit: int, wait_s: float = 0.0) -> list[Stored]:
        """Up to `limit` records after a position, in order; waits up to `wait_s` for the first.

        Same arguments, same records. Raises CorruptRecord; ValueError for a partition it does not have.
        """
        ...

    async def fetch(self, positions: Sequence[int]) -> list[Stored]:
        """The records at these positions, in position order, without missing (erased) ones. Raises CorruptRecord."""
        ...

    async def end(self) -> int:
        """The position of the last durable record; 0 when empty."""
        ...

    async def count(self) -> int:
        """How many records it holds."""
        ...

    async def standing(self, after: int) -> Standing:
        """The books, and how much lies after a position, in one consistent read."""
        ...

    async def examine(self) -> list[str]:
        """What is wrong with the structure of what keeps the records; takes as long as reading all of it."""
        ...

    async def erased(self, after: int, upto: int) -> int:
        """How many of the records after one position, up to another, were erased."""
        ...

    async def healthy(self) -> bool:
        """Whether an append is expected to succeed."""
        ...

    async def close(self) -> None:
        """Finish what was promised, then let go. Idempotent."""
        ...


class Refusal(NamedTuple):
    """A refused event as it is kept: when, for whom, why, and the event itself as JSON."""

    refusal_id: int
    received_at_ms: int
    source: str
    reason: str
    detail: str
    body: bytes


class RefusedEvents(Protocol):
    """Events that did not reach the log, kept with their reason so that they can be driven in again.

    Capped in size and age.
    """

    async def keep(self, refusals: Sequence[Refusal]) -> None:
        """Keep them (their `refusal_id` is ignored and drawn anew), dropping the oldest beyond the caps."""
        ...

    async def read(self, after: int, limit: int) -> list[Refusal]:
        """Up to `limit` refusals after an id, oldest first."""
        ...

    async def settle(self, refusal_ids: Sequence[int]) -> None:
        """Forget these: they were driven in again, or given up."""
        ...

    async def erase(self, refusal_ids: Sequence[int]) -> None:
        """Forget these, and leave no byte of them in the file. Raises LogUnavailable when that cannot be: try again."""
        ...

    async def close(self) -> None: ...
