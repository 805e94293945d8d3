"""Who is let in, who makes room, and who is cut: connections that ask little and stay long."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from collector.deadlines import MAX_HEAD_BYTES
from collector.listener import SPARE, EdgeRunner
from collector.runtime.metrics import Metrics
from tests.running_edge import RunningEdge, make_edge, running, with_settings

ASK = b"GET /t.js HTTP/1.1\r\nHost: x\r\n\r\n"
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with running(make_edge(tmp_path, with_settings(max_connections=3))) as started:
        yield started


@pytest.fixture
async def connect(narrow: RunningEdge) -> AsyncIterator[Connect]:
    writers = []

    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(narrow.url.rpartition(":")[2]))
        writers.append(writer)
        return reader, writer

    yield connected
    for each in writers:
        each.close()


async def answered(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    """The status line of what a connection is answered."""
    connection[1].write(ASK)
    line = await connection[0].readline()
    await connection[0].readuntil(b"\r\n\r\n")
    await connection[0].readexactly(len(b"/* tracker */" * 100))
    return line


async def test_the_longest_connected_idle_one_makes_room(connect: Connect) -> None:
    kept = [await connect() for _ in range(3)]
    for each in kept:
        assert b"200" in await answered(each)
    assert b"200" in await answered(await connect())
    assert await kept[0][0].read() == b""
    assert b"200" in await answered(kept[1])


async def test_where_nobody_is_idle_the_new_one_is_told_to_come_back(narrow: RunningEdge, connect: Connect) -> None:
    for _ in range(3):
        (await connect())[1].write(ASK[:5])
    await asyncio.sleep(0.1)
    reader, writer = await connect()
    writer.write(ASK)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 2\r\n" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"}")


async def test_a_flood_of_connections_is_cut_and_leaves_nothing_behind(narrow: RunningEdge, connect: Connect) -> None:
    busy = [await connect() for _ in range(3)]
    for _, writer in busy:
        writer.write(ASK[:5])
    await asyncio.sleep(0.1)
    flood = [await connect() for _ in range(SPARE + 20)]
    answers = await asyncio.gather(*(reader.read() for reader, _ in flood), return_exceptions=True)
    assert all(answer == b"" or isinstance(answer, ConnectionError) for answer in answers)
    for _, writer in busy:
        writer.write(ASK[5:])
    for reader, _ in busy:
        assert b"200" in await reader.readline()
    assert b"200" in await answered(await connect())


async def test_headers_without_end_are_refused(narrow: RunningEdge, connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(ASK[:-2])
    line = b"x-%d: " + b"x" * 7000 + b"\r\n"
    for number in range(MAX_HEAD_BYTES // 7000 + 1):
        writer.write(line % number)
        await asyncio.sleep(0.01)
    assert (await reader.read()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("ending", ["", "Connection: close\r\n"])
async def test_a_reader_that_takes_nothing_is_cut(ending: str) -> None:
    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 10_000_000)

    app = web.Application()
    app.router.add_get("/", large)
    metrics = Metrics()
    runner = EdgeRunner(app, with_settings(stall_s=0.2), metrics)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(runner.addresses[0])
        greedy.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{ending}\r\n".encode())
        async with asyncio.timeout(30):
            while b'connections_cut_total{why="stalled"} 1.0' not in metrics.exposition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while runner.server.connections:  # type: ignore[union-attr]  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await runner.cleanup()
