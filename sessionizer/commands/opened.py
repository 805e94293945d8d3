"""A data folder opened by a command itself, when no server runs on it that could be asked instead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from collector.erasure import Hasher
from collector.log import EventLog
from collector.log.opening import open_log
from collector.pipeline import Edge
from collector.runtime.folder import DataFolder, Taken
from collector.runtime.metrics import Metrics
from collector.settings import EdgeSettings
from collector.sources import SourcesFile
from sessionizer.commands.edge import eraser_for, open_edge
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import hasher_of
from sessionizer.commands.plan import Urls, path_of
from sessionizer.commands.progress import Show, show_nothing
from sessionizer.eraser import Eraser
from sessionizer.people import FoldedPeople
from sessionizer.store import ProfileStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker

MIND_WAIT_S = 600.0
"""How long to wait for another process's mind to fold in what the log holds."""


@contextlib.asynccontextmanager
async def opened_log(folder: DataFolder, urls: Urls) -> AsyncIterator[EventLog]:
    """The log to read; made first when there is none. Raises LogUnavailable, SchemaTooNew."""
    if not path_of(urls.log).exists():
        await (await open_log(urls.log, writer=True)).close()
    log = await open_log(urls.log, writer=False, run_dir=folder.run)
    try:
        yield log
    finally:
        await log.close()


@contextlib.asynccontextmanager
async def owned_log(folder: DataFolder, urls: Urls) -> AsyncIterator[EventLog]:
    """The log to append to, while no server runs. Raises FolderInUse, Taken, SchemaTooNew."""
    with folder.owned():
        log = await open_log(urls.log, writer=True, run_dir=folder.run)
        try:
            yield log
        finally:
            await log.close()


@contextlib.asynccontextmanager
async def owned_edge(folder: DataFolder, urls: Urls, settings: EdgeSettings) -> AsyncIterator[Edge]:
    """An edge to collect with, while no server runs. Raises FolderInUse, Taken, SchemaTooNew, SourcesInvalid."""
    async with owned_log(folder, urls) as log, contextlib.AsyncExitStack() as stack:
        sources = SourcesFile(folder.sources)
        yield await open_edge(folder, settings, log=log, sources=sources, metrics=Metrics(), stack=stack)


@contextlib.asynccontextmanager
async def owned_eraser(folder: DataFolder, urls: Urls, settings: EdgeSettings) -> AsyncIterator[Eraser]:
    """What erases, while no server runs: with an edge and a mind of our own. Raises FolderInUse, Taken and others."""
    async with owned_edge(folder, urls, settings) as edge:
        reading = await open_log(urls.log, writer=False, run_dir=folder.run)
        writing = await open_store(urls.store, writer=True, run_dir=folder.run)
        worker = Worker(reading, writing, hasher=hasher_of(folder))
        people = FoldedPeople(writing, edge.log, hasher_of(folder))
        try:
            await worker.catch_up()
            mind = asyncio.create_task(worker.run(), name="fold the log")
            try:
                eraser = eraser_for(folder, edge, people)
                await eraser.finish_all()
                yield eraser
            finally:
                mind.cancel()
                await asyncio.wait([mind])
        finally:
            await writing.close()
            await reading.close()


@contextlib.asynccontextmanager
async def opened_people(
    folder: DataFolder, urls: Urls, on_progress: Show = show_nothing
) -> AsyncIterator[FoldedPeople]:
    """Everyone in the log as of now: the mind is brought up to date first, by us or by the process that runs it.

    `on_progress(position, end)` is called as the mind gets on. Raises what opening raises, Failure when a mind that
    runs elsewhere does not get on.
    """
    async with opened_log(folder, urls) as log:
        store, ours = await _open_store(folder, urls)
        try:
            end = await log.end()
            if ours:
                await _catch_up(log, store, hasher_of(folder), end, on_progress)
            people = FoldedPeople(store, log, hasher_of(folder))
            if not (await people.wait_for(end, MIND_WAIT_S) and await people.settled(MIND_WAIT_S)):
                raise Failure(f"the mind has not folded in position {end}", "See its log, and `ariane doctor`.")
            yield people
        finally:
            await store.close()


async def _open_store(folder: DataFolder, urls: Urls) -> tuple[ProfileStore, bool]:
    """The store, and whether we are its writer; another process's mind may be."""
    try:
        return await open_store(urls.store, writer=True, run_dir=folder.run), True
    except Taken:
        return await open_store(urls.store, writer=False, run_dir=folder.run), False


async def _catch_up(log: EventLog, store: ProfileStore, hasher: Hasher, end: int, on_progress: Show) -> None:
    worker = Worker(log, store, hasher=hasher)
    while await worker.step(0.0):
        on_progress(await store.position(), end)
