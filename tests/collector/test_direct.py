"""Events may arrive by the short way or through aiohttp's router; nobody can tell from the answer."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.running_edge import SHOP, RunningEdge, basic, make_edge, running

EVENT = b'{"anonymousId": "a", "event": "Seen"}'
LONG_WAYS = ("/v1/track/", "/v1/track?by=router")
"""Paths that go through the router, with the answer of `/v1/track`."""
_VARYING = re.compile(rb"(?<=\r\n)(Date|Log-Position): [^\r]+")


async def asked(edge: RunningEdge, path: str, body: bytes = EVENT, version: str = "1.1", **headers: str) -> bytes:
    """All the bytes of an answer, its date and position aside."""
    host, port = edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    said = {"Host": "x", **basic("wk_listed"), **headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
    writer.write(f"POST {path} HTTP/{version}\r\n{lines}\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None, head
    answer = head + await reader.readexactly(int(length[1]))
    writer.close()
    return _VARYING.sub(rb"\1: ...", answer)


@pytest.mark.parametrize(
    ("body", "version", "headers"),
    [
        (EVENT, "1.1", {}),
        (EVENT, "1.1", {"Origin": SHOP}),
        (EVENT, "1.1", {"Origin": SHOP, "Cookie": "ariane_id=b"}),
        (EVENT, "1.1", {"Connection": "close"}),
        (EVENT, "1.0", {}),
        (EVENT, "1.0", {"Connection": "keep-alive"}),
        (EVENT, "1.1", {"Origin": "https://elsewhere.example"}),
        (EVENT, "1.1", {"Authorization": "Basic !"}),
        (b'{"event": ', "1.1", {}),
        (b'{"event": "Seen"}', "1.1", {}),
        (b"", "1.1", {}),
    ],
)
async def test_both_ways_give_the_same_answer(
    edge: RunningEdge, body: bytes, version: str, headers: dict[str, str]
) -> None:
    short = await asked(edge, "/v1/track", body, version, **headers)
    for long in LONG_WAYS:
        assert await asked(edge, long, body, version, **headers) == short


async def test_who_waits_to_be_told_to_continue_is(edge: RunningEdge) -> None:
    host, port = edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(EVENT)}\r\n"
    writer.write(f"{head}Authorization: {basic('wk_open')['Authorization']}\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(EVENT)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_an_answer_says_what_aiohttps_own_would_in_its_order(tmp_path: Path) -> None:
    async with running(make_edge(tmp_path)) as edge:
        answer = await asked(edge, "/v1/track")
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    assert (status, body) == (b"HTTP/1.1 200 OK", b'{"success":true}')
    assert [line.partition(b":")[0] for line in lines] == [
        b"Vary",
        b"Log-Position",
        b"Content-Type",
        b"Content-Length",
        b"Date",
        b"Server",
    ]
