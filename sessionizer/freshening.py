"""The store as it will be once the visitors that wait have been folded again: what readers see meanwhile.

A proof or a retraction may change a hundred thousand visitors at once. The worker folds them again a few at a time; who
asks for one of them before its turn gets it folded here, in memory, and finds what the worker will.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from collector.log import EventLog
from sessionizer import crowds
from sessionizer.erasures import Erasures
from sessionizer.facts import FactRow
from sessionizer.reading import StillFolding
from sessionizer.refolding import refold_again
from sessionizer.state import (
    LastSession,
    Refs,
    Root,
    Run,
    Session,
    Slice,
    Visitor,
    VisitorChange,
    decode_last_session,
    encode,
)
from sessionizer.store import Crowd, ProfileStore, Snapshot

REMEMBERED = 2000
"""Visitors a reader keeps folded in memory."""


@asynccontextmanager
async def fresh_snapshot(store: ProfileStore, log: EventLog, erasures: Erasures) -> AsyncIterator[Snapshot]:
    """A snapshot in which nobody waits. Not meant for reading everybody (`people.settled` is)."""
    async with store.snapshot() as snapshot:
        if await snapshot.next_waiting(1):
            await erasures.up_to(snapshot.position)
            yield FreshSnapshot(snapshot, log, erasures)
        else:
            yield snapshot


class FreshSnapshot:
    """A `Snapshot` with the visitors that wait folded again where they are read."""

    def __init__(self, snapshot: Snapshot, log: EventLog, erasures: Erasures) -> None:
        self.position = snapshot.position
        self._under = snapshot
        self._log = log
        self._erasures = erasures
        self._folded: dict[str, VisitorChange] = {}

    async def _fold(self, keys: Collection[str]) -> tuple[dict[str, VisitorChange], list[str]]:
        """Those of the visitors that wait, folded again; and the others."""
        waiting = await self._under.waiting(keys)
        missing = waiting - self._folded.keys()
        if missing:
            changes = await refold_again(self._log, self._under, self._erasures, missing)
            kept = self._folded if len(self._folded) + len(missing) <= REMEMBERED else {}
            self._folded = kept | {change.key: change for change in changes}
        folded = {key: self._folded[key] for key in keys if key in waiting}
        return folded, [key for key in keys if key not in waiting]

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        folded, others = await self._fold(keys)
        return await self._under.visitors(others) | {key: change.record for key, change in folded.items()}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        folded, others = await self._fold(keys)
        return await self._under.chunks(others) | {
            key: [change.chunks[number] for number in sorted(change.chunks)] for key, change in folded.items()
        }

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        folded, others = await self._fold(keys)
        return await self._under.slices(others) | _slices_of(folded)

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        folded, others = await self._fold(keys)
        return await self._under.sessions(others) | _sessions_of(folded)

    async def runs(self, keys: Collection[str]) -> dict[str, list[Run]]:
        folded, others = await self._fold(keys)
        return await self._under.runs(others) | {
            key: sorted(change.runs.values(), key=lambda run: run.slice.first) for key, change in folded.items()
        }

    async def last_sessions(self, keys: Collection[str]) -> dict[str, LastSession]:
        folded, others = await self._fold(keys)
        return await self._under.last_sessions(others) | {
            key: decode_last_session(encode(change.record)) for key, change in folded.items()
        }

    async def slices_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Slice]]:
        folded, others = await self._fold(times)
        return await self._under.slices_near({key: times[key] for key in others}) | _slices_of(folded)

    async def sessions_near(self, times: Mapping[str, Collection[int]]) -> dict[str, list[Session]]:
        folded, others = await self._fold(times)
        return await self._under.sessions_near({key: times[key] for key in others}) | _sessions_of(folded)

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        naming = await self._under.naming(contacts)
        waiting = await self._under.waiting({key for keys in naming.values() for key in keys})
        moved = {name for name, keys in naming.items() if not waiting.isdisjoint(keys)}
        found = await self._under.crowds([name for name in contacts if name not in moved], users, devices)
        return found | {name: await crowds.count(self, name, users, devices) for name in moved}

    async def waiting(self, keys: Collection[str]) -> set[str]:  # noqa: ARG002 - nobody does, here
        return set()

    async def next_waiting(self, limit: int) -> list[str]:  # noqa: ARG002
        return []

    # ---- what does not depend on who waits

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        return await self._under.naming(identifiers)

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]:
        return await self._under.provers(identifiers)

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        return await self._under.protected(identifiers)

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        return await self._under.retracted(message_ids)

    async def retracted_after(self, received_at: str) -> set[str]:
        return await self._under.retracted_after(received_at)

    async def retractions(self, message_ids: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        return await self._under.retractions(message_ids)

    async def known_retractions(self, retractions: Collection[str]) -> set[str]:
        return await self._under.known_retractions(retractions)

    async def positions_of(self, hashes: Collection[bytes]) -> list[int]:
        return await self._under.positions_of(hashes)

    async def root(self, profile_id: str) -> Root | None:
        """Raises StillFolding for an id that nobody knows: it may be one that a visitor gets in its turn."""
        root = await self._under.root(profile_id)
        if root is None:
            raise StillFolding
        return root

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        return await self._under.roots(after, limit)

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        return await self._under.known_ids(profile_ids)

    async def keys(self, after: str, limit: int) -> list[str]:
        return await self._under.keys(after, limit)

    async def examine(self) -> list[str]:
        return await self._under.examine()

    async def counts(self) -> Mapping[str, int]:
        return await self._under.counts()

    async def sizes(self) -> Mapping[str, int]:
        return await self._under.sizes()

    async def facts(self, after: int, limit: int) -> list[FactRow]:
        return await self._under.facts(after, limit)

    async def pending(self, keys: Collection[str]) -> dict[str, int]:
        return await self._under.pending(keys)

    async def due(self, now_ms: int, limit: int) -> list[str]:
        return await self._under.due(now_ms, limit)

    async def shared_devices(self) -> list[str]:
        return await self._under.shared_devices()

    async def crowded(self, users: int, devices: int) -> dict[str, Crowd]:
        return await self._under.crowded(users, devices)

    async def suppressed(self) -> list[int]:
        return await self._under.suppressed()

    async def quarantined(self) -> list[tuple[int, str]]:
        return await self._under.quarantined()


def _slices_of(folded: Mapping[str, VisitorChange]) -> dict[str, list[Slice]]:
    return {key: sorted(each.slices.values(), key=lambda part: part.first) for key, each in folded.items()}


def _sessions_of(folded: Mapping[str, VisitorChange]) -> dict[str, list[Session]]:
    return {key: sorted(each.sessions.values(), key=lambda run: run.first) for key, each in folded.items()}
