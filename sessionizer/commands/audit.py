"""Goes through the whole log beside the store, and says where the two disagree."""

from collections.abc import Iterable, Iterator, Sequence

from collector.erasure import Against, Erased, Hasher, is_erasure_record
from collector.event import ERASURE, RETRACTION, Trust, from_record_lazily
from collector.log import CorruptRecord, EventLog, Stored
from sessionizer.books import Books
from sessionizer.commands.progress import Show
from sessionizer.loading import Loader
from sessionizer.owners import profile_id
from sessionizer.store import Snapshot, StoreUnavailable

PAGE = 2000
VISITORS = 500


class Audit:
    """Goes through the whole log beside a snapshot of the store, and counts both. About 100 bytes an event."""

    def __init__(self, snapshot: Snapshot, hasher: Hasher, erasures: Sequence[Erased]) -> None:
        self._snapshot = snapshot
        folded_in = [each for each in erasures if each.position <= snapshot.position]
        self._marked = len(erasures)
        self._against = Against(hasher, folded_in)
        self._doomed = {position for each in folded_in for position in each.order.positions}
        """Where records lie that were taken out of the store, and leave the log in a moment."""
        self._seen: set[int] = set()
        self.events = 0
        """Readable events the store has folded in, duplicates too."""
        self.retractions = self.erasures = self.all_erasures = 0
        self._retractions: set[str] = set()
        self.damaged: list[int] = []
        """Positions of records that are not what was written, or are gone."""
        self.kept = 0
        """Events of all visitors in the store."""
        self.structure: dict[str, list[str]] = {}
        """What is wrong with the files themselves."""
        self._set_aside: frozenset[int] = frozenset()
        self._suppressed: frozenset[int] = frozenset()

    async def run(self, log: EventLog, show: Show) -> None:
        """Count everything. Reads every record, so that every checksum is checked."""
        self.structure = {"log.db": await log.examine(), "store.db": await self._snapshot.examine()}
        self.structure["store.db"] += await self._look_at_visitors(log)
        self.structure["store.db"] += await self._look_at_profile_ids()
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

    async def _look_at_visitors(self, log: EventLog) -> list[str]:
        """Whether all that is kept of every visitor is there, and how many events that is."""
        self.kept = 0
        after = ""
        try:
            while keys := await self._snapshot.keys(after, VISITORS):
                loader = Loader(self._snapshot, log)
                await loader.visitors(keys)
                await loader.refs(keys)
                await loader.sessions(keys)
                if len(loader.records) < len(keys):
                    return [f"{len(keys) - len(loader.records)} visitors cannot be found"]
                self.kept += sum(each.events for each in loader.records.values())
                after = keys[-1]
        except StoreUnavailable as error:
            return [str(error)]
        return []

    async def _look_at_profile_ids(self) -> list[str]:
        """Whether every profile id is the one of its root."""
        broken = 0
        after = ""
        try:
            while page := await self._snapshot.roots(after, PAGE):
                broken += sum(profile_id(root) != id_ for id_, root in page)
                after = page[-1][0]
        except StoreUnavailable as error:
            return [str(error)]
        return [f"{broken} profile ids are not those of what they name"] if broken else []

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
        records = list(records)
        self.all_erasures += sum(is_erasure_record(each.body) for each in records)
        passed = self._set_aside | self._suppressed | self._doomed
        for record in records:
            if record.position > self._snapshot.position or record.position in passed:
                continue
            event = from_record_lazily(record.body)
            if event.type == ERASURE:
                self.erasures += 1
            elif event.type == RETRACTION:
                self.retractions += 1
                self._retractions.add(f"{event.source}:{event.message_id}")
            elif not (self._against and self._against.takes(event, record.position)):
                self.events += 1
                server = event.trust is Trust.SERVER
                self._seen.add(hash((event.source, server, event.anonymous_id, event.message_id)))

    @property
    def distinct(self) -> int:
        """How many different events those are (docs/identity.md, rule 1)."""
        return len(self._seen)

    def problems(self, books: Books) -> Iterator[str]:
        """Where log and store disagree, with what to do."""
        for file, found in self.structure.items():
            mend = "restore log.db from a backup" if file == "log.db" else "run `ariane replay`"
            yield from (f"{file} is damaged ({each}): {mend}" for each in found)
        if self.damaged:
            yield (
                f"{len(self.damaged)} records of the log are damaged or missing, and are never served: "
                "restore log.db from a backup"
            )
        if self.damaged or any(self.structure.values()):
            return
        if self.all_erasures != self._marked:
            yield f"the log has {self.all_erasures} erasures and marks {self._marked}: restore log.db from a backup"
        for what, here, there in (
            ("different events", self.distinct, books.events),
            ("different events", self.distinct, self.kept),
            ("duplicates", self.events - self.distinct + self.retractions - len(self._retractions), books.duplicate),
            ("retractions", len(self._retractions), books.retraction),
            ("erasures", self.erasures, books.erasure),
        ):
            if here != there:
                yield f"the log has {here} {what}, the store counts {there}: run `ariane replay`"
