"""The books: what came in, and what became of it. Every event is in exactly one column."""

from collections.abc import Iterable

import msgspec

from collector.erasure import Against
from collector.event import ERASURE, RETRACTION, Trust, from_record_lazily
from collector.log import CorruptRecord, EventLog, Stored
from sessionizer.commands.progress import Show
from sessionizer.store import Snapshot

PAGE = 2000


class Books(msgspec.Struct, kw_only=True):
    """received = stored + duplicate + rejected + withheld + suppressed + pending."""

    received: int = 0
    stored: int = 0
    """First copies in the log, folded in; retractions and events set aside are among them."""
    duplicate: int = 0
    rejected: int = 0
    """Refused events that are kept (capped in size and age)."""
    withheld: int = 0
    """Bots' events that a source excludes, since the running server started; nothing else remembers them."""
    suppressed: int = 0
    """Late and repeated events of erased people. The edge's are counted since the running server started."""
    pending: int = 0
    """In the log, not yet folded in."""
    retraction: int = 0
    """Among the stored: retractions."""
    erasure: int = 0
    """Among the stored: erasures."""
    quarantined: int = 0
    """Among the stored: events the mind could not fold, set aside with their reason."""
    damaged: list[int] = []
    """Log positions whose record does not match its checksum."""
    problems: list[str] = []
    """What does not add up, each with what to do."""
    ok: bool = True


class Audit:
    """Goes through the whole log beside a snapshot of the store, and counts both. About 100 bytes an event."""

    def __init__(self, snapshot: Snapshot, against: Against) -> None:
        self._snapshot = snapshot
        self._against = against
        self._seen: set[int] = set()
        self.folded = self.pending = 0
        self.events = 0
        """Readable events the store has folded in, duplicates too."""
        self.retractions = self.erasures = 0
        self.suppressed = 0
        """Events of erased people that are still in the log."""
        self.damaged: list[int] = []
        self._set_aside: frozenset[int] = frozenset()
        self._suppressed: frozenset[int] = frozenset()

    async def run(self, log: EventLog, show: Show) -> None:
        """Count everything. Reads every record, so that every checksum is checked."""
        self._set_aside = frozenset([position for position, _ in await self._snapshot.quarantined()])
        self._suppressed = frozenset(await self._snapshot.suppressed())
        end = await log.end()
        after = 0
        while after < end:
            try:
                page = await log.read(0, after, PAGE)
            except CorruptRecord:
                page = await self._one_by_one(log, after)
            if not page:
                break
            self._count(each for each in page if each.body)
            after = page[-1].position
            show(after, end)

    async def _one_by_one(self, log: EventLog, after: int) -> list[Stored]:
        """A page that holds damaged records; those come back without a body."""
        page: list[Stored] = []
        while len(page) < PAGE:
            try:
                found = await log.read(0, after, 1)
            except CorruptRecord as error:
                self.damaged.append(error.position)
                found = [Stored(error.position, b"")]
            if not found:
                break
            page += found
            after = found[-1].position
        return page

    def _count(self, records: Iterable[Stored]) -> None:
        for record in records:
            if record.position > self._snapshot.position:
                self.pending += 1
                continue
            self.folded += 1
            if record.position in self._set_aside:
                continue
            event = from_record_lazily(record.body)
            if event.type == RETRACTION:
                self.retractions += 1
                continue
            if event.type == ERASURE:
                self.erasures += 1
                continue
            if record.position in self._suppressed:
                self.suppressed += 1
                continue
            if self._against and self._against.takes(event, record.position):
                self.folded -= 1  # taken out already, and about to leave the log
                continue
            self.events += 1
            server = event.trust is Trust.SERVER
            self._seen.add(hash((event.source, server, event.anonymous_id, event.message_id)))

    @property
    def distinct(self) -> int:
        """How many different events those are (docs/identity.md, rule 1)."""
        return len(self._seen)


async def close_books(audit: Audit, snapshot: Snapshot, *, rejected: int, withheld: int, kept_away: int) -> Books:
    """The books, with what does not add up. `kept_away`: events of erased people that the edge did not even store."""
    counts = await snapshot.counts()
    stored, duplicate = counts.get("stored", 0), counts.get("duplicate", 0)
    retraction, quarantined = counts.get("retraction", 0), counts.get("quarantined", 0)
    erasure, suppressed = counts.get("erasure", 0), counts.get("suppressed", 0)
    left = suppressed - audit.suppressed  # suppressed, and gone from the log since
    books = Books(
        received=audit.folded + audit.pending + len(audit.damaged) + rejected + withheld + kept_away + left,
        stored=stored + retraction + erasure + quarantined,
        suppressed=suppressed + kept_away,
        duplicate=duplicate,
        rejected=rejected,
        withheld=withheld,
        pending=audit.pending,
        retraction=retraction,
        erasure=erasure,
        quarantined=quarantined,
        damaged=audit.damaged,
        problems=[],
    )
    books.problems = list(_problems(books, audit, stored))
    books.ok = not books.problems
    return books


def _problems(books: Books, audit: Audit, stored: int) -> Iterable[str]:
    if audit.damaged:
        yield f"{len(audit.damaged)} damaged records in the log: restore log.db from a backup; they are never served"
    total = books.stored + books.duplicate + books.rejected + books.withheld + books.suppressed + books.pending
    if total != books.received:
        yield f"received {books.received} events, but {total} are accounted for: run `ariane replay`, then verify again"
    if audit.damaged:
        return
    if stored != audit.distinct:
        yield f"the log has {audit.distinct} different events, the store {stored}: run `ariane replay`"
    if books.duplicate != audit.events - audit.distinct:
        found = audit.events - audit.distinct
        yield f"the log has {found} duplicates, the store counts {books.duplicate}: run `ariane replay`"
    if books.retraction != audit.retractions:
        yield f"the log has {audit.retractions} retractions, the store {books.retraction}: run `ariane replay`"
