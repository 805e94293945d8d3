"""Asking the running server over HTTP, as any client would."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from collector.runtime.clock import now_ms
from collector.runtime.folder import DataFolder
from collector.sources import SourceIndex, SourcesFile
from sessionizer.commands.failures import Failure

CONNECT_TIMEOUT_S = 5.0
STALL_TIMEOUT_S = 120.0
"""How long an answer may bring no byte."""


@contextlib.asynccontextmanager
async def session(
    url: str, *, bearer: str | None = None, user: str | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with the server at this URL: with the API key as `bearer`, or a write or server key as Basic `user`."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=STALL_TIMEOUT_S)
    if user:
        headers["Authorization"] = aiohttp.BasicAuth(user).encode()
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as opened:
        yield opened


def sources_of(folder: DataFolder) -> SourceIndex:
    """The sources and keys as they are now, made when there are none. Raises SourcesInvalid."""
    return SourcesFile(folder.create().sources).current(now_ms())


async def require_ok(response: aiohttp.ClientResponse) -> None:
    """Return for a 200. Raises Failure with what the server says."""
    if response.status == 200:
        return
    problem: dict[str, Any] = {}
    with contextlib.suppress(aiohttp.ClientError, ValueError):
        problem = await response.json(content_type=None) or {}
    detail = problem.get("detail") or response.reason
    advice = {
        401: "Its keys differ from those in this folder: give the folder it runs on with --data.",
        404: "Is it another program, or a process without this role?",
        503: "Try again shortly; `ariane doctor` tells more.",
    }.get(response.status, "")
    raise Failure(f"the server answered {response.status}: {detail}", advice)
