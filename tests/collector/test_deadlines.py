"""A request that dawdles is closed; one that does not is left alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running_edge import RunningEdge, make_edge, running, with_settings

HEAD = b"POST /v1/page?writeKey=wk_open HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"
BODY = b'{"anonymousId":"a1"}'


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with running(make_edge(tmp_path, with_settings(read_deadline_s=0.3, keepalive_s=5.0))) as started:
        yield started


async def dribble(edge: RunningEdge, request: bytes, pause_s: float) -> tuple[bytes, float]:
    """Send a request byte by byte until the other side has had enough; its answer, and how long that took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(edge.url.rpartition(":")[2]))
    started = time.monotonic()
    answer = asyncio.ensure_future(reader.read())
    for byte in request:
        writer.write(bytes([byte]))
        await asyncio.sleep(pause_s)
        if answer.done():
            break
    try:
        got = await answer
    except ConnectionResetError:  # closed while we were still sending
        got = b""
    writer.close()
    return got, time.monotonic() - started


async def test_slow_headers_are_closed(hasty: RunningEdge) -> None:
    answer, took_s = await dribble(hasty, HEAD + BODY, 0.02)
    assert answer == b""
    assert 0.25 < took_s < 1.0


async def test_a_slow_body_is_told_408_and_closed(hasty: RunningEdge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hasty.url.rpartition(":")[2]))
    writer.write(HEAD + BODY[:5])
    started = time.monotonic()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"timed_out"' in answer
    assert time.monotonic() - started < 1.5
    writer.close()


async def test_the_body_of_a_refused_request_is_not_waited_for(hasty: RunningEdge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hasty.url.rpartition(":")[2]))
    writer.write(HEAD.replace(b"wk_open", b"wrong") + BODY[:5])
    started = time.monotonic()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401")
    assert time.monotonic() - started < 1.5
    writer.close()


async def test_an_idle_connection_and_the_requests_on_it_are_left_alone(hasty: RunningEdge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hasty.url.rpartition(":")[2]))
    for _ in range(3):
        await asyncio.sleep(0.4)
        writer.write(HEAD)
        await asyncio.sleep(0.1)
        writer.write(BODY)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"}")
    writer.close()
    assert len(await hasty.events()) == 3


async def test_pipelined_requests_are_all_answered(hasty: RunningEdge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hasty.url.rpartition(":")[2]))
    writer.write((HEAD + BODY) * 5)
    for _ in range(5):
        assert b"200" in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
    writer.close()


async def test_a_long_answer_is_not_cut_by_the_deadline(hasty: RunningEdge) -> None:
    async with hasty.session.get(hasty.url + "/v1/live", headers={"Authorization": "Bearer ak_secret"}) as tail:
        await tail.content.readline()
        await asyncio.sleep(0.8)
        await hasty.post("/v1/page", {"anonymousId": "a"})
        assert b"accepted" in await tail.content.readline()
