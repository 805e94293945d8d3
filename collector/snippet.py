"""Serves the tracker: one file, in memory as it is and gzipped, with an ETag.

What must live here: how the script is cached. What must not: anything about a visitor; everyone gets the same bytes.
"""

import gzip
import hashlib
from importlib.resources import files

from aiohttp import hdrs, web

PATH = "/t.js"


class Tracker:
    """The built script, read once."""

    def __init__(self, script: bytes, max_age_s: int) -> None:
        self._plain = script
        self._gzipped = gzip.compress(script, 9, mtime=0)
        self._etag = hashlib.sha256(script).hexdigest()[:20]
        self._headers = {
            hdrs.CACHE_CONTROL: f"public, max-age={max_age_s}, stale-while-revalidate=86400",
            hdrs.ETAG: f'"{self._etag}"',
            hdrs.VARY: "Accept-Encoding",
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }

    @classmethod
    def built(cls, max_age_s: int) -> "Tracker":
        """The one in this package. Raises FileNotFoundError when it was never built (`tracker_js/`)."""
        return cls(files("collector").joinpath("static/tracker.js").read_bytes(), max_age_s)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD."""
        if any(tag.value in (self._etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=self._headers)
        headers = {**self._headers, hdrs.CONTENT_TYPE: "text/javascript; charset=utf-8"}
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
            return web.Response(body=self._gzipped, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
        return web.Response(body=self._plain, headers=headers)
