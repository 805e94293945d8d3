"""Sending events from a command: to the running server, as any client would, else through an edge of our own."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp

from collector.pipeline import Edge, collect
from collector.raw import RawRequest
from collector.rejection import Refused
from collector.runtime.clock import now_ms
from collector.runtime.folder import DataFolder
from collector.settings import EdgeSettings
from sessionizer.commands.asking import require_ok, session, sources_of
from sessionizer.commands.failures import Failure
from sessionizer.commands.opened import owned_edge
from sessionizer.commands.plan import Urls

Send = Callable[[bytes], Awaitable[tuple[int, list[tuple[int, str]]]]]
"""Send the body of a batch; its log position, and (index, reason) of each event refused. Raises Failure."""


@contextlib.asynccontextmanager
async def sender(
    folder: DataFolder, urls: Urls, source_name: str | None, settings: EdgeSettings
) -> AsyncIterator[tuple[Send, str]]:
    """How to send events as this source's server would, and its name. Raises Failure, and what opening raises."""
    index = sources_of(folder)
    source = index.default if source_name is None else index.named(source_name)
    if source is None:
        raise Failure(f"there is no source {source_name!r}", f"Add it with `ariane sources add {source_name}`.")
    owner = folder.owner()
    if owner is not None and owner.url is not None:
        async with session(owner.url, user=source.server_key) as http:
            yield over_http(http), source.name
        return
    async with owned_edge(folder, urls, settings) as edge:
        yield into(edge, source.server_key), source.name


def over_http(http: aiohttp.ClientSession) -> Send:
    """Send with this session, which has the key; waits when the server asks for it."""

    async def send(body: bytes) -> tuple[int, list[tuple[int, str]]]:
        while True:
            async with http.post("/v1/batch", data=body, headers={"Content-Type": "application/json"}) as response:
                if response.status in (429, 503):
                    await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
                    continue
                await require_ok(response)
                said = await response.json()
                refused = [
                    (each["index"], _why(each["reason"], each.get("detail"))) for each in said.get("rejected", ())
                ]
                return int(response.headers["Log-Position"]), refused

    return send


def into(edge: Edge, key: str, *, again: bool = False) -> Send:
    """Send through this edge with a source's key; `again`: what was received and rejected before."""
    headers = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}

    async def send(body: bytes) -> tuple[int, list[tuple[int, str]]]:
        request = RawRequest(method="POST", path="/v1/batch", headers=headers, body=body, received_at_ms=now_ms())
        try:
            receipt = await collect(request, edge, again=again)
        except Refused as refused:
            advice = "`ariane doctor` tells more; repeat this when it is mended."
            raise Failure(f"events are not taken: {refused.detail or refused.reason}", advice) from refused
        return receipt.position, [(each.index, _why(each.reason, each.detail)) for each in receipt.rejections]

    return send


def _why(reason: str, detail: str | None) -> str:
    return f"{reason}: {detail}" if detail else reason
