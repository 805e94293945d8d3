"""One connection that waits for nobody longer than it should: not for a request to come, not for an answer to be taken.

aiohttp closes idle connections, but lets a request's headers and body trickle in for ever, and an answer wait for ever
for a reader. Only the connection knows when the first byte of a request came, so the clock runs here: data that ends no
request starts it, the end of the body stops it. A request that is complete but for its body is answered 408; one
without its headers is just closed. When an answer is not taken, the transport says so (`pause_writing`).
"""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web

from collector.counters import ConnectionCounters
from collector.problems import as_bytes, problem
from collector.rejection import Reason
from collector.settings import EdgeSettings

GRACE_S = 1.0
"""What a late request's handler gets to answer 408, and what was answered to leave, before the connection is cut."""
MAX_HEAD_BYTES = 64 * 1024
"""A request's line and headers together; aiohttp alone allows 1 MB. nginx takes 32 KB, Node 16 KB."""


class RequestLate(TimeoutError):
    """The body did not come in time. Answer 408 and close the connection."""


class DeadlineProtocol(web.RequestHandler):
    """One connection. Costs a comparison for a request that comes in one piece, as nearly all do."""

    __slots__ = ("_alarm", "_arriving", "_counters", "_head_bytes", "_settings", "_stall", "_surplus")

    def __init__(
        self, manager: web.Server, settings: EdgeSettings, counters: ConnectionCounters, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self._settings = settings
        self._counters = counters
        self._alarm: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._arriving: Any = None
        """The body of the newest request; None while its headers are not complete."""
        self._head_bytes = 0
        self._surplus = False

    @property
    def idle(self) -> bool:
        """Nothing is being asked or answered."""
        waits = self._waiter is not None and not self._waiter.done()
        return waits and self._alarm is None and not self._force_close

    @property
    def answering(self) -> bool:
        """A request that has come in whole is being answered."""
        return self._request_in_progress and self._alarm is None

    # Requests come ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._surplus:
            self._turn_away(Reason.UNAVAILABLE, 503, "too many connections are open", self._settings.retry_after_s)
            return
        requests_before = self._request_count
        super().data_received(data)
        if self._request_count != requests_before and self._messages:
            self._arriving = self._messages[-1][1]
            self._head_bytes = 0
        complete = self._arriving is not None and self._arriving.is_eof()
        if complete:
            self._arriving = None
            self._stop_clock()
        elif data and not self._upgraded:
            if self._alarm is None:
                self._alarm = self._loop.call_later(self._settings.read_deadline_s, self._late)
            if self._arriving is None:
                self._limit_head(len(data))

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

    def _limit_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._counters.cut("long_head")
            self._turn_away(Reason.UNREADABLE, 431, f"a request's headers may have {MAX_HEAD_BYTES} bytes")

    def _late(self) -> None:
        self._counters.cut("late")
        request = self._current_request
        if request is None or self._arriving is None or self._arriving.exception() is not None:
            self.force_close()
            return
        request.content.set_exception(RequestLate())
        self._alarm = self._loop.call_later(GRACE_S, self.force_close)

    def _stop_clock(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # Answers go ------------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self._loop.call_later(self._settings.stall_s, self._stalled, self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall()

    def _stalled(self, transport: asyncio.Transport | None) -> None:
        self._counters.cut("stalled")
        if transport is not None:
            transport.abort()

    def _stop_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """The answer says `Connection: close` where the server is about to end."""
        if getattr(self._manager, "draining", False) and not resp.prepared:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    # The connection --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        transport = self.transport
        await super().start()
        self._cut_unless_taken(transport, self._settings.stall_s)

    def turn_away(self, *, at_once: bool) -> None:
        """There is no room for it: 503 to whatever it asks, or just cut it."""
        self._counters.cut("surplus")
        if at_once:
            self.force_close()
        else:
            self._surplus = True
            self._alarm = self._loop.call_later(GRACE_S, self.force_close)

    def force_close(self) -> None:
        """Close it, and cut it when the other side does not take what was answered before."""
        transport = self.transport
        super().force_close()
        self._cut_unless_taken(transport, GRACE_S)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_clock()
        self._stop_stall()
        self._arriving = None
        super().connection_lost(exc)

    def _turn_away(self, reason: Reason, status: int, detail: str, retry_after_s: int | None = None) -> None:
        if self.transport is not None:
            self.transport.write(as_bytes(status, reason.value, detail, retry_after_s))
        self.force_close()

    def _cut_unless_taken(self, transport: asyncio.Transport | None, after_s: float) -> None:
        if transport is not None and transport.get_write_buffer_size():
            self._loop.call_later(after_s, transport.abort)
