"""The store as it would be after a commit that is not made: a snapshot with the commit laid over it."""

from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from sessionizer import crowds
from sessionizer.state import Refs, Root, Session, Slice, Visitor, VisitorChange
from sessionizer.store import Commit, Crowd, Readable

Row = TypeVar("Row", Slice, Session)


class Underlying(Readable, Protocol):
    """What a commit is laid over."""

    async def provers(self, identifiers: Collection[str]) -> dict[str, set[str]]: ...


class OverlaySnapshot:
    """A `Readable` that shows what the snapshot would be with a commit decided from it."""

    def __init__(self, snapshot: Underlying, commit: Commit) -> None:
        self.position = commit.position
        self._under = snapshot
        self._changes = {change.key: change for change in commit.changes}
        self._retracted = {message_id for message_id, *_ in commit.retracted}
        self._roots = commit.roots
        self._naming: dict[str, dict[str, bool]] = {}
        """identifier → visitor → proves, as the commit says."""
        self._moved = {name for change in commit.changes for each in change.carrying.values() for name in each.contacts}
        """Contacts that may be carried by others than before."""
        for change in commit.changes:
            self._moved.update(change.index)
            for name, does_prove in change.index.items():
                self._naming.setdefault(name, {})[change.key] = does_prove

    def _changed(self, keys: Collection[str]) -> dict[str, VisitorChange]:
        return {key: self._changes[key] for key in keys if key in self._changes}

    def _kept(self, keys: Collection[str]) -> list[str]:
        """The visitors of whose rows some are still there."""
        return [key for key in keys if key not in self._changes or not self._changes[key].refolded]

    async def visitors(self, keys: Collection[str]) -> dict[str, Visitor]:
        changed = self._changed(keys)
        found = await self._under.visitors([key for key in keys if key not in changed])
        return found | {key: change.record for key, change in changed.items()}

    async def chunks(self, keys: Collection[str]) -> dict[str, list[Refs]]:
        found = await self._under.chunks(self._kept(keys))
        for key, change in self._changed(keys).items():
            by_number = dict(enumerate(found.get(key, ()))) | change.chunks
            found[key] = [by_number[number] for number in sorted(by_number)]
        return found

    async def slices(self, keys: Collection[str]) -> dict[str, list[Slice]]:
        found = await self._under.slices(self._kept(keys))
        for key, change in self._changed(keys).items():
            found[key] = laid_over(found.get(key, ()), change.slices.values(), change.dropped_slices)
        return found

    async def sessions(self, keys: Collection[str]) -> dict[str, list[Session]]:
        found = await self._under.sessions(self._kept(keys))
        for key, change in self._changed(keys).items():
            found[key] = laid_over(found.get(key, ()), change.sessions.values(), change.dropped_sessions)
        return found

    async def naming(self, identifiers: Collection[str]) -> dict[str, list[str]]:
        found = await self._under.naming(identifiers)
        return {name: sorted({*self._kept(keys), *self._naming.get(name, ())}) for name, keys in found.items()}

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        moved = self._moved.intersection(contacts)
        found = await self._under.crowds([each for each in contacts if each not in moved], users, devices)
        return found | {each: await crowds.count(self, each, users, devices) for each in moved}

    async def protected(self, identifiers: Collection[str]) -> set[str]:
        provers = await self._under.provers(identifiers)
        return {
            name
            for name in identifiers
            if self._kept(provers.get(name, set())) or any(self._naming.get(name, {}).values())
        }

    async def retracted(self, message_ids: Collection[str]) -> set[str]:
        return await self._under.retracted(message_ids) | self._retracted.intersection(message_ids)

    async def root(self, profile_id: str) -> Root | None:
        return await self._under.root(profile_id) or self._roots.get(profile_id)

    async def roots(self, after: str, limit: int) -> list[tuple[str, Root]]:
        found = {each: root for each, root in self._roots.items() if each > after}
        return sorted((found | dict(await self._under.roots(after, limit))).items())[:limit]

    async def known_ids(self, profile_ids: Collection[str]) -> set[str]:
        return await self._under.known_ids(profile_ids) | self._roots.keys() & set(profile_ids)

    async def keys(self, after: str, limit: int) -> list[str]:
        found = set(await self._under.keys(after, limit)) | {key for key in self._changes if key > after}
        return sorted(found)[:limit]


def laid_over(rows: Iterable[Row], new: Iterable[Row], dropped: Iterable[int]) -> list[Row]:
    """Rows by number, the new ones in place of the old, in order."""
    by_number = {row.number: row for row in rows} | {row.number: row for row in new}
    for number in dropped:
        by_number.pop(number, None)
    return sorted(by_number.values(), key=lambda row: row.first)
