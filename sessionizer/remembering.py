"""A snapshot that remembers what it was asked: for looking at one state twice, as it is and with a commit over it."""

from collections.abc import Collection
from typing import TypeVar

from sessionizer.state import Refs, Root, Session, Slice, Visitor
from sessionizer.store import Crowd, Snapshot

Answer = TypeVar("Answer")


class Remembered:
    """What `Readable` and an overlay ask of a snapshot. Who reads it changes nothing of what it gives."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.position = snapshot.position
        self._under = snapshot
        self._visitors: dict[str, Visitor | None] = {}
        self._slices: dict[str, list[Slice] | None] = {}
        self._naming: dict[str, list[str] | None] = {}
        self._chunks: dict[str, list[Refs] | None] = {}
        self._crowds: dict[str, Crowd] = {}

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        if missing := [key for key in keys if key not in self._visitors]:
            self._visitors |= dict.fromkeys(missing) | await self._under.visitors(missing)
        return _known(self._visitors, keys)

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        if missing := [key for key in keys if key not in self._slices]:
            self._slices |= dict.fromkeys(missing) | await self._under.slices(missing)
        return _known(self._slices, keys)

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        if missing := [name for name in identifiers if name not in self._naming]:
            self._naming |= await self._under.naming(missing)
        return _known(self._naming, identifiers)

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        if missing := [name for name in contacts if name not in self._crowds]:
            self._crowds |= await self._under.crowds(missing, users, devices)
        return {name: self._crowds[name] for name in contacts}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        if missing := [key for key in keys if key not in self._chunks]:
            self._chunks |= dict.fromkeys(missing) | await self._under.chunks(missing)
        return _known(self._chunks, keys)

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        return await self._under.sessions(keys)

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        return await self._under.protected(identifiers)

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]:
        return await self._under.provers(identifiers)

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        return await self._under.retracted(message_ids)

    async def root(self, profile_id: str) -> Root | None:
        return await self._under.root(profile_id)

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        return await self._under.roots(after, limit)

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        return await self._under.known_ids(profile_ids)

    async def keys(self, after: str, limit: int) -> list[str]:
        return await self._under.keys(after, limit)


def _known(remembered: dict[str, Answer | None], names: Collection[str]) -> dict[str, Answer]:
    return {name: found for name in names if (found := remembered[name]) is not None}
