"""The books balance at any moment, whatever happens; and when something is lost they do not."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.erasure import Against, Hasher
from collector.log import EventLog, Record, Tally
from collector.log.memory import MemoryLog, MemoryRefused
from collector.log.opening import open_log
from collector.pipeline import Edge, collect
from collector.raw import RawRequest
from collector.runtime import clock
from sessionizer.api.retractions import retract_into
from sessionizer.books import Books, read_books
from sessionizer.commands.audit import Audit
from sessionizer.commands.progress import show_nothing
from sessionizer.commands.redrive import _body
from sessionizer.commands.sending import into
from sessionizer.eraser import Eraser
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store import ProfileStore
from sessionizer.store.memory import MemoryStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker
from tests.running_edge import basic, make_edge

HASHER = Hasher(b"k" * 32)
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
NOW_MS = clock.from_text("2026-11-20T12:00:00Z")
PEOPLE = ("jane", "joe", "zoe")

items = st.sampled_from(["new", "new", "copy", "bad"])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(items, max_size=6)),
        st.tuples(st.just("send as a robot"), st.lists(items, min_size=1, max_size=3)),
        st.tuples(st.just("fold"), st.integers(1, 4)),
        st.tuples(st.just("retract"), st.integers(0, 5)),
        st.tuples(st.just("drive in again"), st.just(None)),
        st.tuples(st.just("erase"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("rebuild"), st.just(None)),
    ),
    min_size=1,
    max_size=12,
)


class House:
    """An edge, a mind and an eraser on one log, and beside them a tally of one's own."""

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog()
        self.store: ProfileStore = MemoryStore()
        self.refused = MemoryRefused(clock=lambda: NOW_MS)
        self.edge: Edge = make_edge(folder, log=self.log, refused=self.refused, erasures=Against(HASHER))
        self.sent: list[dict[str, Any]] = []
        self.received = self.rejected = self.withheld = self.kept_away = 0

    @property
    def worker(self) -> Worker:
        return Worker(self.log, self.store, batch=3, hasher=HASHER)

    async def books(self) -> Books:
        async with self.store.snapshot() as snapshot:
            return await read_books(snapshot, self.log)

    async def send(self, kinds: Sequence[str], key: str = "wk_open", robot: bool = False) -> None:
        batch: list[dict[str, Any]] = []
        for kind in kinds:
            n = len(self.sent) + len(batch)
            new = {"type": "track", "event": "Viewed", "userId": PEOPLE[n % 3], "messageId": f"m{n}"}
            if kind == "copy" and self.sent:
                batch.append(self.sent[n % len(self.sent)])
            else:
                batch.append({**new, "timestamp": "2026-11-20T08:00:00Z"} | ({"event": 5} if kind == "bad" else {}))
        before = await self.log.end()
        headers = {"authorization": basic(key)["Authorization"]} | ({"user-agent": ROBOT} if robot else {})
        body = msgspec.json.encode({"batch": batch})
        request = RawRequest(method="POST", path="/v1/batch", headers=headers, body=body, received_at_ms=NOW_MS)
        receipt = await collect(request, self.edge)
        self.sent += [each for each in batch if each["event"] == "Viewed" and not robot]
        self.received += len(batch)
        self.rejected += len(receipt.rejections)
        self.withheld += receipt.withheld
        stored = await self.log.end() - before
        self.kept_away += len(batch) - len(receipt.rejections) - receipt.withheld - stored

    async def drive_in_again(self) -> None:
        """Those mended (odd ids) are accepted; the others are refused again."""
        for refusal in await self.refused.read(0, 100):
            body = msgspec.json.decode(_body(refusal))
            mended = refusal.refusal_id % 2 == 1
            if mended:
                body["batch"][0]["event"] = "Mended"
                self.rejected -= 1
            before = await self.log.end()
            await into(self.edge, "wk_open", again=True)(msgspec.json.encode(body))
            self.kept_away += mended and await self.log.end() == before
            await self.refused.settle([refusal.refusal_id])

    async def erase(self, user: str) -> None:
        people = FoldedPeople(self.store, self.log, HASHER)
        eraser = Eraser(
            people,
            self.log,
            self.refused,
            keep_away=self.edge.erasures.add,
            new_id=clock.new_id,
            now_ms=lambda: NOW_MS,
            mind_wait_s=60,
        )
        worker = self.worker

        async def mind() -> None:
            while True:
                await worker.step(0.001)
                await self.check()

        folding = asyncio.create_task(mind())
        erasing = asyncio.create_task(eraser.erase(Who("user_id", user)))
        await asyncio.wait([folding, erasing], return_when=asyncio.FIRST_COMPLETED)
        done = await erasing
        folding.cancel()
        self.received += done is not None

    async def do(self, what: str, argument: Any) -> None:
        match what:
            case "send":
                await self.send(argument)
            case "send as a robot":
                await self.send(argument, key="wk_nobots", robot=True)
            case "fold":
                for _ in range(argument):
                    await self.worker.step(0.0)
            case "retract":
                await retract_into(self.log)([f"m{argument}"], "a mistake", NOW_MS)
                self.received += 1
            case "drive in again":
                await self.drive_in_again()
            case "erase":
                await self.erase(argument)
            case "rebuild":
                self.store = MemoryStore()

    async def check(self) -> None:
        books = await self.books()
        assert list(books.problems()) == []
        assert books.accounted == books.received


