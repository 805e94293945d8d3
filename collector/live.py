"""What happens right now, for whoever watches: every accepted, rejected and withheld event of this process.

Watching never slows collecting: a reader that falls behind misses outcomes, and is told how many.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event."""

    outcome: str
    """`accepted`, `rejected` or `withheld`; `missed` (with `count`) where the reader was too slow."""
    source: str | None = None
    reason: str | None = None
    detail: str = ""
    position: int | None = None
    """The log position that covers it."""
    event: Any = None
    """The canonical event; of a rejected one, what was sent."""
    count: int = 0


class Live:
    """A broadcaster with one bounded queue a reader."""

    def __init__(self, max_backlog: int, on_missed: Callable[[], None] = lambda: None) -> None:
        self._max_backlog = max_backlog
        self._on_missed = on_missed
        self._feeds: set[Feed] = set()
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether anybody watches; ask before making Outcomes."""
        return bool(self._feeds)

    def publish(self, outcome: Outcome) -> None:
        """Hand an outcome to every reader that has room for it."""
        for feed in self._feeds:
            if not feed.offer(outcome):
                self._on_missed()

    @contextmanager
    def subscribe(self) -> Iterator["Feed"]:
        """A feed of what is published from now on, until the block is left."""
        feed = Feed(self._max_backlog)
        if self._closed:
            feed.end()
        self._feeds.add(feed)
        try:
            yield feed
        finally:
            self._feeds.discard(feed)

    def close(self) -> None:
        """End every feed. Idempotent."""
        self._closed = True
        for feed in self._feeds:
            feed.end()


class Feed:
    """One reader's outcomes, in order."""

    def __init__(self, max_backlog: int) -> None:
        self._queue: asyncio.Queue[Outcome | None] = asyncio.Queue(max_backlog)
        self._missed = 0
        self._ended = asyncio.Event()

    def offer(self, outcome: Outcome) -> bool:
        """Queue it; False when the reader is too far behind."""
        if self._queue.full():
            self._missed += 1
            return False
        self._queue.put_nowait(outcome)
        return True

    def end(self) -> None:
        self._ended.set()
        if not self._queue.full():
            self._queue.put_nowait(None)  # wakes a reader that waits

    async def outcomes(self, idle_s: float) -> AsyncIterator[Outcome | None]:
        """Outcomes as they come; None after every `idle_s` seconds without one, so that a reader can show it lives."""
        while not self._ended.is_set():
            try:
                outcome = await asyncio.wait_for(self._queue.get(), idle_s)
            except TimeoutError:
                yield None
                continue
            if outcome is not None:
                yield outcome
            if self._missed:
                missed, self._missed = self._missed, 0
                yield Outcome(outcome="missed", count=missed)
