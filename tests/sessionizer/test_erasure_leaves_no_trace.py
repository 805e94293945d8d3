"""After an erasure no byte of the person is in any file: not in a table, an index, a free page or a WAL."""

import asyncio
import random
import sqlite3
from collections.abc import Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.event import Contact, Event, Trust, to_record
from collector.log import Record, Refusal
from collector.log.refused import SqliteRefused
from collector.log.sqlite import SqliteLog
from collector.runtime import clock
from sessionizer.eraser import Eraser
from sessionizer.facts import pack
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.packing import RowUnpacker
from sessionizer.store.sqlite import SqliteStore
from sessionizer.store.sqlite_seals import SEAL_BYTES
from sessionizer.worker import Worker
from tests.histories import BASE_MS
from tests.sessionizer.test_erasure import HASHER, NOW_MS, WHATS, others

PEOPLE = 120
SHARED = 10
"""The first so many people log in on one device, too."""


def life(n: int) -> list[Event]:
    """What somebody did; every text of theirs holds `Qn-`."""
    draw = random.Random(n)
    mark = f"Q{n:03}-{n * 7919 % 1000:03}-"
    events: list[Event] = []
    t = BASE_MS + n * 60_000

    def say(**fields: Any) -> None:
        nonlocal t
        t += draw.choice((1000, 30_000, 3_600_000))
        at = clock.to_text(t)
        told = {"type": "page", "source": "default", "trust": Trust.PUBLIC, "anonymous_id": f"{mark}device"} | fields
        events.append(Event(message_id=f"{mark}m{len(events)}", timestamp=at, received_at=at, **told))

    for _ in range(draw.randint(1, 80)):
        say(properties={"note": f"{mark}note"}, name=f"{mark}page")
    contacts = (Contact(type="email", value=f"{mark.lower()}mail@x.org"), Contact(type="crm", value=f"{mark}crm"))
    say(
        type="identify",
        user_id=f"{mark}user",
        trust=Trust.PROVEN if n % 3 == 0 else Trust.PUBLIC,
        contacts=contacts,
        traits={"name": f"{mark}name"},
    )
    for _ in range(draw.randint(1, 80)):
        say(type="track", event=f"{mark}thing", context={"traits": {"city": f"{mark}city" * draw.randint(1, 300)}})
    if n < SHARED:
        t = BASE_MS + 3_600_000 + n * 15_000_000
        say(anonymous_id="kiosk", user_id=f"{mark}user", type="identify", trust=Trust.SERVER)
        say(anonymous_id="kiosk")
    order = {"order_id": mark}
    say(event="Order Completed", anonymous_id=None, user_id=f"{mark}user", properties=order, trust=Trust.SERVER)
    return events


class Folder:
    def __init__(self, root: Path, log: SqliteLog, refused: SqliteRefused, store: SqliteStore) -> None:
        self.root = root
        self.log = log
        self.refused = refused
        self.store = store
        self.worker = Worker(log, store, batch=50, hasher=HASHER)
        self.people = FoldedPeople(store, log, HASHER)
        self.eraser = Eraser(
            self.people, log, refused, keep_away=lambda _: None, new_id=clock.new_id, now_ms=lambda: NOW_MS
        )

    async def exports(self) -> dict[str, list[bytes]]:
        return {
            what: b"".join([chunk async for chunk in self.people.export(what)]).splitlines(keepends=True)
            for what in WHATS
        }

    async def telling(self, text: str) -> list[bytes]:
        """The rows of facts, as the file has them, that speak of a text: compressed, so that no search finds it."""
        async with self.store.snapshot() as snapshot:
            rows = await snapshot.facts(0, 1_000_000)
        return [pack(row.facts) for row in rows if text.encode() in msgspec.msgpack.encode(row.facts)]

    def containing(self, blobs: Iterable[bytes]) -> list[bytes]:
        """Those of the blobs of which the end, with the checksum of it all, is found in a file."""
        files = [each.read_bytes() for each in self.root.rglob("*.db*") if each.suffix != ".reserve"]
        return [blob for blob in blobs if any(blob[-60:] in content for content in files)]

    async def packed(self, text: str) -> set[bytes]:
        """The log's records and the store's rows with a text in them, as the files keep them: no text shows there."""
        found = {each.position for each in await self.log.read(0, 0, 1_000_000) if text.encode() in each.body}
        with closing(sqlite3.connect(self.root / "log.db")) as db:
            packed = {body for position, body in db.execute("select position, body from records") if position in found}
        unpack = RowUnpacker().unpack
        with closing(sqlite3.connect(self.root / "store.db")) as db:
            for sql in ("select record from visitors", "select slice from slices", "select session from sessions"):
                packed |= {row for (row,) in db.execute(sql) if text.encode() in unpack(row[:-SEAL_BYTES])}
        return packed

    def holding(self, text: str) -> list[str]:
        """The files in which a text is found."""
        needles = {text.encode(), text.lower().encode()}
        files = [each for each in self.root.rglob("*.db*") if each.suffix != ".reserve"]
        return [each.name for each in files if any(needle in each.read_bytes() for needle in needles)]


@asynccontextmanager
async def opened(root: Path) -> Any:
    log = await SqliteLog.open(root / "log.db", writer=True)
    refused = await SqliteRefused.open(root / "refused.db", writer=True, clock=lambda: NOW_MS)
    store = await SqliteStore.open(root / "store.db", writer=True)
    folder = Folder(root, log, refused, store)
    try:
        yield folder
    finally:
        await store.close()
        await refused.close()
        await log.close()


@pytest.mark.timeout(300)  # it reads every file for every person: half a minute alone, two beside many others
async def test_no_file_holds_a_byte_of_whoever_was_erased(tmp_path: Path) -> None:
    lives = [life(n) for n in range(PEOPLE)]
    everything = [event for each in lives for event in each]
    random.Random(1).shuffle(everything)  # late events, refolds and page splits
    async with opened(tmp_path) as folder:
        for start in range(0, len(everything), 100):
            batch = everything[start : start + 100]
            await folder.log.append([Record("", to_record(event)) for event in [*batch, *batch[:5]]])
            await folder.worker.catch_up()
        for n in range(PEOPLE):
            mark = f"Q{n:03}-{n * 7919 % 1000:03}-"
            body = msgspec.json.encode({"type": "track", "userId": f"{mark}user", "event": 5})
            await folder.refused.keep([Refusal(0, NOW_MS, "default", "invalid_field", "event", body)])
        before = await folder.exports()
        for n in [*range(0, SHARED, 2), *range(SHARED, PEOPLE, 5)]:
            mark = f"Q{n:03}-{n * 7919 % 1000:03}-"
            assert folder.holding(mark)
            told = await folder.telling(mark)
            assert folder.containing(told)
            packed = await folder.packed(mark)
            assert len(packed) >= len(lives[n])
            assert len(folder.containing(packed)) == len(packed)
            mind = asyncio.create_task(folder.worker.run())
            done = await folder.eraser.erase(Who("user_id", f"{mark}user"))
            mind.cancel()
            await asyncio.wait([mind])
            assert done is not None
            assert done.receipt.erased.events == len(lives[n])
            assert done.receipt.erased.refused == 1
            assert await folder.telling(mark) == []
            assert folder.containing([*told, *packed]) == []
            assert folder.holding(mark) == []
            before = others(before, done.receipt.profile_id)
        assert await folder.exports() == before
