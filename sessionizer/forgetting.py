"""Which facts speak of somebody who is erased (docs/identity.md, rule 19). Pure.

A fact that an erased event had a part in goes, whoever else it is about; all others stay, with their numbers.
"""

from bisect import bisect_left
from collections.abc import Iterable

from sessionizer.evidence import Happening
from sessionizer.facts import Fact, SessionAmended, SessionEnded, SessionSeen, SessionStarted


class Gone:
    """What erased events may have put into facts."""

    def __init__(self, events: Iterable[Happening]) -> None:
        self._times: dict[str, list[int]] = {}
        """device → the times of its erased events (ms), in order."""
        for each in events:
            if each.device is not None:
                self._times.setdefault(each.device, []).append(each.t)
        for times in self._times.values():
            times.sort()

    def is_in(self, fact: Fact) -> bool:
        """Whether the fact speaks of any of it."""
        match fact:
            case SessionStarted(device=device, first=first):
                return self._within(device, first, first)
            case SessionEnded(device=device, session=session):
                return self._saw(device, [session])
            case SessionAmended(device=device, before=before, after=after):
                return self._saw(device, [*before, *after])

    def _saw(self, device: str, sessions: Iterable[SessionSeen]) -> bool:
        return any(self._within(device, each.first, each.last) for each in sessions)

    def _within(self, device: str, first: int, last: int) -> bool:
        times = self._times.get(device, [])
        at = bisect_left(times, first)
        return at < len(times) and times[at] <= last
