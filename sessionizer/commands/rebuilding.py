"""Rebuilding a store from a log: the same fold from the start, so the same bytes."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from collector.erasure import Hasher
from collector.log import EventLog
from collector.runtime.folder import Taken, sync_file
from collector.runtime.loop import collect_less_often
from collector.runtime.sqlite import SchemaTooNew
from sessionizer.commands.progress import Show
from sessionizer.store import Carried, Commit, ProfileStore, Snapshot, StoreUnavailable
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker

ROWS_A_COMMIT = 5000
BATCH = 10_000
"""Events a commit, five times the worker's: nobody waits for the next, and a visitor's row is written less often."""


async def rebuild(log: EventLog, hasher: Hasher, path: Path, earlier: Snapshot | None, show: Show) -> int:
    """Fold the whole log into a new store at `path`; how many records.

    Ids handed out `earlier` go on resolving. What was published stays published, and is not again. When it returns, the
    store survives a power cut; until then it is worth nothing.
    """
    collect_less_often()
    store = await open_store(f"sqlite:{path}", writer=True, unsynced=True)
    try:
        done = 0
        if earlier is not None:
            if "facts" in await earlier.counts():
                worker = Worker(log, store, hasher=hasher, batch=BATCH, quietly_to=earlier.position)
                done += await _fold(worker, store, await log.end(), show)
                await _keep_published(earlier, store)
            await _keep_earlier_ids(earlier, store)
        done += await _fold(Worker(log, store, hasher=hasher, batch=BATCH), store, await log.end(), show)
    finally:
        await store.close()
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    sync_file(path)
    return done


async def _fold(worker: Worker, store: ProfileStore, end: int, show: Show) -> int:
    done = 0
    while count := await worker.step(0.0):
        done += count
        show(await store.position(), end)
    return done


@asynccontextmanager
async def earlier_state(path: Path, *, writer: bool) -> AsyncIterator[Snapshot | None]:
    """The store to be replaced, at this moment; None when it cannot be read. A writer makes one if there is none.

    Raises Taken.
    """
    async with AsyncExitStack() as stack:
        snapshot: Snapshot | None = None
        try:
            store = await open_store(f"sqlite:{path}", writer=writer)
            stack.push_async_callback(store.close)  # folds its WAL in: a new file must not find the old one's beside it
            snapshot = await stack.enter_async_context(store.snapshot())
        except Taken:
            raise
        except (sqlite3.Error, SchemaTooNew, StoreUnavailable):
            pass  # being unreadable is a reason to rebuild it
        yield snapshot


async def _keep_earlier_ids(earlier: Snapshot, store: ProfileStore) -> None:
    after = ""
    while page := await earlier.roots(after, ROWS_A_COMMIT):
        commit = await _beside(store)
        commit.roots = dict(page)
        await store.commit(commit)
        after = page[-1][0]


async def _keep_published(earlier: Snapshot, store: ProfileStore) -> None:
    """Carry over the facts, and which sessions are still to be ended."""
    counts = await earlier.counts()
    number = 0
    while number < counts["facts"]:
        commit = await _beside(store)
        rows = [row for row in await earlier.facts(number, ROWS_A_COMMIT) if row.first > number]
        commit.carried = Carried(counts["facts_epoch"], rows)
        await store.commit(commit)
        number = rows[-1].first + len(rows[-1].facts) - 1
    after = ""
    while keys := await earlier.keys(after, ROWS_A_COMMIT):
        commit = await _beside(store)
        commit.due = dict(await earlier.pending(keys))
        await store.commit(commit)
        after = keys[-1]


async def _beside(store: ProfileStore) -> Commit:
    """A commit that folds nothing."""
    position = await store.position()
    return Commit(expected=position, position=position)


def remove_database(path: Path) -> None:
    """Remove a SQLite file and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
