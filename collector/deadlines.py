"""A server that waits for no request longer than its deadline, from the request's first byte to its last.

aiohttp closes idle connections, but lets a request's headers and body trickle in for ever. Only the connection knows
when the first byte of a request came, so the clock runs there: data that ends no request starts it, the end of the body
stops it. A request that is complete but for its body is answered 408; one without its headers is just closed.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web

from collector.problems import problem
from collector.rejection import Reason
from collector.settings import EdgeSettings

GRACE_S = 1.0
"""What a late request's handler gets to answer 408 before the connection is cut."""


class RequestLate(TimeoutError):
    """The body did not come in time. Answer 408 and close the connection."""


class DeadlineProtocol(web.RequestHandler):
    """One connection. Costs a comparison for a request that comes in one piece, as nearly all do."""

    __slots__ = ("_alarm", "_arriving", "_deadline_s")

    def __init__(self, manager: web.Server, deadline_s: float, **options: Any) -> None:
        super().__init__(manager, **options)
        self._deadline_s = deadline_s
        self._alarm: asyncio.TimerHandle | None = None
        self._arriving: Any = None
        """The body of the newest request; None while its headers are not complete."""

    def data_received(self, data: bytes) -> None:
        requests_before = self._request_count
        super().data_received(data)
        if self._request_count != requests_before and self._messages:
            self._arriving = self._messages[-1][1]
        complete = self._arriving is not None and self._arriving.is_eof()
        if complete:
            self._arriving = None
            self._stop_clock()
        elif self._alarm is None and data and not self._upgraded:
            self._alarm = self._loop.call_later(self._deadline_s, self._late)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp answers by itself. Bytes that are no HTTP are no error of ours: not logged, a problem+json."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        response = problem(status, Reason.UNREADABLE.value, "this is no HTTP request")
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_clock()
        self._arriving = None
        super().connection_lost(exc)

    def _stop_clock(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _late(self) -> None:
        request = self._current_request
        if request is None or self._arriving is None or self._arriving.exception() is not None:
            self.force_close()
            return
        request.content.set_exception(RequestLate())
        self._alarm = self._loop.call_later(GRACE_S, self.force_close)


class DeadlineServer(web.Server):
    """Makes DeadlineProtocols."""

    def __init__(self, handler: Any, deadline_s: float, *, request_factory: Any, **options: Any) -> None:
        super().__init__(handler, request_factory=request_factory, **options)
        self._deadline_s = deadline_s
        self._options = {name: value for name, value in options.items() if name != "handler_cancellation"}

    def __call__(self) -> web.RequestHandler:
        return DeadlineProtocol(self, self._deadline_s, loop=self._loop, **self._options)


class EdgeRunner(web.AppRunner):
    """Runs an application as an edge must be run: deadlines on, nothing inflated unasked, no access log."""

    def __init__(self, app: web.Application, settings: EdgeSettings, **options: Any) -> None:
        self._deadline_s = settings.read_deadline_s
        self._protocol_options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "handler_cancellation": False,  # a sender that hangs up must not stop an append half way
            "keepalive_timeout": settings.keepalive_s,
            "lingering_time": settings.read_deadline_s,
        }
        super().__init__(app, **options, **self._protocol_options)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return DeadlineServer(
            made.request_handler, self._deadline_s, request_factory=made.request_factory, **self._protocol_options
        )
