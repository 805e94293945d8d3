"""How a listener ends: nobody new, a last answer to everybody else, and nothing of what was asked is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from collector.app import make_app
from collector.listener import EdgeRunner
from collector.pipeline import Edge
from tests.running_edge import make_edge

HEAD = b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"
BODY = b'{"anonymousId":"a1"}'
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return make_edge(tmp_path)


@pytest.fixture
async def runner(edge: Edge) -> AsyncIterator[EdgeRunner]:
    runner = EdgeRunner(make_app(edge), edge.settings, shutdown_timeout=5.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


async def connected(runner: EdgeRunner) -> Connection:
    """A connection that has had an answer, and is kept."""
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(HEAD + BODY)
    assert b"200" in await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"}")
    return reader, writer


async def test_a_kept_connection_gets_one_more_answer_which_says_that_it_is_the_last(
    runner: EdgeRunner, edge: Edge
) -> None:
    reader, writer = await connected(runner)
    address = runner.addresses[0]
    ending = asyncio.ensure_future(runner.cleanup())
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*address)
    writer.write(HEAD + BODY)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b'{"success":true}')
    await ending
    assert len(await edge.log.read(0, 0, 10)) == 2


async def test_a_connection_the_kernel_has_taken_is_answered_too(runner: EdgeRunner) -> None:
    opening = [asyncio.ensure_future(asyncio.open_connection(*runner.addresses[0])) for _ in range(20)]
    connections = [await each for each in opening]
    ending = asyncio.ensure_future(runner.cleanup())
    for _, writer in connections:
        writer.write(HEAD + BODY)
    for reader, _ in connections:
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    await ending


async def test_a_request_in_hand_is_finished(runner: EdgeRunner, edge: Edge) -> None:
    append, go_on = edge.log.append, asyncio.Event()

    async def slowly(records, tally=None):  # type: ignore[no-untyped-def]
        await go_on.wait()
        return await append(records, tally)

    edge.log.append = slowly  # type: ignore[method-assign]
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(HEAD + BODY)
    await asyncio.sleep(0.1)
    ending = asyncio.ensure_future(runner.cleanup())
    await asyncio.sleep(0.8)
    go_on.set()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    await ending
    assert len(await edge.log.read(0, 0, 10)) == 1


async def test_who_asks_nothing_or_dawdles_does_not_hold_it_up(runner: EdgeRunner, edge: Edge) -> None:
    idle = await connected(runner)
    half = await connected(runner)
    half[1].write(HEAD + BODY[:5])
    head = await connected(runner)
    head[1].write(HEAD[:9])
    await asyncio.sleep(0.1)
    async with asyncio.timeout(4):  # a request in hand would get 5 s
        await runner.cleanup()
    for reader, _ in (idle, half, head):
        assert b"200" not in await reader.read()
    assert len(await edge.log.read(0, 0, 10)) == 3
