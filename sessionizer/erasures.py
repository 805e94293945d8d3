"""The erasures in the log, as the mind and its readers need them: which events they take, what they still protect."""

from collections.abc import Iterable

import msgspec

from collector.erasure import Against, Erased, Hasher, read_erased, split
from collector.log import CorruptRecord, EventLog
from sessionizer.evidence import Happening, named

UNKEYED = Hasher(b"")
"""For logs without a folder, and so without a key."""


class Erasures:
    """All erasures in a log; grows as the log does."""

    def __init__(self, log: EventLog, hasher: Hasher = UNKEYED) -> None:
        self.hasher = hasher
        self.against = Against(hasher)
        """Of the erasures folded in."""
        self._log = log
        self._seen = 0
        self._ahead: list[Erased] = []
        """Those still to be folded in."""
        self._crowded: set[bytes] = set()
        self._proofs: dict[bytes, tuple[int, int]] = {}
        """Of all, folded in or not: what they say of older events holds from the first event of a replay on."""

    async def up_to(self, position: int) -> None:
        """Know all, with those up to this position folded in. Raises WrongKey, LogUnavailable, CorruptRecord."""
        for record in await self._log.marked(self._seen):
            try:
                erased = read_erased(record)
            except msgspec.MsgspecError as error:
                raise CorruptRecord(record.position) from error
            self._ahead.append(erased)
            self._seen = record.position
            self._crowded.update(split(erased.order.crowded))
            for each in split(erased.order.proofs):
                at, before = self._proofs.get(each, (0, 0))
                self._proofs[each] = (max(at, erased.at), max(before, erased.position))
        while self._ahead and self._ahead[0].position <= position:
            self.against.add(self._ahead.pop(0))

    def guard(self, happenings: Iterable[Happening]) -> None:
        """Note on these events what erased proofs keep from them: on those from before the erasure (rule 19)."""
        if not self._proofs:
            return
        for each in happenings:
            guarded = frozenset(name for name in named(each.event) if self._protects(name, each))
            if guarded:
                each.guarded = guarded

    def keeps_shared(self, name: str) -> bool:
        """Whether a contact stays shared because somebody who was erased carried it too (rule 19)."""
        return bool(self._crowded) and self.hasher.name(name) in self._crowded

    def _protects(self, name: str, happening: Happening) -> bool:
        at, position = self._proofs.get(self.hasher.name(name), (0, 0))
        return happening.t < at or happening.position < position
