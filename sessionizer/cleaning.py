"""Carries erasures into backups, and into what is restored from one, so that nobody comes back that way.

A backup's log holds the same records at the same positions as the folder's, up to where it was made. So an erasure is
appended to it too, cut down to what it holds, folded by a mind of its own, and its records are erased as ever. Refused
events are another matter: an erasure knows identifiers as hashes only, and cannot search them. A backup's are dropped.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.erasure import Hasher, Order, WrongKey, read_order, split
from collector.event import RETRACTION, Event, from_record, from_record_lazily, to_record
from collector.log import CorruptRecord, EventLog, LogUnavailable, Record
from collector.log.memory import MemoryRefused
from collector.log.opening import open_log
from collector.runtime import clock
from collector.runtime.folder import DataFolder, Lock, Taken
from collector.runtime.sqlite import SchemaTooNew
from sessionizer import backups
from sessionizer.backups import Manifest, NotABackup
from sessionizer.eraser import Eraser, NotFinished
from sessionizer.people import FoldedPeople
from sessionizer.store import StoreUnavailable
from sessionizer.store.opening import open_store
from sessionizer.views import ReachedBackup
from sessionizer.worker import Worker

PAGE = 2000
DATABASES = ("log.db", "store.db", "refused.db")
SUFFIXES = ("-wal", "-shm", ".lock")
UNREACHABLE = (
    NotABackup,
    NotFinished,
    OSError,
    sqlite3.Error,
    LogUnavailable,
    StoreUnavailable,
    SchemaTooNew,
    Taken,
    CorruptRecord,
    WrongKey,
)
"""What may keep an erasure from a backup."""


class Known(NamedTuple):
    """An erasure as a log has it."""

    event: Event
    order: Order
    replacements: list[Event]
    """Retractions that took the place of some that named the erased person's messages and others'."""


async def erasures_in(log: EventLog, hasher: Hasher) -> list[Known]:
    """All erasures in a log, oldest first."""
    found = []
    for record in await log.marked():
        event = from_record(record.body)
        order = read_order(msgspec.json.encode(event.properties))
        hashes = frozenset(split(order.events))
        replacements = []
        after = order.known
        while after < record.position - 1 and (page := await log.read(0, after, PAGE)):
            after = page[-1].position
            retractions = [from_record(each.body) for each in page if each.position < record.position]
            replacements += [each for each in retractions if each.type == RETRACTION and hasher.event(each) in hashes]
        found.append(Known(event, order, replacements))
    return found


def unfinished_in(erased: Iterable[Known], manifest: Manifest) -> list[Known]:
    """Those of which a backup may still hold traces."""
    return [each for each in erased if each.event.message_id not in manifest.erasures]


async def clean_backups(folder: DataFolder, log: EventLog, hasher: Hasher) -> list[ReachedBackup]:
    """See to it that no backup of a folder holds what its log had erased; what became of each. Idempotent."""
    erased = await erasures_in(log, hasher)
    found = []
    for backup in backups.known(folder):
        try:
            with Lock(folder.backup_lock):
                backups.clear_unfinished(backup)
            manifest = backups.read_manifest(backup)
            if todo := unfinished_in(erased, manifest):
                await clean(backup, manifest, hasher, todo)
            found.append(ReachedBackup(path=str(backup), clean=True))
        except UNREACHABLE as error:
            found.append(ReachedBackup(path=str(backup), clean=False, why=str(error)))
    return found


async def clean(backup: Path, manifest: Manifest, hasher: Hasher, erased: Sequence[Known]) -> None:
    """Carry erasures into one backup. Broken off, it says so of itself, and can be done again."""
    backups.write_manifest(backup, msgspec.structs.replace(manifest, being_erased_from=True))
    await erase_again(DataFolder(backup), hasher, erased, manifest.end)
    leave_files_alone(backup)
    done = [*manifest.erasures, *(each.event.message_id for each in erased)]
    backups.write_manifest(
        backup,
        msgspec.structs.replace(
            manifest, erasures=done, being_erased_from=False, files=await asyncio.to_thread(backups.described, backup)
        ),
    )


def leave_files_alone(backup: Path) -> None:
    """Remove what opening databases leaves beside them; they were closed, so it holds nothing."""
    for name in DATABASES:
        for suffix in SUFFIXES:
            (backup / f"{name}{suffix}").unlink(missing_ok=True)


async def erase_again(folder: DataFolder, hasher: Hasher, erased: Sequence[Known], end: int) -> None:
    """Carry erasures of the log that this folder's is an older copy of into this folder, which nobody runs on.

    `end` is how far the two logs are alike. Raises LogUnavailable, StoreUnavailable, Taken, SchemaTooNew.
    """
    for suffix in ("", "-wal", "-shm"):
        folder.refused.with_name(folder.refused.name + suffix).unlink(missing_ok=True)
    async with AsyncExitStack() as stack:
        log = await open_log(f"sqlite:{folder.log}", writer=True)
        stack.push_async_callback(log.close)
        store = await open_store(f"sqlite:{folder.store}", writer=True)
        stack.push_async_callback(store.close)
        worker = Worker(log, store, hasher=hasher)
        await worker.catch_up()
        had = {from_record_lazily(each.body).message_id for each in await log.marked()}
        for each in erased:
            if each.event.message_id not in had:
                await log.append_marked([Record("", to_record(event)) for event in await _cut_down(each, log, end)])
                await worker.catch_up()
        eraser = Eraser(
            FoldedPeople(store, log, hasher),
            log,
            MemoryRefused(),
            keep_away=lambda _: None,
            new_id=clock.new_id,
            now_ms=clock.now_ms,
        )
        await eraser.finish_once()


async def _cut_down(erased: Known, log: EventLog, end: int) -> list[Event]:
    """What to append for an erasure to a log that holds the same only up to `end`; the erasure last."""
    order = erased.order
    positions = [position for position in order.positions if position <= end]
    doomed = [from_record_lazily(each.body) for each in await log.fetch(positions)]
    retractions = [each for each in doomed if each.type == RETRACTION]
    names = {(each.source, each.message_id) for each in retractions}
    replacements = [each for each in erased.replacements if (each.source, each.message_id) in names]
    there = msgspec.structs.replace(
        order,
        positions=positions,
        known=min(order.known, end),
        copies=len(retractions) - len(names) + len(replacements),
    )
    return [*replacements, msgspec.structs.replace(erased.event, properties=msgspec.to_builtins(there))]