@given(actions)
@settings(max_examples=settings().max_examples // 4)
def test_whatever_happens_the_books_balance_and_count_what_happened(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, Any]]
) -> None:
    async def run() -> None:
        house = House(tmp_path_factory.getbasetemp())
        for what, argument in story:
            await house.do(what, argument)
            await house.check()
            books = await house.books()
            assert books.received == house.received
            assert (books.rejected, books.withheld) == (house.rejected, house.withheld)
        await house.worker.catch_up()
        await house.worker.step(0.0)
        books = await house.books()
        assert books.pending == 0
        assert books.suppressed >= house.kept_away
        async with house.store.snapshot() as snapshot:
            audit = Audit(snapshot, HASHER, ())
            await audit.run(house.log, show_nothing)
            assert [each for each in audit.problems(books) if "erasures" not in each] == []

    asyncio.run(run())


# What must not balance --------------------------------------------------------------------------------------------


async def fill(log: EventLog, count: int) -> None:
    for n in range(count):
        request = {"type": "page", "anonymousId": f"d{n % 3}", "messageId": f"m{n}"}
        await log.append([Record("", _stored(request, n))], Tally(received=2, rejected=1))


def _stored(fields: dict[str, Any], n: int) -> bytes:
    from collector.event import Event, Trust, to_record

    at = clock.to_text(NOW_MS + n)
    return to_record(
        Event(
            type=fields["type"],
            message_id=fields["messageId"],
            anonymous_id=fields["anonymousId"],
            timestamp=at,
            received_at=at,
            source="default",
            trust=Trust.PUBLIC,
        )
    )


PLANTED = {
    "a record that waits": ("log.db", "delete from records where position = 9", True, "damaged or missing"),
    "a record folded in": ("log.db", "delete from records where position = 3", True, "damaged or missing"),
    "the log's last record": ("log.db", "delete from records where position = 10", False, "accounted for nowhere"),
    "the log's end": ("log.db", "delete from records where position > 5", False, "the end of log.db is lost"),
    "an event in the store": ("store.db", "update books set value = value - 1 where name = 'stored'", False, "replay"),
    "a visitor": ("store.db", "delete from visitors where visitor = 2", True, "ariane replay"),
    "a batch": ("store.db", "update books set value = 7 where name = 'position'", False, "replay"),
    "what was received": ("log.db", "update books set received = received + 1", False, "accounted for nowhere"),
    "a rejection": ("log.db", "update books set rejected = rejected - 1", False, "accounted for nowhere"),
}


@pytest.mark.parametrize("what", PLANTED)
async def test_a_loss_is_told_with_what_to_do(tmp_path: Path, what: str) -> None:
    file, sql, only_a_whole_look_finds_it, words = PLANTED[what]
    log = await open_log(f"sqlite:{tmp_path}/log.db", writer=True)
    store = await open_store(f"sqlite:{tmp_path}/store.db", writer=True)
    await fill(log, 8)
    await Worker(log, store).catch_up()
    await fill(log, 2)
    assert await _problems(log, store) == ([], [])
    await store.close()
    await log.close()
    with sqlite3.connect(tmp_path / file) as db:
        db.execute(sql)
    db.close()
    log = await open_log(f"sqlite:{tmp_path}/log.db", writer=False)
    store = await open_store(f"sqlite:{tmp_path}/store.db", writer=False)
    quick, whole = await _problems(log, store)
    await store.close()
    await log.close()
    assert bool(quick) != only_a_whole_look_finds_it
    assert words in (quick + whole)[0]
    assert "`ariane" in (quick + whole)[0] or "backup" in (quick + whole)[0]


async def _problems(log: EventLog, store: ProfileStore) -> tuple[list[str], list[str]]:
    async with store.snapshot() as snapshot:
        books = await read_books(snapshot, log)
        audit = Audit(snapshot, HASHER, ())
        await audit.run(log, show_nothing)
        return list(books.problems()), list(audit.problems(books))
