"""The short way: requests for just the paths where events arrive pass by aiohttp's router and middlewares.

What must live here: which requests may go it. Whatever is not plainly one of them (a query, another method, `Expect`)
goes through the application as ever, and is answered the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

DirectHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

DIRECT = web.AppKey("direct", Mapping[str, DirectHandler])
"""What answers POST, by path as it stands in the request line. They let no exception out that is no cancellation."""


class Crossing:
    """Where the two ways part. What it gives a server takes the place of what the application does."""

    def __init__(self, made: web.Server, direct: Mapping[str, DirectHandler]) -> None:
        self._handle_any, self._make_any = made.request_handler, made.request_factory
        self._direct = direct

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        """A request that knows of no application, where the short way is open to it."""
        if message.method == hdrs.METH_POST and message.path in self._direct and hdrs.EXPECT not in message.headers:
            return web.BaseRequest(message, payload, protocol, writer, task, protocol._loop)
        return self._make_any(message, payload, protocol, writer, task)

    def handle(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Its answer, to wait for."""
        if isinstance(request, web.Request):
            return self._handle_any(request)
        return self._direct[request.raw_path](request)
