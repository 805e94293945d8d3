"""Runs an application as an edge must be run: who may be connected, for how long, and how it ends."""

import asyncio
from itertools import islice
from typing import Any

from aiohttp import web

from collector.counters import ConnectionCounters
from collector.deadlines import DeadlineProtocol
from collector.direct import DIRECT, Crossing
from collector.runtime.metrics import Metrics
from collector.runtime.open_files import open_files
from collector.settings import EdgeSettings

SPARE = 50
"""So many connections too many are told to come back; what goes beyond is cut without a word."""
RESERVED_FILES = 100
"""Files a process may open that are kept for databases, pipes and the surplus, whatever `max_connections` says."""
LOOK_AT = 100
"""How many of the oldest connections are looked at for an idle one, so that a flood costs no more than that."""
QUIET_S = 0.5
"""How long a listener that ends goes on answering connections it has, each one's next request with its last answer."""
LOOK_AGAIN_S = 0.01


class DeadlineServer(web.Server):
    """Makes DeadlineProtocols, and counts them."""

    def __init__(
        self, crossing: Crossing, settings: EdgeSettings, counters: ConnectionCounters, options: dict[str, Any]
    ) -> None:
        super().__init__(crossing.handle, request_factory=crossing.make_request, **options)
        self.draining = False
        self._settings = settings
        self._max_connections = min(settings.max_connections, max(1, open_files() - RESERVED_FILES))
        self._counters = counters
        self._options = {name: value for name, value in options.items() if name != "handler_cancellation"}
        counters.open.set_function(lambda: len(self._connections))

    def __call__(self) -> web.RequestHandler:
        return DeadlineProtocol(self, self._settings, self._counters, loop=self._loop, **self._options)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """One more. When there are too many, one that is idle makes room; when none is, the new one has to go."""
        super().connection_made(handler, transport)
        surplus = len(self._connections) - self._max_connections
        if surplus > 0 and isinstance(handler, DeadlineProtocol) and not self._make_room():
            handler.turn_away(at_once=surplus > SPARE)

    async def drain(self, quiet_s: float) -> None:
        """Let every connection end with an answer that says so; after `quiet_s`, close those that ask nothing."""
        self.draining = True
        clock = asyncio.get_running_loop().time
        until = clock() + quiet_s
        while self._connections and clock() < until:  # noqa: ASYNC110 - they end one by one, each by its own callback
            await asyncio.sleep(LOOK_AGAIN_S)
        for each in self.connections:
            if isinstance(each, DeadlineProtocol) and not each.answering:
                each.force_close()

    def _make_room(self) -> bool:
        for each in islice(self._connections, LOOK_AT):
            if isinstance(each, DeadlineProtocol) and each.idle:
                self._counters.cut("idle")
                each.force_close()
                return True
        return False


class EdgeRunner(web.AppRunner):
    """Runs an application as an edge must be run: deadlines on, nothing inflated unasked, no access log."""

    def __init__(
        self, app: web.Application, settings: EdgeSettings, metrics: Metrics | None = None, **options: Any
    ) -> None:
        self._settings = settings
        self._counters = ConnectionCounters(metrics or Metrics())
        self._protocol_options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "handler_cancellation": False,  # a sender that hangs up must not stop an append half way
            "keepalive_timeout": settings.keepalive_s,
            "lingering_time": settings.read_deadline_s,
        }
        super().__init__(app, **options, **self._protocol_options)

    async def cleanup(self) -> None:
        """Stop listening, answer what is still asked on open connections, finish what is in hand, and end.

        Connections that the kernel has accepted for us would be reset with the listener, so they are taken first.
        """
        if isinstance(self._server, DeadlineServer):
            for _ in range(2):
                await asyncio.sleep(0)
            for site in list(self._sites):
                await site.stop()
            await self._server.drain(min(QUIET_S, self._shutdown_timeout))
        await super().cleanup()

    async def _make_server(self) -> web.Server:
        crossing = Crossing(await super()._make_server(), self.app.get(DIRECT, {}))
        return DeadlineServer(crossing, self._settings, self._counters, self._protocol_options)
