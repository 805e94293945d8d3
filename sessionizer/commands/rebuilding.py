"""Rebuilding a store from a log: the same fold from the start, so the same bytes."""

import sqlite3
from pathlib import Path

from collector.erasure import Hasher
from collector.log import EventLog
from collector.runtime.folder import Taken
from collector.runtime.sqlite import SchemaTooNew
from sessionizer.commands.progress import Show
from sessionizer.store import Commit, ProfileStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker

IDS_A_COMMIT = 5000


async def rebuild(log: EventLog, hasher: Hasher, path: Path, earlier: ProfileStore | None, show: Show) -> int:
    """Fold the whole log into a new store at `path`; how many records. Ids `earlier` handed out go on resolving."""
    store = await open_store(f"sqlite:{path}", writer=True)
    try:
        worker = Worker(log, store, hasher=hasher)
        done, end = 0, await log.end()
        while count := await worker.step(0.0):
            done += count
            show(await store.position(), end)
        if earlier is not None:
            await _keep_earlier_ids(earlier, store)
        return done
    finally:
        await store.close()
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


async def open_earlier(path: Path, *, writer: bool) -> ProfileStore | None:
    """The store to be replaced; None when it cannot be read. A writer makes one if there is none. Raises Taken."""
    try:
        return await open_store(f"sqlite:{path}", writer=writer)
    except Taken:
        raise
    except (sqlite3.Error, SchemaTooNew):
        return None  # being unreadable is a reason to rebuild it


async def _keep_earlier_ids(earlier: ProfileStore, store: ProfileStore) -> None:
    after = ""
    async with earlier.snapshot() as snapshot:
        while page := await snapshot.roots(after, IDS_A_COMMIT):
            position = await store.position()
            commit = Commit(expected=position, position=position)
            commit.roots = dict(page)
            await store.commit(commit)
            after = page[-1][0]


def remove_database(path: Path) -> None:
    """Remove a SQLite file and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
