"""One visitor over several domains: tokens that stand for a device while a link is followed.

A token is random, works once, for a minute, for the browser and address that asked for it, and only in memory: a
restart forgets all. It is no identifier and never stored. Whoever sends somebody a link with a token of their own gains
nothing: another browser at another address cannot trade it, and the tracker trades only what it finds on a page that
was reached from a listed domain, in a browser that knows of no device.
"""

import secrets
from typing import NamedTuple

from collector.raw import RawRequest

LIFE_MS = 60_000
MAX_TOKENS = 100_000
"""About 30 MB; beyond it the oldest are forgotten."""


class _Link(NamedTuple):
    anonymous_id: str
    source: str
    browser: tuple[str | None, str | None]
    expires_at_ms: int


class Links:
    """The tokens of one edge."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def give(self, anonymous_id: str, source: str, request: RawRequest) -> str:
        """A token for this device of this source, for whoever sent the request."""
        now_ms = request.received_at_ms
        while self._links:  # oldest first, and all live equally long
            oldest = next(iter(self._links))
            if len(self._links) < MAX_TOKENS and self._links[oldest].expires_at_ms > now_ms:
                break
            del self._links[oldest]
        token = secrets.token_urlsafe(18)
        self._links[token] = _Link(anonymous_id, source, _browser(request), now_ms + LIFE_MS)
        return token

    def take(self, token: object, source: str, request: RawRequest) -> str | None:
        """The device a token stands for, once; None for every token that is not this source's and this browser's."""
        link = self._links.pop(token, None) if isinstance(token, str) else None
        if link is None or link.expires_at_ms <= request.received_at_ms:
            return None
        return link.anonymous_id if (link.source, link.browser) == (source, _browser(request)) else None


def _browser(request: RawRequest) -> tuple[str | None, str | None]:
    return request.remote_ip, request.headers.get("user-agent")
