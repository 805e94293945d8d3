"""The mind's process: folds the log into the store, for ever. Also a program of its own, which the server starts.

Imports no HTTP, so that it stays small.
"""

import asyncio
import logging
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from collector.erasure import WrongKey
from collector.log import CorruptRecord, EventLog, LogUnavailable
from collector.log.opening import open_log
from collector.runtime import logs
from collector.runtime.clock import monotonic_s
from collector.runtime.folder import DataFolder, Taken
from collector.runtime.loop import collect_less_often, run, until_told_to_stop
from collector.runtime.sqlite import SchemaTooNew
from collector.runtime.supervise import end_with_parent
from sessionizer.commands.folders import hasher_of
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker

FIRST_LOG_WAIT_S = 60.0
"""How long a mind, or an API, waits for the edge to make the log."""
LOOK_AGAIN_S = 0.02

_log = logging.getLogger(__name__)


async def run_mind(folder: DataFolder, log_url: str, store_url: str) -> None:
    """Fold until told to stop by SIGTERM or SIGINT. Raises LogUnavailable, Taken, SchemaTooNew, CorruptRecord."""
    stop = asyncio.create_task(until_told_to_stop(), name="wait for a signal")
    log = await log_for_reading(log_url, folder.run, stop)
    if log is None:
        return
    try:
        store = await open_store(store_url, writer=True, run_dir=folder.run)
        try:
            collect_less_often()
            fold = asyncio.create_task(Worker(log, store, hasher=hasher_of(folder)).run(), name="fold the log")
            await asyncio.wait([fold, stop], return_when=asyncio.FIRST_COMPLETED)
            fold.cancel()
            await asyncio.wait([fold])
            if not fold.cancelled():
                fold.result()
        finally:
            await store.close()
    finally:
        await log.close()


async def log_for_reading(
    url: str, run_dir: Path, stop: asyncio.Task[None] | None = None, wait_s: float = FIRST_LOG_WAIT_S
) -> EventLog | None:
    """The log, opened read-only once its owner has made it; None when told to stop meanwhile. Raises LogUnavailable."""
    deadline_s = monotonic_s() + wait_s
    while stop is None or not stop.done():
        try:
            return await open_log(url, writer=False, run_dir=run_dir)
        except LogUnavailable:
            if monotonic_s() > deadline_s:
                raise
            await asyncio.sleep(LOOK_AGAIN_S)
    return None


def main(arguments: Sequence[str]) -> None:
    """The mind as a child process: `python -m sessionizer.commands.mind DATA LOG STORE LINES LEVEL`."""
    data, log_url, store_url, lines, level = arguments
    logs.set_up("json" if lines == "json" else "text", level)
    end_with_parent()
    try:
        run(run_mind(DataFolder(Path(data)), log_url, store_url))
    except (CorruptRecord, LogUnavailable, SchemaTooNew, Taken, WrongKey, sqlite3.Error) as error:
        _log.critical("the mind has ended: %s", error)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
