"""A real edge on a real port, on the memory log: what the edge's tests talk to."""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from collector.app import make_app
from collector.counters import EdgeCounters
from collector.enrich import open_lookups
from collector.event import Event, from_record
from collector.listener import EdgeRunner
from collector.live import Live
from collector.log import Refusal
from collector.log.memory import MemoryLog, MemoryRefused
from collector.pipeline import Edge
from collector.rate_limit import RateLimits
from collector.runtime.metrics import Metrics
from collector.settings import EdgeSettings
from collector.snippet import Script
from collector.sources import FixedSources, Source, Sources

SHOP = "https://shop.example"

OPEN = Source(name="default", write_key="wk_open", server_key="sk_open", identity_secret="s" * 32, phone_region="FR")
"""A source that takes any origin."""
LISTED = Source(
    name="listed",
    write_key="wk_listed",
    server_key="sk_listed",
    identity_secret="t" * 32,
    origins=(SHOP,),
    blocked_ids=("test-user",),
    server_only_contacts=("loyalty_card",),
)
NO_BOTS = Source(
    name="no-bots",
    write_key="wk_nobots",
    server_key="sk_nobots",
    identity_secret="u" * 32,
    exclude_bots=True,
    honour_opt_out=True,
)
SOURCES = Sources(api_key="ak_secret", sources=(OPEN, LISTED, NO_BOTS))


def basic(key: str) -> dict[str, str]:
    """Headers with a key as the HTTP Basic user."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


class RunningEdge:
    """An edge, the session that talks to it, and what it stored."""

    def __init__(self, edge: Edge, url: str, session: aiohttp.ClientSession) -> None:
        self.edge = edge
        self.url = url
        self.session = session

    async def post(
        self, path: str, body: Any, key: str | None = "wk_open", headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """POST a body (JSON unless bytes); status, decoded answer, headers."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**(basic(key) if key else {}), **(headers or {})}
        async with self.session.post(self.url + path, data=data, headers=sent) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if raw else None, answer.headers

    async def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, Any]:
        async with self.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def events(self) -> list[Event]:
        """Everything in the log."""
        return [from_record(each.body) for each in await self.edge.log.read(0, 0, 100_000)]

    async def refused(self) -> list[Refusal]:
        return await self.edge.refused.read(0, 100_000)


def make_edge(folder: Path, settings: EdgeSettings | None = None, **parts: Any) -> Edge:
    """An Edge on memory; `parts` replace its fields."""
    settings = settings or EdgeSettings()
    fields: dict[str, Any] = {
        "sources": FixedSources(SOURCES),
        "log": MemoryLog(),
        "refused": MemoryRefused(),
        "lookups": open_lookups(folder),
        "settings": settings,
        "counters": EdgeCounters(Metrics()),
        "live": Live(settings.max_live_backlog),
        "limits": RateLimits.of(settings),
    }
    return Edge(**{**fields, **parts})


@asynccontextmanager
async def running(edge: Edge) -> AsyncIterator[RunningEdge]:
    """The edge on a free port of 127.0.0.1."""
    runner = EdgeRunner(
        make_app(edge, {"/t.js": Script(b"/* tracker */" * 100, 3600)}), edge.settings, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield RunningEdge(edge, f"http://127.0.0.1:{port}", session)
    finally:
        await runner.cleanup()


def compressed(body: Any) -> bytes:
    """A body as gzipped JSON."""
    return gzip.compress(body if isinstance(body, bytes) else json.dumps(body).encode())


def with_settings(**changes: Any) -> EdgeSettings:
    return msgspec.structs.replace(EdgeSettings(), **changes)
