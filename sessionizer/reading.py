"""What the API, the exports and the live page may ask of the people we know. The answers are `views`."""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import NamedTuple, Protocol

from collector.event import Event
from sessionizer.books import Books
from sessionizer.views import DryRun, FactPage, Identity, Profile, ProfilePage, SessionPage, Timeline


class Who(NamedTuple):
    """One `{who}`: `type:value`. Types: user_id, anonymous_id, profile_id, email, phone, or any external id type."""

    type: str
    value: str


class BadCursor(Exception):
    """The cursor is not one this reader gave out. Answer 400."""


class StillFolding(Exception):
    """Very many visitors are being folded again after a proof or a retraction: ask for everybody later. Answer 504."""


class TooMuch(Exception):
    """A dry run would have to fold so many visitors again that others would wait for it. Answer 422."""

    def __init__(self, visitors: int) -> None:
        super().__init__(f"it changes {visitors:,} visitors")


class People(Protocol):
    """Every question a reader may ask. An unknown `who` is None; a page's `next` is None at its end.

    `as_of_ms`: answer from the events received by then (rule 16); None for all of them. ValueError outside years 1 to
    9999.
    """

    async def position(self) -> int:
        """The log position up to which every event is folded in."""
        ...

    async def wait_for(self, position: int, timeout_s: float) -> bool:
        """Wait until `position` is folded in; False when the time ran out first."""
        ...

    async def profile(self, who: Who, *, as_of_ms: int | None = None) -> Profile | None: ...

    async def timeline(
        self,
        who: Who,
        *,
        limit: int,
        cursor: str | None = None,
        types: Sequence[str] = (),
        newest_first: bool = True,
        as_of_ms: int | None = None,
    ) -> Timeline | None: ...

    async def sessions(
        self,
        who: Who,
        *,
        limit: int,
        cursor: str | None = None,
        newest_first: bool = True,
        as_of_ms: int | None = None,
    ) -> SessionPage | None: ...

    async def identity(self, who: Who) -> Identity | None: ...

    async def dry_run(self, event: Event) -> DryRun:
        """What would change if this event were the next in the log: a retraction, an alias. Stores nothing.

        Raises TooMuch.
        """
        ...

    async def profiles(self, *, limit: int, cursor: str | None = None) -> ProfilePage:
        """A page of everybody, by profile id. Raises StillFolding."""
        ...

    async def facts(self, *, after: str | None, limit: int, types: Collection[str] = (), wait_s: float = 0) -> FactPage:
        """What was published after a cursor, in the order it was found; waits for something up to `wait_s`."""
        ...

    def end_waits(self) -> None:
        """Let nobody wait for facts any longer: this process is about to end."""
        ...

    def export(self, what: str) -> AsyncGenerator[bytes, None]:
        """`profiles`, `events` or `sessions` as canonical NDJSON, in chunks that end with a line's end.

        Sorted: profiles by id, events by (anonymous_id, timestamp, message_id), sessions by (anonymous_id, started_at).
        The same state gives the same bytes. Raises StillFolding, at the first chunk.
        """
        ...

    async def books(self) -> Books:
        """What came in and what became of it, at one moment."""
        ...

    async def size(self, what: str) -> int:
        """About how many rows an export of `profiles`, `events` or `sessions` will have, for a progress bar.

        And exactly, how many visitors are `waiting` to be folded again.
        """
        ...

    async def close(self) -> None: ...
