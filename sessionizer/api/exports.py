"""Everything of one kind, as a stream of NDJSON. What ends cleanly is complete: a failure breaks the connection."""

import asyncio
import logging
from contextlib import aclosing

from aiohttp import web

from sessionizer.api import Api
from sessionizer.api.answers import NOT_KEPT
from sessionizer.api.problems import Problem, ProblemReason

_log = logging.getLogger(__name__)

EXPORTS = ("profiles", "events", "sessions")

MAX_STALL_S = 60.0
"""How long a reader may take no byte before it is let go: it holds the store's snapshot open meanwhile."""


async def export(request: web.Request, api: Api) -> web.StreamResponse:
    """GET /v1/export/{profiles,events,sessions}"""
    what = request.match_info["what"]
    if what not in EXPORTS:
        raise Problem(ProblemReason.NOT_FOUND, 404, f"There are exports of {', '.join(EXPORTS)}.")
    async with aclosing(api.people.export(what)) as chunks:
        first = await anext(chunks, b"")  # what fails before the first byte can still be answered with a problem
        response = web.StreamResponse(headers={**NOT_KEPT, "Vary": "Accept-Encoding"})
        response.content_type = "application/x-ndjson"
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
        complete = False
        try:
            await response.prepare(request)
            await _write(response, first)
            async for chunk in chunks:
                await _write(response, chunk)
            async with asyncio.timeout(MAX_STALL_S):
                await response.write_eof()
            complete = True
        except TimeoutError:
            _log.info("an export was broken off: its reader took nothing for %s s", MAX_STALL_S)
        finally:
            if not complete and request.transport is not None:
                request.transport.abort()
    return response


def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3): named, or `*`, and not with `q=0`."""
    weights: dict[str, bool] = {}
    for part in header.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        weights[coding] = weight.strip("0.") != "" if weight else True
    return weights.get("gzip", weights.get("*", False))


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    async with asyncio.timeout(MAX_STALL_S):
        await response.write(chunk)
