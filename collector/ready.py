"""An answer put together as bytes and written at once, where aiohttp's would be built header by header."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE, HttpVersion11

_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}


def answer(request: web.BaseRequest, status: int, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """The answer to a request, with a body and what every answer says beside `headers`.

    They are not looked at again: none may hold a line break. What is echoed of a request has passed aiohttp's parser.
    """
    if request.version != HttpVersion11 or not request.keep_alive:
        return web.Response(status=status, body=body, headers=headers)
    return _Ready(status, body, headers)


class _Ready(web.StreamResponse):
    """To a request of HTTP/1.1 that keeps its connection."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status=status)
        self._keep_alive = True
        self._said = headers
        self._bytes = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if not self._eof_sent:
            self._eof_sent = True
            await request.writer.write(self._head() + self._bytes)
        return None

    def _head(self) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in self._said.items()])
        closes = "" if self._keep_alive else "Connection: close\r\n"
        return (
            f"{_STATUS_LINES[self._status]}{lines}Content-Length: {len(self._bytes)}\r\n"
            f"Date: {rfc822_formatted_time()}\r\nServer: {SERVER_SOFTWARE}\r\n{closes}\r\n"
        ).encode()
