"""Loads of the store and the log what an ownership decision turns out to need, until it can be made."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import accumulate
from operator import attrgetter
from typing import TypeVar

from collector.log import EventLog, Stored
from sessionizer import guards
from sessionizer.erasures import Erasures
from sessionizer.evidence import Happening, alias_of, take_apart, words_of
from sessionizer.owners import MarksOf, Missing, Part, World
from sessionizer.state import Refs, Session, Visitor, identifier, place
from sessionizer.store import Damaged, Readable

USER, ALIAS = identifier("user_id", ""), alias_of("")
_first = attrgetter("slice.first")
Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class Loader:
    """A growing `World` over one snapshot."""

    def __init__(self, snapshot: Readable, log: EventLog, erasures: Erasures | None = None) -> None:
        self.snapshot = snapshot
        self.world = World()
        self.records: dict[str, Visitor] = {}
        self._log = log
        self._erasures = erasures
        self._refs: dict[str, list[Refs]] = {}
        self._starts: dict[str, dict[int, int]] = {}
        """visitor → slice number → how many events come before it."""
        self._sessions: dict[str, dict[int, list[Session]]] = {}
        """visitor → slice number → its sessions, in order."""

    async def decide(self, decision: Callable[..., Answer], *arguments: Hashable) -> Answer:
        """`decision(world, *arguments)`, asked again after each load until nothing is missing."""
        while True:
            try:
                return decision(self.world, *arguments)
            except Missing as missing:
                await self._load(missing)

    async def decide_all(
        self, decision: Callable[[World, Question], Answer], questions: Iterable[Question]
    ) -> dict[Question, Answer]:
        """The same for many questions, loading for all of them at once."""
        answers: dict[Question, Answer] = {}
        left = list(dict.fromkeys(questions))
        while left:
            undecided: list[Question] = []
            missing = Missing()
            for each in left:
                try:
                    answers[each] = decision(self.world, each)
                except Missing as more:
                    undecided.append(each)
                    missing = Missing(missing.identifiers | more.identifiers, missing.marks | more.marks)
            if undecided:
                await self._load(missing)
            left = undecided
        return answers

    async def named(self, identifiers: Iterable[str]) -> None:
        """Load who names these, ahead of the decisions that will ask."""
        wanted = {name for name in identifiers if name not in self.world.naming}
        if wanted:
            shared = await self.shared(wanted)
            self.world.naming |= await self.snapshot.naming(wanted - shared)
            self.world.naming |= {name: [] for name in shared}
            await self.visitors({key for name in wanted for key in self.world.naming[name]})

    async def _load(self, missing: Missing) -> None:
        await self.named(missing.identifiers)
        for question in missing.marks:
            self.world.marks[question] = await self._marks(question)
        self.world.more_is_loaded()

    async def shared(self, identifiers: Collection[str]) -> set[str]:
        """Those of the identifiers that are shared contacts (rule 17). Their visitors are never loaded."""
        asked = {name for name in identifiers if not name.startswith((USER, ALIAS))} - self.world.shared.keys()
        if asked:
            kept = self._erasures
            if kept is not None:
                await kept.up_to(self.snapshot.position)
            users, devices = guards.MOST_USERS_OF_CONTACT + 1, guards.MOST_DEVICES_OF_CONTACT + 1
            crowds = await self.snapshot.crowds(asked, users, devices)
            self.world.shared |= {
                name: crowd
                for name, crowd in crowds.items()
                if guards.is_shared(crowd) or (kept is not None and kept.keeps_shared(name))
            }
        return self.world.shared.keys() & set(identifiers)

    async def visitors(self, keys: Collection[str]) -> None:
        """Load visitors with their slices; unknown ones have none."""
        wanted = [key for key in keys if key not in self.world.parts]
        if not wanted:
            return
        records = await self.snapshot.visitors(wanted)
        older = [key for key, record in records.items() if record.slice is not None and record.slices > 1]
        closed = await self.snapshot.slices(older) if older else {}
        self.records |= records
        for key in wanted:
            record = records.get(key)
            slices = [*closed.get(key, ()), record.slice] if record is not None and record.slice is not None else []
            if record is not None and sum(each.events for each in slices) != record.events:
                raise Damaged
            device = record.device if record is not None else None
            self.world.parts[key] = [Part(key, device, each) for each in slices]

    async def refs(self, keys: Collection[str]) -> None:
        """Load where the events of loaded visitors lie."""
        wanted = [key for key in keys if key not in self._refs and key in self.records]
        spilled = [key for key in wanted if self.records[key].spilled]
        chunks = await self.snapshot.chunks(spilled) if spilled else {}
        for key in wanted:
            self._refs[key] = [*chunks.get(key, ()), self.records[key].tail]
            if sum(map(len, self._refs[key])) != self.records[key].events:
                raise Damaged

    async def sessions(self, keys: Collection[str]) -> None:
        """Load the sessions of loaded visitors."""
        wanted = [key for key in keys if key not in self._sessions and key in self.records]
        older = [key for key in wanted if self.records[key].sessions > 1]
        closed = await self.snapshot.sessions(older) if older else {}
        for key in wanted:
            last = self.records[key].session
            by_slice = self._sessions[key] = {}
            parts = self.world.parts[key]
            for session in (*closed.get(key, ()), *([last] if last is not None else [])):
                within = bisect_right(parts, session.first, key=_first) - 1
                by_slice.setdefault(parts[within].slice.number, []).append(session)
            if any(len(by_slice.get(each.slice.number, ())) != each.slice.sessions for each in self.world.parts[key]):
                raise Damaged

    def sessions_of(self, part: Part) -> list[Session]:
        """The sessions of one slice, in order; load them first."""
        return self._sessions[part.visitor].get(part.slice.number, [])

    def events_of(self, part: Part) -> list[tuple[int, int]]:
        """(t, log position) of one slice's events, in order; load the refs first."""
        found: list[tuple[int, int]] = []
        for refs, inside in self._refs_of(part):
            found += zip(refs.times[inside], refs.positions[inside], strict=True)
        return found

    def positions_of(self, part: Part) -> list[int]:
        """Log positions of one slice's events, in order; load the refs first."""
        return [position for refs, inside in self._refs_of(part) for position in refs.positions[inside]]

    def _refs_of(self, part: Part) -> Iterator[tuple[Refs, slice]]:
        """The columns with a slice's events, and where they are in each."""
        start = self._start_of(part)
        end = start + part.slice.events
        before = 0
        for refs in self._refs[part.visitor]:
            after = before + len(refs)
            if after > start and before < end:
                yield refs, slice(max(0, start - before), end - before)
            before = after

    def _start_of(self, part: Part) -> int:
        """How many events of its visitor come before a slice."""
        starts = self._starts.get(part.visitor)
        if starts is None:
            parts = self.world.parts[part.visitor]
            counts = accumulate((each.slice.events for each in parts), initial=0)
            starts = self._starts[part.visitor] = {
                each.slice.number: count for each, count in zip(parts, counts, strict=False)
            }
        return starts[part.slice.number]

    def ids_of(self, key: str) -> list[bytes]:
        """The 16-byte ids of a visitor's events, in order; load the refs first."""
        return [refs.ids[at : at + 16] for refs in self._refs[key] for at in range(0, len(refs.ids), 16)]

    async def fetch(self, positions: Collection[int]) -> list[Stored]:
        return await self._log.fetch(sorted(positions))

    async def happenings(self, part: Part) -> list[Happening]:
        """One slice's events, from the log."""
        await self.refs([part.visitor])
        found = take_apart(await self.fetch([position for _, position in self.events_of(part)])).happenings
        return sorted(found, key=lambda each: each.key)

    async def _marks(self, question: MarksOf) -> list[tuple[int, str, str, str, bool]]:
        """Where exactly in its slice a contact was carried (rule 8)."""
        part = self.world.part(question.visitor, question.number)
        name = identifier(*question.contact)
        happenings = await self.happenings(part)
        if self._erasures is not None:
            await self._erasures.up_to(self.snapshot.position)
            self._erasures.guard(happenings)
        retracted = await self.snapshot.retracted({each.message_id for each in happenings})
        protected = await self.snapshot.protected([name])
        return [
            place(each.key, part.device)
            for each in happenings
            if any(
                (contact.type, contact.value) == question.contact
                for contact in words_of(each, retracted, protected).contacts
            )
        ]
