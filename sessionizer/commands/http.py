"""The HTTP process: edge and API on one port, and the mind as a child. Opens everything, in order, and closes it so.

Closing goes backwards: no new connections, requests in hand are finished, then store, child and log are let go.
"""

import asyncio
import contextlib
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from aiohttp import web

from collector.app import add_edge_routes, answer_errors
from collector.enrich.lookups import watch
from collector.listener import EdgeRunner
from collector.log import EventLog, LogUnavailable
from collector.log.opening import make_room_to_start, open_log
from collector.pipeline import Edge
from collector.proxies import TrustedProxies
from collector.rate_limit import RateLimit
from collector.runtime.clock import monotonic_s, now_ms
from collector.runtime.folder import DataFolder
from collector.runtime.loop import collect_less_often, until_told_to_stop
from collector.runtime.metrics import Metrics
from collector.runtime.open_files import allow_open_files
from collector.runtime.supervise import Child
from collector.settings import EdgeSettings
from collector.sources import SourcesFile
from sessionizer.api import Api, Check, Erase, Retraction, refuse_to_erase
from sessionizer.api.app import add_api_routes
from sessionizer.api.retractions import retract_into
from sessionizer.commands.edge import eraser_for, open_edge
from sessionizer.commands.failures import Failure
from sessionizer.commands.folders import api_owned, hasher_of
from sessionizer.commands.listening import BACKLOG, url_of
from sessionizer.commands.mind import LOOK_AGAIN_S, log_for_reading
from sessionizer.commands.plan import Plan, Role, mind_arguments
from sessionizer.people import FoldedPeople
from sessionizer.store import ProfileStore, StoreUnavailable
from sessionizer.store.opening import open_store

STORE_WAIT_S = 60.0
"""How long the API waits for the mind to make the store, at a first start."""

Announce = Callable[[str], None]
Extend = Callable[[web.Application], None]


class _Parts(NamedTuple):
    """What the routes are made of."""

    log: EventLog
    sources: SourcesFile
    metrics: Metrics


async def run_http(plan: Plan, listener: socket.socket, announce: Announce, extend: Extend | None = None) -> None:
    """Serve until told to stop by SIGTERM or SIGINT. `announce(url)` is called once, when everything answers."""
    stop = asyncio.create_task(until_told_to_stop(), name="wait for a signal")
    try:
        async with _serving(plan, listener, extend, stop) as url:
            if not stop.done():
                announce(url)
            await stop
    finally:
        stop.cancel()
        await asyncio.wait([stop])


@contextlib.asynccontextmanager
async def _serving(
    plan: Plan, listener: socket.socket, extend: Extend | None, stop: asyncio.Task[None]
) -> AsyncIterator[str]:
    url = url_of(listener, plan.host)
    folder = plan.folder
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        if Role.EDGE in plan.roles:
            make_room_to_start(plan.urls.log)
        ownership = stack.enter_context(folder.owned()) if Role.EDGE in plan.roles else None
        announce_api = stack.enter_context(api_owned(folder)) if Role.API in plan.roles else None
        log = await _open_log(plan, stop)
        stack.push_async_callback(log.close)
        parts = _Parts(log, SourcesFile(folder.sources), Metrics())
        checks = [await _start_mind(plan, parts, stack)] if Role.MIND in plan.roles else []
        app = web.Application(middlewares=[answer_errors])
        edge: Edge | None = None
        if Role.EDGE in plan.roles:
            edge = await open_edge(
                folder, plan.edge, log=log, sources=parts.sources, metrics=parts.metrics, stack=stack
            )
            watching = asyncio.create_task(watch(edge.lookups), name="watch the geo databases")
            stack.push_async_callback(_cancelled, watching)
            add_edge_routes(app, edge)
        if Role.API in plan.roles:
            await _add_api(app, plan, parts, edge, checks, stack, stop)
        if extend is not None:
            extend(app)
        allow_open_files()
        runner = EdgeRunner(app, plan.edge, parts.metrics, shutdown_timeout=plan.stop_timeout_s)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        if ownership is not None:
            ownership.announce(url)
        if announce_api is not None:
            announce_api(url)
        collect_less_often()
        yield url


