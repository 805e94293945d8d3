"""The books: what came in, and what became of it. Every event is in exactly one column.

The log says what was received, rejected, withheld and kept away, entered as it happened; the store says what it made of
the records it has folded in, in the transaction that folded them. Neither is worked out from the other, so that they
disagree when something is lost. The store is read first: the log only grows, so what it says a moment later covers it.
"""

from collections.abc import Iterator, Mapping

import msgspec

from collector.log import EventLog, Standing
from sessionizer.store import Snapshot


class Books(msgspec.Struct, kw_only=True):
    """received = stored + duplicate + rejected + withheld + suppressed + pending, since the folder was made."""

    received: int
    """Events in requests that were taken, retractions, erasures. An event driven in again counts once."""
    stored: int
    """First copies, folded in; retraction, erasure, quarantined and erased are among them."""
    duplicate: int
    rejected: int
    """Refused, and not driven in again since, whether or not they are still kept."""
    withheld: int
    """Bots' events that a source excludes."""
    suppressed: int
    """Late and repeated events of people who had been erased."""
    pending: int
    """In the log, not yet folded in."""
    retraction: int
    erasure: int
    quarantined: int
    """Events the mind could not fold, set aside with their reason; a replay tries again."""
    erased: int
    """Records that were erased since, whatever they were."""

    @property
    def accounted(self) -> int:
        """What the columns come to; `received`, unless something is lost."""
        return self.stored + self.duplicate + self.rejected + self.withheld + self.suppressed + self.pending

    @property
    def events(self) -> int:
        """How many different events are known now."""
        return self.stored - self.retraction - self.erasure - self.quarantined - self.erased

    def columns(self) -> dict[str, int]:
        """The terms of the equation, the sum first."""
        names = ("received", "stored", "duplicate", "rejected", "withheld", "suppressed", "pending")
        return {name: getattr(self, name) for name in names}

    def problems(self) -> Iterator[str]:
        """What does not add up, with what to do."""
        if self.pending < 0:
            yield (
                f"the log ends {-self.pending} records before what the store has folded in: the end of log.db is lost, "
                "or it was restored from an older copy. Restore both from one backup (`ariane restore`), "
                "or go on from this log with `ariane replay`"
            )
        elif difference := self.received - self.accounted:
            what = "are accounted for nowhere" if difference > 0 else "are accounted for and were never received"
            yield (
                f"{abs(difference)} events {what}: run `ariane replay` and verify again; if they stay, "
                "records were lost from log.db: restore it from a backup"
            )


async def read_books(snapshot: Snapshot, log: EventLog) -> Books:
    """The books at one moment. Costs the same whatever the size of log and store."""
    counts = await snapshot.counts()
    return closed(counts, await log.standing(snapshot.position))


def closed(counts: Mapping[str, int], standing: Standing) -> Books:
    """The books from the store's counts and the log's side of them, which was read after."""
    among = {name: counts.get(name, 0) for name in ("retraction", "erasure", "quarantined")}
    among["erased"] = counts.get("forgotten", 0)
    return Books(
        received=standing.received,
        stored=counts.get("stored", 0) + sum(among.values()),
        duplicate=counts.get("duplicate", 0),
        rejected=standing.rejected,
        withheld=standing.withheld,
        suppressed=standing.suppressed + counts.get("suppressed", 0),
        pending=standing.pending,
        **among,
    )
