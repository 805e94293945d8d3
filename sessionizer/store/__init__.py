"""The profile store: what the mind has derived, and how far along the log it is.

What must live here: keeping records and finding them. What must not: any rule. A store knows visitors by key and
identifiers by text; what a record means is `state`'s business.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

import msgspec

from sessionizer.facts import Fact, FactRow
from sessionizer.state import LastSession, Refs, Root, Run, Session, Slice, Visitor, VisitorChange


class Conflict(Exception):
    """Somebody else committed after this batch was loaded: load again, decide again, commit again."""


class StoreUnavailable(Exception):
    """The store cannot be read or written now (disk full, I/O error, not there yet). Nothing was kept; try again."""


class Crowd(NamedTuple):
    """How many carry one contact."""

    users: int
    """Different users, in slices with a user."""
    devices: int
    """Different devices, in slices without one."""


class Damaged(StoreUnavailable):
    """What is kept of a visitor is not what was written, or not all of it. `ariane replay` makes it anew."""

    def __init__(self) -> None:
        super().__init__(
            "the store is damaged; `ariane replay` makes a new one from the log, `ariane verify` tells more"
        )


class Readable(Protocol):
    """What must be known to say who somebody is: of the store, or of the store as it was or would be.

    Mappings leave out what is unknown.
    """

    position: int
    """Every event up to this log position is folded in."""

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]: ...

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        """Spilled references, oldest first."""
        ...

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        """Closed slices, in order."""
        ...

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        """Closed sessions, in order."""
        ...

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        """identifier → the keys of all visitors that name it, sorted; an empty list when none does."""
        ...

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        """identifier → how many carry it, none included; counting may stop at `users` users or `devices` devices.

        What that costs does not grow with how many there are beyond.
        """
        ...

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        """Those of the identifiers that some visitor proves (rule 4)."""
        ...

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        """Those of the message ids that a retraction names (rule 3)."""
        ...

    async def root(self, profile_id: str) -> Root | None:
        """The root an id was made from, now or formerly."""
        ...

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        """Ids and roots, by id, after one; "" for the start. Former ones included."""
        ...

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        """Those of the ids that are known, now or formerly."""
        ...

    async def keys(self, after: str, limit: int) -> list[str]:
        """Visitor keys in UTF-8 order after one."""
        ...


class Snapshot(Readable, Protocol):
    """One consistent state of the store, with what deciding a batch needs beside."""

    async def last_sessions(self, keys: Collection[str]) -> dict[str, LastSession]:
        """Of each visitor's record what tells of its last session."""
        ...

    async def slices_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Slice]]:
        """Of each key's closed slices those that begin last before, at, or first after one of the times (ms)."""
        ...

    async def sessions_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Session]]:
        """The same of closed sessions."""
        ...

    async def runs(self, keys: Collection[str]) -> dict[str, list[Run]]:
        """Complete runs of long slices, in order."""
        ...

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]:
        """identifier → the visitors that prove it; those nobody proves are left out."""
        ...

    async def retracted_after(self, received_at: str) -> set[str]:
        """The message ids that were not retracted yet at a moment (RFC 3339, as events have it), and are now."""
        ...

    async def positions_of(self, hashes: Collection[bytes]) -> list[int]:
        """Log positions of the events whose message id has one of these 8-byte hashes; check the event itself."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """The books: what became of every record folded in, and notes.

        `stored`, `duplicate`, `retraction`, `quarantined`, `suppressed`, `erasure` and `forgotten` (erased since, or
        before it could be folded in) add up to all records so far. `position` is how far that is, `erased` the position
        of the last erasure folded in, `traceless` that of the last of which no trace is left in the files.
        `facts` is the number of the last one published, and `facts_epoch` names their numbering.
        """
        ...

    async def examine(self) -> list[str]:
        """What is wrong with what keeps the records; takes as long as reading all of it."""
        ...

    async def retractions(self, message_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """message id → (retraction's message id, reason) of those that took it back."""
        ...

    async def facts(self, after: int, limit: int) -> list[FactRow]:
        """The published facts after a number, at least `limit` of them if there are so many, in whole rows.

        The first row may begin at or before that number.
        """
        ...

    async def pending(self, keys: Collection[str]) -> dict[str, int]:
        """Those of the visitors whose last session has not been published as over → when to look again, in ms."""
        ...

    async def due(self, now_ms: int, limit: int) -> list[str]:
        """The visitors to look at by now, the longest due first."""
        ...

    async def sizes(self) -> Mapping[str, int]:
        """About how many `profiles`, `events` and `sessions` there are, for progress bars; `visitors` exactly.

        And `waiting`, exactly: how many visitors are to be folded again.
        """
        ...

    async def waiting(self, keys: Collection[str]) -> set[str]:
        """Those of the visitors that are to be folded again: their records are as before a proof or a retraction."""
        ...

    async def next_waiting(self, limit: int) -> list[str]:
        """Up to so many of the visitors that are to be folded again."""
        ...

    async def shared_devices(self) -> list[str]:
        """The keys of all visitors whose record says `shared`."""
        ...

    async def crowded(self, users: int, devices: int) -> dict[str, Crowd]:
        """identifier → how many carry it, in full, of the contacts that more than so many do. Looks through all."""
        ...

    async def known_retractions(self, retractions: Collection[str]) -> set[str]:
        """Those of the retraction events (`source:message_id`) that are folded in already."""
        ...

    async def suppressed(self) -> list[int]:
        """Log positions of events of erased people that reached the log, and were not folded in."""
        ...

    async def quarantined(self) -> list[tuple[int, str]]:
        """(log position, why) of the records the mind could not fold."""
        ...


class Erasing(msgspec.Struct, kw_only=True):
    """What an erasure takes out of the store, beside what it changes."""

    visitors: list[str]
    """Keys of visitors of whom nothing is left."""
    profile_ids: set[str]
    message_ids: set[str]
    """Retractions of these are forgotten."""
    retraction_events: list[str]
    """`source:message_id` of retractions of which nothing is left."""
    reasons: dict[str, str]
    """Message ids of retractions whose reason named the erased person → what is left of the reason."""
    positions: set[int]
    """Where erased events lie in the log: their entries among the arrivals and the quarantined go."""
    facts: set[int]
    """Numbers of the facts that go; the others keep theirs."""


class Carried(NamedTuple):
    """Facts that another store published, with their numbers, into one that has published nothing after them."""

    epoch: int
    rows: Sequence[FactRow]


class Commit:
    """What a batch decided, to be kept all or nothing."""

    def __init__(self, expected: int, position: int) -> None:
        self.expected = expected
        """The position the decision was made from."""
        self.position = position
        self.changes: list[VisitorChange] = []
        self.retracted: list[tuple[str, str, str, str]] = []
        """(retracted message id, retraction's message id, reason, when the retraction was received)."""
        self.retraction_events: list[str] = []
        """`source:message_id` of the retractions in the batch."""
        self.arrivals: list[tuple[int, bytes]] = []
        """(log position, first 8 bytes of the message id's hash) of every event folded in."""
        self.roots: dict[str, Root] = {}
        """profile id → root."""
        self.quarantined: list[tuple[int, str]] = []
        """(log position, why) of records that could not be folded."""
        self.counted: dict[str, int] = {}
        """What to add to the books."""
        self.suppressed: list[int] = []
        """Log positions of events of erased people, which were not folded in."""
        self.put_off: set[str] = set()
        """Keys of visitors that a later commit folds again; until one does, they are `waiting`."""
        self.given_up: set[str] = set()
        """Keys of visitors that cannot be folded again: they wait no longer, and stay as they are."""
        self.erasing: Erasing | None = None
        self.facts: list[Fact] = []
        """What to publish, in order."""
        self.found_ms = 0
        """When it was found."""
        self.carried: Carried | None = None
        """What another store published, to be kept before `facts`."""
        self.due: dict[str, int | None] = {}
        """visitor → when to look whether its last session is over, in ms; None: that is published."""


class ProfileStore(Protocol):
    """Keeps what the mind derived. One process commits; any number may read."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """A consistent view, for as long as the context is open."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Keep everything and move the position, or nothing; who is refolded waits no longer. Raises Conflict."""
        ...

    async def leave_no_trace(self) -> bool:
        """Make sure that nothing erased is left in the store's files, and note so (`traceless` in the books).

        True when it is so; False when a reader still needs an older state: ask again.
        """
        ...

    async def position(self) -> int: ...

    def heard(self) -> int:
        """A mark of this moment, for `wait`."""
        ...

    async def wait(self, timeout_s: float, heard: int | None = None) -> bool:
        """Wait for a commit, of any process, after `heard` (default: the last wait); False when the time ran out.

        May wake for nothing.
        """
        ...

    async def close(self) -> None: ...
