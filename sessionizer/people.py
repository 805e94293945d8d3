"""Answers what readers ask of the people we know: finds who somebody is today, then shows them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from collector.erasure import Hasher
from collector.event import Event
from collector.log import EventLog
from sessionizer import dry_run, explaining, exporting, following, profiles, sessions, timelines
from sessionizer.as_of import AsOfSnapshot
from sessionizer.books import Books, read_books
from sessionizer.cursors import read_cursor, write_cursor
from sessionizer.erasures import UNKEYED, Erasures
from sessionizer.finding import find
from sessionizer.freshening import fresh_snapshot
from sessionizer.loading import Loader
from sessionizer.reading import StillFolding, Who
from sessionizer.state import place
from sessionizer.store import ProfileStore, Snapshot
from sessionizer.views import DryRun, FactPage, Identity, Profile, ProfilePage, SessionPage, Timeline

LOOK_AGAIN_S = 0.25
"""How long `wait_for` trusts the store's bell before it looks by itself."""
SETTLE_S = 5.0
"""How long who reads everybody waits for those who are being folded again."""


class FoldedPeople:
    """`reading.People` over a store and the log it was folded from."""

    def __init__(self, store: ProfileStore, log: EventLog, hasher: Hasher = UNKEYED) -> None:
        self._store = store
        self._log = log
        self._ending = False
        self.erasures = Erasures(log, hasher)

    @asynccontextmanager
    async def loader(self, as_of_ms: int | None = None) -> AsyncIterator[Loader]:
        """What the store says, now or as of a moment, for decisions that are none of the readers' questions."""
        async with fresh_snapshot(self._store, self._log, self.erasures) as snapshot:
            if as_of_ms is None:
                yield Loader(snapshot, self._log, self.erasures)
            else:
                then = AsOfSnapshot(snapshot, self._log, as_of_ms, self.erasures)
                yield Loader(then, self._log, self.erasures)

    @asynccontextmanager
    async def _settled_snapshot(self) -> AsyncIterator[Snapshot]:
        """A snapshot to read everybody from. Raises StillFolding."""
        await self.settled(SETTLE_S)
        async with self._store.snapshot() as snapshot:
            if await snapshot.next_waiting(1):
                raise StillFolding
            yield snapshot

    async def position(self) -> int:
        return await self._store.position()

    async def wait_for(self, position: int, timeout_s: float) -> bool:
        async def is_there() -> bool:
            return await self._store.position() >= position

        return await self._wait_until(is_there, timeout_s)

    async def settled(self, timeout_s: float) -> bool:
        """Wait until no visitor waits to be folded again; False when the time ran out first."""

        async def nobody_waits() -> bool:
            async with self._store.snapshot() as snapshot:
                return not await snapshot.next_waiting(1)

        return await self._wait_until(nobody_waits, timeout_s)

    async def _wait_until(self, holds: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s
        while True:
            heard = self._store.heard()
            if await holds():
                return True
            left_s = deadline_s - clock()
            if left_s <= 0:
                return False
            await self._store.wait(min(left_s, LOOK_AGAIN_S), heard)

    async def profile(self, who: Who, *, as_of_ms: int | None = None) -> Profile | None:
        async with self.loader(as_of_ms) as loader:
            person = await find(loader, who)
            return profiles.show(person) if person is not None else None

    async def timeline(
        self,
        who: Who,
        *,
        limit: int,
        cursor: str | None = None,
        types: Sequence[str] = (),
        newest_first: bool = True,
        as_of_ms: int | None = None,
    ) -> Timeline | None:
        after = read_cursor(cursor, timelines.Cursor)
        async with self.loader(as_of_ms) as loader:
            person = await find(loader, who)
            if person is None:
                return None
            page = await timelines.page(loader, person, limit, after, frozenset(types), newest_first)
            return Timeline(events=page.events, next=write_cursor(page.next))

    async def sessions(
        self,
        who: Who,
        *,
        limit: int,
        cursor: str | None = None,
        newest_first: bool = True,
        as_of_ms: int | None = None,
    ) -> SessionPage | None:
        after = read_cursor(cursor, timelines.Cursor)
        async with self.loader(as_of_ms) as loader:
            person = await find(loader, who)
            if person is None:
                return None
            devices = {part.visitor for part in person.parts if part.device is not None}
            await loader.sessions(devices)
            found = [
                (place(session.first, part.device), session, part.device)
                for part in person.parts
                if part.device is not None
                for session in loader.sessions_of(part)
            ]
            found.sort(key=lambda each: each[0], reverse=newest_first)
            if after is not None:
                found = [each for each in found if (each[0] < after if newest_first else each[0] > after)]
            shown = found[:limit]
            return SessionPage(
                sessions=[sessions.show(session, device) for _, session, device in shown],
                next=write_cursor(shown[-1][0] if len(found) > limit else None),
            )

    async def identity(self, who: Who) -> Identity | None:
        async with self.loader() as loader:
            person = await find(loader, who)
            return await explaining.explain(loader, person) if person is not None else None

    async def dry_run(self, event: Event) -> DryRun:
        async with fresh_snapshot(self._store, self._log, self.erasures) as snapshot:
            return await dry_run.try_out(event, snapshot, self._log, self.erasures)

    async def profiles(self, *, limit: int, cursor: str | None = None) -> ProfilePage:
        after = read_cursor(cursor, str) or ""
        async with self._settled_snapshot() as snapshot:
            found: list[Profile] = []
            async for profile in exporting.profiles(snapshot, self._log, after, self.erasures):
                found.append(profile)
                if len(found) > limit:
                    break
        shown = found[:limit]
        return ProfilePage(profiles=shown, next=write_cursor(shown[-1].profile_id if len(found) > limit else None))

    async def facts(self, *, after: str | None, limit: int, types: Collection[str] = (), wait_s: float = 0) -> FactPage:
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + wait_s
        while True:
            heard = self._store.heard()
            async with self._store.snapshot() as snapshot:
                page = await following.page(snapshot, after, limit, types)
            left_s = deadline_s - clock()
            if page.facts or left_s <= 0 or self._ending:
                return page
            if page.next == after:
                await self._store.wait(min(left_s, LOOK_AGAIN_S), heard)
            after = page.next

    def end_waits(self) -> None:
        self._ending = True

    async def export(self, what: str) -> AsyncGenerator[bytes, None]:
        async with self._settled_snapshot() as snapshot:
            async for chunk in exporting.lines(what, snapshot, self._log, self.erasures):
                yield chunk

    async def books(self) -> Books:
        async with self._store.snapshot() as snapshot:
            return await read_books(snapshot, self._log)

    async def traceless(self) -> int:
        """The log position of the last erasure of which no trace is left in the store's files; 0 for none."""
        async with self._store.snapshot() as snapshot:
            return (await snapshot.counts()).get("traceless", 0)

    async def suppressed(self) -> list[int]:
        """Log positions of events of erased people that reached the log all the same."""
        async with self._store.snapshot() as snapshot:
            return await snapshot.suppressed()

    async def size(self, what: str) -> int:
        async with self._store.snapshot() as snapshot:
            return (await snapshot.sizes())[what]

    async def close(self) -> None:
        await self._store.close()
