"""Flips single bits of a real log and a real store, and sees what the readers and `ariane verify` make of it.

made = make(folder)                       # a shop's few days: logins, retractions, an erasure
outcome = try_flip(made, "log.db", 12345, scratch)
"""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.erasure import Hasher, WrongKey, read_erased
from collector.event import Contact, Event, Trust, to_record
from collector.log import CorruptRecord, EventLog, LogUnavailable, Record
from collector.log.memory import MemoryRefused
from collector.log.sqlite import SqliteLog
from collector.runtime import clock
from collector.runtime.sqlite import SchemaTooNew
from sessionizer.api.retractions import retract_into
from sessionizer.books import read_books
from sessionizer.commands.audit import Audit
from sessionizer.commands.progress import show_nothing
from sessionizer.eraser import Eraser
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store import StoreUnavailable
from sessionizer.store.sqlite import SqliteStore
from sessionizer.worker import Worker

HASHER = Hasher(b"k" * 32)
START_MS = clock.from_text("2026-11-20T08:00:00Z")
PEOPLE = 12
TOLD = (CorruptRecord, LogUnavailable, StoreUnavailable, SchemaTooNew, WrongKey, sqlite3.Error)
"""What tells a reader that something is wrong."""


class Outcome(StrEnum):
    HARMLESS = "harmless: every answer is as it was, and verify finds nothing"
    FOUND = "found by verify; every answer is as it was"
    TOLD = "found by verify; some answers are refused"
    REFUSED_UNFOUND = "some answers are refused, and verify finds nothing"
    WRONG_FOUND = "a wrong answer, though verify finds it"
    WRONG = "a wrong answer, and verify finds nothing"


class Made(NamedTuple):
    folder: Path
    answers: dict[str, bytes]


def make(folder: Path, events: int = 600) -> Made:
    """A folder with a closed log and store of this many events, and what readers say of it."""
    return asyncio.run(_make(folder, events))


async def _make(folder: Path, events: int) -> Made:
    log = await SqliteLog.open(folder / "log.db", writer=True)
    store = await SqliteStore.open(folder / "store.db", writer=True)
    worker = Worker(log, store, batch=50, hasher=HASHER)
    history = _history(events)
    for start in range(0, events, 40):
        batch = history[start : start + 40]
        await log.append([Record("", to_record(event)) for event in (*batch, *batch[:3])])
        await worker.catch_up()
    await retract_into(log)(["m000017"], "a mistake", START_MS)
    await worker.catch_up()
    people = FoldedPeople(store, log, HASHER)
    mind = asyncio.create_task(worker.run())
    eraser = Eraser(
        people, log, MemoryRefused(), keep_away=lambda _: None, new_id=clock.new_id, now_ms=lambda: START_MS + 10**9
    )
    await eraser.erase(Who("user_id", "user3"))
    mind.cancel()
    await asyncio.wait([mind])
    await store.close()
    await log.close()
    log, store = await _opened(folder)
    try:
        return Made(folder, await _answers(FoldedPeople(store, log, HASHER)))
    finally:
        await store.close()
        await log.close()


def _history(count: int) -> list[Event]:
    chance = random.Random(7)
    history = []
    for n in range(count):
        who = chance.randrange(PEOPLE)
        at = clock.to_text(START_MS + n * 240_000 - chance.choice((0, 0, 0, 3_600_000)))
        login = chance.random() < 0.15
        order = chance.random() < 0.1
        history.append(
            Event(
                type="identify" if login else "track",
                event=None if login else "Order Completed" if order else "Viewed",
                message_id=f"m{n:06}",
                anonymous_id=f"device{who}{chance.choice('ab')}",
                user_id=f"user{who}" if login else None,
                contacts=(Contact(type="email", value=f"user{who}@x.org"),) if login else (),
                timestamp=at,
                received_at=clock.to_text(START_MS + n * 240_000),
                source="default",
                trust=Trust.PUBLIC,
                properties={"order_id": f"o{n}", "total": f"{n}.50", "currency": "EUR"} if order else {"page": n},
            )
        )
    return history


def try_flip(made: Made, file: str, bit: int, scratch: Path) -> Outcome:
    """What comes of one flipped bit of one file."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(made.folder, scratch)
    body = bytearray((scratch / file).read_bytes())
    body[bit // 8] ^= 1 << bit % 8
    (scratch / file).write_bytes(bytes(body))
    return asyncio.run(_try(scratch, made.answers))


async def _try(folder: Path, expected: dict[str, bytes]) -> Outcome:
    found = await _verify_finds(folder)
    refused = wrong = False
    try:
        log, store = await _opened(folder)
    except TOLD:
        return Outcome.TOLD if found else Outcome.REFUSED_UNFOUND
    try:
        people = FoldedPeople(store, log, HASHER)
        for what, answer in expected.items():
            try:
                wrong |= await _answer(people, what) != answer
            except TOLD:
                refused = True
    finally:
        await store.close()
        await log.close()
    if wrong:
        return Outcome.WRONG_FOUND if found else Outcome.WRONG
    if refused:
        return Outcome.TOLD if found else Outcome.REFUSED_UNFOUND
    return Outcome.FOUND if found else Outcome.HARMLESS


async def _opened(folder: Path) -> tuple[SqliteLog, SqliteStore]:
    log = await SqliteLog.open(folder / "log.db", writer=False)
    try:
        return log, await SqliteStore.open(folder / "store.db", writer=False, readers=1)
    except BaseException:
        await log.close()
        raise


async def _verify_finds(folder: Path) -> bool:
    """Whether `ariane verify`, without --deep, would exit with 1."""
    try:
        log, store = await _opened(folder)
    except TOLD:
        return True
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(log.close)
        stack.push_async_callback(store.close)
        try:
            return await _problems(log, store)
        except TOLD:
            return True


async def _problems(log: EventLog, store: SqliteStore) -> bool:
    async with store.snapshot() as snapshot:
        books = await read_books(snapshot, log)
        audit = Audit(snapshot, HASHER, [read_erased(each) for each in await log.marked()])
        await audit.run(log, show_nothing)
        return any(books.problems()) or any(audit.problems(books))


async def _answers(people: FoldedPeople) -> dict[str, bytes]:
    questions = ["profiles", "events", "sessions", *(f"user{n}" for n in range(PEOPLE))]
    return {what: await _answer(people, what) for what in questions}


async def _answer(people: FoldedPeople, what: str) -> bytes:
    if what.startswith("user"):
        return msgspec.json.encode(await people.timeline(Who("user_id", what), limit=200))
    return b"".join([chunk async for chunk in people.export(what)])
