"""Web addresses as visitors' browsers write them: cut into parts, without credentials, never an exception."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from collector.enrich.fields import section, text
from collector.event import Event

MAX_URL_CHARS = 2048
"""What is kept of an address. Browsers and proxies rarely pass longer ones (RFC 9110 section 4.1 asks for 8,000)."""
MAX_READ_CHARS = 8000
"""What is looked at: campaign parameters may stand behind what is kept."""

_REMEMBERED = 4096
_MAX_REMEMBERED_CHARS = 512
"""Longer addresses are read each time, so that memory stays bounded: some 4 MB."""

_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?#]*@", re.IGNORECASE)


class Address(NamedTuple):
    """The parts of an address that somebody uses. `url` and `path` are at most MAX_URL_CHARS long."""

    url: str
    """As written, without `user:password@`."""
    scheme: str
    host: str
    """Lower case, without port; empty when the address names none."""
    path: str
    query: str
    fragment: str


def read_address(written: str) -> Address:
    """Cut an address into its parts. What is no address has no host, and itself (up to `?` or `#`) as its path.

    Remembered, since a page is the next one's referrer, and other visitors see it too.
    """
    return _remembered(written) if len(written) <= _MAX_REMEMBERED_CHARS else _read(written)


def _read(written: str) -> Address:
    bare = _CREDENTIALS.sub(lambda match: f"{match[1] or ''}//", written[:MAX_READ_CHARS])
    try:
        parts = urlsplit(bare)
        host = parts.hostname or ""
    except ValueError:  # a bracket that is no IPv6 address, or a host that changes under NFKC
        return Address(bare[:MAX_URL_CHARS], "", "", re.split("[?#]", bare, maxsplit=1)[0][:MAX_URL_CHARS], "", "")
    path = parts.path or ("/" if host else "")
    return Address(bare[:MAX_URL_CHARS], parts.scheme, host, path[:MAX_URL_CHARS], parts.query, parts.fragment)


_remembered = lru_cache(_REMEMBERED)(_read)


def page_of(event: Event) -> tuple[str | None, str | None, str | None]:
    """The address, path and referrer an event gives for its page, as sent: `context.page` first, else `properties`."""
    page = section(event.context, "page")
    properties = event.properties
    return (
        text(page.get("url"), MAX_READ_CHARS) or text(properties.get("url"), MAX_READ_CHARS),
        text(page.get("path"), MAX_URL_CHARS) or text(properties.get("path"), MAX_URL_CHARS),
        text(page.get("referrer"), MAX_READ_CHARS) or text(properties.get("referrer"), MAX_READ_CHARS),
    )
