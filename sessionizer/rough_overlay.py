"""The state with a commit laid over it, where of contacts only that matters which of them are shared (rule 17).

Whether one is follows nearly always from how many carried it before, and how many the commit could add. Counting is
left for those on the brink.
"""

from collections import Counter
from collections.abc import Collection

from sessionizer.overlay import OverlaySnapshot, Underlying
from sessionizer.store import Commit, Crowd


class RoughOverlay(OverlaySnapshot):
    """An overlay whose crowds are on the right side of the thresholds they are asked with, and else as before."""

    def __init__(self, snapshot: Underlying, commit: Commit) -> None:
        super().__init__(snapshot, commit)
        self._below = snapshot
        self._more: Counter[str] = Counter()
        """Contact → slices that carry it now, of those the commit changes."""
        self._fewer: set[str] = set()
        """Contacts that fewer users, or fewer devices without one, may carry than before."""
        self._any_fewer = False
        """Nobody knows of which contacts, where slices gave way to others: it may be of any."""
        for change in commit.changes:
            if change.refolded:
                self._fewer.update(change.index)
            self._any_fewer |= bool(change.dropped_slices)
            for carried in change.carrying.values():
                self._more.update(carried.contacts)
                if carried.user is not None and change.before is not None:
                    self._fewer |= carried.contacts

    async def crowds(self, contacts: Collection[str], users: int, devices: int) -> dict[str, Crowd]:
        found = await self._below.crowds(contacts, users, devices)
        unsure = [name for name in contacts if not self._is_sure(name, found[name], users, devices)]
        return found | (await super().crowds(unsure, users, devices) if unsure else {})

    def _is_sure(self, name: str, crowd: Crowd, users: int, devices: int) -> bool:
        more = self._more[name]
        if crowd.users + more < users and crowd.devices + more < devices:
            return True
        return not self._any_fewer and name not in self._fewer and (crowd.users >= users or crowd.devices >= devices)
