"""An edge put together: what collecting needs, opened, for a server and for commands that take events themselves."""

import asyncio
import contextlib

from collector.counters import EdgeCounters
from collector.enrich import open_lookups
from collector.live import Live
from collector.log import EventLog
from collector.log.refused import SqliteRefused
from collector.pipeline import Edge
from collector.runtime.folder import DataFolder
from collector.runtime.metrics import Metrics
from collector.settings import EdgeSettings
from collector.sources import SourceRegistry


async def open_edge(
    folder: DataFolder,
    settings: EdgeSettings,
    *,
    log: EventLog,
    sources: SourceRegistry,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
) -> Edge:
    """An Edge on this log, which the caller owns; the rest is closed by the stack. Raises Taken, SchemaTooNew."""
    refused = await SqliteRefused.open(folder.refused, writer=True)
    stack.push_async_callback(refused.close)
    lookups = await asyncio.to_thread(open_lookups, folder.geo)
    stack.callback(lookups.close)
    counters = EdgeCounters(metrics)
    return Edge(
        sources=sources,
        log=log,
        refused=refused,
        lookups=lookups,
        settings=settings,
        counters=counters,
        live=Live(settings.max_live_backlog, counters.live_missed.inc),
    )
