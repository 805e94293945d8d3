"""HTTP/1.1 as light as can be, so that a load generator leaves the machine to what it measures.

Prepared bytes out, one request at a time on each connection; of the answer only what is asked for is looked at.
"""

import asyncio
import base64
import re
import time
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)\r\n")
_POSITION = re.compile(rb"\r\n[Ll]og-[Pp]osition: (\d+)\r\n")
TIMEOUT_S = 60.0


class Answer(NamedTuple):
    """What came back, and when its last byte did (monotonic seconds)."""

    status: int
    head: bytes
    body: bytes
    at_s: float

    @property
    def position(self) -> int:
        """`Log-Position`; 0 when there is none."""
        found = _POSITION.search(self.head)
        return int(found[1]) if found else 0


def post(path: str, body: bytes, key: str, user_agent: str = "load", headers: Mapping[str, str] | None = None) -> bytes:
    """A POST of JSON with a key as HTTP Basic user, in bytes."""
    user = base64.b64encode(f"{key}:".encode()).decode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nUser-Agent: {user_agent}\r\n"
        f"Authorization: Basic {user}\r\n{_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, key: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A GET with the API key, in bytes."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\n"
        f"Authorization: Bearer {key}\r\n{_lines(headers)}\r\n"
    ).encode()


def _lines(headers: Mapping[str, str] | None) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())


class Connection(asyncio.Protocol):
    """One kept-alive connection; `ask` again once the answer is there."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True  # uvloop's is no subclass of it

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[: end + 2]
        length = _LENGTH.search(head)
        stop = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < stop or self._waiting is None:
            return
        body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
        if not self._waiting.done():
            self._waiting.set_result(Answer(int(head[9:12]), head, body, time.monotonic()))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("closed"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Client:
    """A pool of connections to one server, at most `limit`."""

    def __init__(self, url: str, limit: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._free: list[Connection] = []
        self._slots = asyncio.Semaphore(limit)

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Raises ConnectionError and TimeoutError."""
        async with self._slots:
            connection = await self._connection()
            async with asyncio.timeout(TIMEOUT_S):
                answer = await connection.ask(request)
            self._free.append(connection)
            return answer

    async def _connection(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            if connection.open:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Connection, self._host, self._port)
        return made

    def close(self) -> None:
        for each in self._free:
            each.close()
