"""Events as a browser, a phone and a server send them, and the real lookups to enrich them with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.enrich import Lookups, enrich, open_lookups
from collector.event import Derived, Event, Trust
from collector.raw import RawRequest
from collector.sources import Source

DATA = Path(__file__).parent / "data"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)


@pytest.fixture(scope="session")
def lookups() -> Iterator[Lookups]:
    """Everything real: the packages' patterns, the shipped lists, MaxMind's test database."""
    opened = open_lookups(DATA)
    yield opened
    opened.close()


def _event(**fields: Any) -> Event:
    defaults: dict[str, Any] = {
        "type": "page",
        "message_id": "m1",
        "timestamp": "2026-11-24T08:00:00.000Z",
        "received_at": "2026-11-24T08:00:00.000Z",
        "source": "default",
        "trust": Trust.PUBLIC,
    }
    return Event(**defaults | fields)


def _request(**fields: Any) -> RawRequest:
    defaults: dict[str, Any] = {"method": "POST", "path": "/v1/page", "headers": {"user-agent": CHROME}}
    return RawRequest(**defaults | fields)


def _source(**fields: Any) -> Source:
    defaults: dict[str, Any] = {"name": "default", "write_key": "w", "server_key": "s", "identity_secret": "i"}
    return Source(**defaults | fields)


@pytest.fixture
def make_event() -> Callable[..., Event]:
    """Makes an event: a public page view, but for the fields given."""
    return _event


@pytest.fixture
def make_request() -> Callable[..., RawRequest]:
    """Makes a request: Chrome's, but for the fields given."""
    return _request


@pytest.fixture
def make_source() -> Callable[..., Source]:
    """Makes a source with no settings but those given."""
    return _source


@pytest.fixture
def derive(lookups: Lookups) -> Callable[..., Derived]:
    """What enrichment derives from an event's fields, given a request and a source."""

    def run(request: RawRequest | None = None, source: Source | None = None, **event: Any) -> Derived:
        return enrich(_event(**event), request or _request(), lookups, source or _source()).derived

    return run
