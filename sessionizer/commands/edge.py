"""An edge put together: what collecting needs, opened, for a server and for commands that take events themselves."""

import asyncio
import contextlib

from collector.counters import EdgeCounters
from collector.enrich import open_lookups
from collector.erasure import Against, read_erased
from collector.live import Live
from collector.log import EventLog
from collector.log.refused import SqliteRefused
from collector.pipeline import Edge
from collector.rate_limit import RateLimits
from collector.runtime import clock
from collector.runtime.folder import DataFolder, Lock
from collector.runtime.metrics import Metrics
from collector.settings import EdgeSettings
from collector.sources import SourceRegistry
from sessionizer.cleaning import clean_backups
from sessionizer.commands.folders import hasher_of
from sessionizer.eraser import Eraser
from sessionizer.people import FoldedPeople


def eraser_for(folder: DataFolder, edge: Edge, people: FoldedPeople) -> Eraser:
    """What erases people from this edge's log, its folder and the backups of it."""
    return Eraser(
        people,
        edge.log,
        edge.refused,
        keep_away=edge.erasures.add,
        new_id=edge.new_id,
        now_ms=clock.now_ms,
        undisturbed=lambda: Lock(folder.backup_lock),
        clean_backups=lambda: clean_backups(folder, edge.log, people.erasures.hasher),
    )


async def open_edge(
    folder: DataFolder,
    settings: EdgeSettings,
    *,
    log: EventLog,
    sources: SourceRegistry,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
) -> Edge:
    """An Edge on this log, which the caller owns; the stack closes the rest. Raises Taken, SchemaTooNew, WrongKey."""
    refused = await SqliteRefused.open(folder.refused, writer=True)
    stack.push_async_callback(refused.close)
    lookups = await asyncio.to_thread(open_lookups, folder.geo)
    stack.callback(lookups.close)
    counters = EdgeCounters(metrics)
    erasures = Against(hasher_of(folder), [read_erased(each) for each in await log.marked()])
    return Edge(
        sources=sources,
        log=log,
        refused=refused,
        lookups=lookups,
        settings=settings,
        counters=counters,
        live=Live(settings.max_live_backlog, counters.live_missed.inc),
        limits=RateLimits.of(settings),
        erasures=erasures,
    )