async def _open_log(plan: Plan, stop: asyncio.Task[None]) -> EventLog:
    if Role.EDGE in plan.roles:
        return await open_log(plan.urls.log, writer=True, run_dir=plan.folder.run)
    log = await log_for_reading(plan.urls.log, plan.folder.run, stop)
    if log is None:
        raise Failure("stopped before an edge had made the log")
    return log


async def _start_mind(plan: Plan, parts: _Parts, stack: contextlib.AsyncExitStack) -> Check:
    restarts = parts.metrics.counter("mind_restarts_total", "How often the mind's process was started again.")
    argv = [sys.executable, "-m", "sessionizer.commands.mind", *mind_arguments(plan)]
    child = Child(argv, name="mind", on_restart=restarts.inc)
    await stack.enter_async_context(child)

    async def check() -> str | None:
        return None if child.running else "the mind's process is not running; it is being started again"

    return check


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _add_api(
    app: web.Application,
    plan: Plan,
    parts: _Parts,
    edge: Edge | None,
    checks: list[Check],
    stack: contextlib.AsyncExitStack,
    stop: asyncio.Task[None],
) -> None:
    people = FoldedPeople(await _store_for_reading(plan, stop), parts.log, hasher_of(plan.folder))
    stack.push_async_callback(people.close)
    owns_log = edge is not None
    api = Api(
        people=people,
        log=parts.log,
        api_key=lambda: parts.sources.current(now_ms()).api_key,
        max_open_reads=plan.edge.max_open_reads,
        retry_after_s=_limited_by_address(plan.edge),
        retract=retract_into(parts.log) if owns_log else _refuse_to_retract,
        erase=await _start_erasing(plan.folder, edge, people, stack) if edge is not None else refuse_to_erase,
        metrics=parts.metrics,
        checks=checks,
        takes_events=owns_log,
    )
    add_api_routes(app, api)


def _limited_by_address(settings: EdgeSettings) -> Callable[[web.Request], int | None]:
    limit, proxies = RateLimit(settings.max_reads_per_s), TrustedProxies(settings.trusted_proxies)

    def retry_after_s(request: web.Request) -> int | None:
        return limit.retry_after_s(proxies.visitor(request.remote, request.secure, request.headers).ip)

    return retry_after_s


async def _start_erasing(
    folder: DataFolder, edge: Edge, people: FoldedPeople, stack: contextlib.AsyncExitStack
) -> Erase:
    """What erases; first it finishes what an earlier process left unfinished, meanwhile."""
    eraser = eraser_for(folder, edge, people)
    finishing = asyncio.create_task(eraser.keep_finishing(), name="finish erasures")
    stack.push_async_callback(_cancelled, finishing)
    return eraser.erase


async def _refuse_to_retract(*_: object) -> Retraction:
    raise LogUnavailable("this process does not own the log: send retractions to one with the roles edge and api")


async def _store_for_reading(plan: Plan, stop: asyncio.Task[None]) -> ProfileStore:
    """The store, once the mind has made it. Raises Failure when it does not in time."""
    deadline_s = monotonic_s() + STORE_WAIT_S
    while True:
        try:
            return await _opened_with_schema(plan)
        except (sqlite3.Error, StoreUnavailable) as error:
            if stop.done() or monotonic_s() > deadline_s:
                advice = "Start a process with the role mind on this folder; `ariane doctor` tells more."
                raise Failure(f"the mind has not made the store: {error}", advice) from error
        await asyncio.sleep(LOOK_AGAIN_S)


async def _opened_with_schema(plan: Plan) -> ProfileStore:
    store = await open_store(plan.urls.store, writer=False, run_dir=plan.folder.run)
    try:
        await store.position()  # fails while the tables are not there yet
    except BaseException:
        await store.close()
        raise
    return store
