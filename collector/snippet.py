"""Serves the tracker: its two files, in memory as they are and gzipped, with ETags.

What must live here: how the scripts are cached. What must not: anything about a visitor; everyone gets the same bytes.
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from importlib.resources import files

from aiohttp import hdrs, web

FILES = {"/t.js": "tracker.js", "/t-extras.js": "tracker-extras.js"}
"""Path → name of the built file (`tracker_js/build.mjs`). The first loads the second when the page has time."""


class Script:
    """One built script, read once."""

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

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD."""
        if any(tag.value in (self._etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=self._headers)
        headers = {**self._headers, hdrs.CONTENT_TYPE: "text/javascript; charset=utf-8"}
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
            return web.Response(body=self._gzipped, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
        return web.Response(body=self._plain, headers=headers)


def built(path: str) -> bytes:
    """The script of a path of FILES as it is in this package. Raises FileNotFoundError when it was never built."""
    return files("collector").joinpath("static", FILES[path]).read_bytes()


def integrity(path: str) -> str:
    """What a page's `integrity` attribute says of that script (https://www.w3.org/TR/SRI/)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(built(path)).digest()).decode()}"


def scripts(max_age_s: int) -> Mapping[str, Script]:
    """Every path of FILES, and what is served there."""
    return {path: Script(built(path), max_age_s) for path in FILES}
