"""Which facts speak of somebody who is erased (docs/identity.md, rule 19). Pure.

A fact that an erased event had a part in goes, whoever else it is about; all others stay, with their numbers.
"""

from bisect import bisect_left
from collections.abc import Iterable
from uuid import UUID

from sessionizer.evidence import Happening, message_hash
from sessionizer.facts import (
    HASH_BYTES,
    Fact,
    ProfilesMerged,
    ProfilesSplit,
    SessionAmended,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    TraitsChanged,
)


class Gone:
    """What erased events may have put into facts."""

    def __init__(self, events: Iterable[Happening], profile_ids: Iterable[str]) -> None:
        """`profile_ids`: those that only these events may have given."""
        self._times: dict[str | None, list[int]] = {}
        """device → the times of its erased events (ms), in order."""
        self._messages: set[str] = set()
        for each in events:
            self._times.setdefault(each.device, []).append(each.t)
            self._messages.add(each.message_id)
        for times in self._times.values():
            times.sort()
        self._said = {message_hash(each)[:HASH_BYTES] for each in self._messages}
        self._profiles = {UUID(each).bytes for each in profile_ids}

    def is_in(self, fact: Fact) -> bool:
        """Whether the fact speaks of any of it."""
        match fact:
            case SessionStarted(device=device, first=first):
                return self._within(device, first, first)
            case SessionEnded(device=device, session=session):
                return self._saw(device, [session])
            case SessionAmended(device=device, before=before, after=after):
                return self._saw(device, [*before, *after])
            case ProfilesMerged(source=source, into=into, message_id=message_id):
                return self._names(source, into, message_id)
            case ProfilesSplit(source=source, into=into, message_id=message_id, slices=slices):
                return self._names(source, into, message_id) or any(
                    self._within(each.device, each.first, each.last) for each in slices
                )
            case TraitsChanged(profile=profile, before=before_, after=after_):
                said = {each.by for each in (*before_.values(), *after_.values())}
                return profile in self._profiles or not self._said.isdisjoint(said)

    def _names(self, source: bytes, into: bytes, message_id: str) -> bool:
        return source in self._profiles or into in self._profiles or message_id in self._messages

    def _saw(self, device: str, sessions: Iterable[SessionSeen]) -> bool:
        return any(self._within(device, each.first, each.last) for each in sessions)

    def _within(self, device: str | None, first: int, last: int) -> bool:
        times = self._times.get(device, [])
        at = bisect_left(times, first)
        return at < len(times) and times[at] <= last
