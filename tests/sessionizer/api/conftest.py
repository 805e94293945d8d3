"""The read API over the real thing: a log and a store in memory, the mind, and Ada, whom it knows."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from collector.app import answer_errors
from collector.event import Contact, Derived, Event, Trust, to_record
from collector.log import Record, Stored
from collector.log.memory import MemoryLog
from collector.runtime.metrics import Metrics
from sessionizer.api import Api
from sessionizer.api.app import add_api_routes
from sessionizer.api.retractions import retract_into
from sessionizer.people import FoldedPeople
from sessionizer.store.memory import MemoryStore
from sessionizer.worker import Worker

KEY = "the-api-key"


def an_event(message_id: str, at: str, **fields: Any) -> Event:
    """An event of Ada's laptop."""
    at = f"2026-11-24T{at}.000Z"
    derived = Derived(browser="Firefox", os="Linux", device_type="desktop", country="FR", channel="direct")
    told = {"type": "track", "trust": Trust.PUBLIC, "source": "shop", "anonymous_id": "d1", "derived": derived} | fields
    return Event(message_id=message_id, timestamp=at, received_at=at, **told)


STORY = [
    an_event("m1", "08:00:01", type="page", name="Home"),
    an_event("m2", "08:00:02", event="Product Viewed", properties={"sku": "2"}),
    an_event(
        "m3",
        "08:00:03",
        type="identify",
        user_id="ada",
        contacts=(
            Contact(type="email", value="ada@example.com"),
            Contact(type="phone", value="+33612345678"),
            Contact(type="crm/id", value="a/b:c%2F+d é"),
        ),
        traits={"name": "Ada", "age": 36, "plan": {"tier": 1}, "city": None},
    ),
    an_event(
        "m4", "08:00:04", event="Order Completed", properties={"order_id": "o1", "revenue": 59.7, "currency": "EUR"}
    ),
    an_event("m5", "09:00:00", event="Product Viewed", properties={"sku": "5"}),
]


class FragileLog(MemoryLog):
    """A log in memory on a medium that can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.fetches_left = 0

    def fail(self, failure: Exception, after_fetches: int = 0) -> None:
        """From the so-manieth fetch on, fail."""
        self.failure, self.fetches_left = failure, after_fetches

    async def fetch(self, positions: Sequence[int]) -> list[Stored]:
        if self.failure is not None:
            if self.fetches_left == 0:
                raise self.failure
            self.fetches_left -= 1
        return await super().fetch(positions)

    async def take(self, *events: Event) -> int:
        """Append events; the position after them."""
        return await self.append([Record(event.anonymous_id or "", to_record(event)) for event in events])


@pytest.fixture
def log() -> FragileLog:
    return FragileLog()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def mind(log: FragileLog, store: MemoryStore) -> Worker:
    """The worker, which has folded the story in."""
    worker = Worker(log, store)
    await log.take(*STORY)
    await worker.catch_up()
    return worker


@pytest.fixture
def api(log: FragileLog, store: MemoryStore) -> Api:
    return Api(
        people=FoldedPeople(store, log),
        log=log,
        api_key=lambda: KEY,
        retract=retract_into(log),
        metrics=Metrics(),
        max_lag_events=3,
        max_lag_s=10.0,
    )


@pytest.fixture
def app(api: Api, mind: Worker) -> web.Application:
    app = web.Application(middlewares=[answer_errors])
    add_api_routes(app, api)
    return app


@pytest.fixture
async def stranger(app: web.Application, aiohttp_client) -> TestClient:  # type: ignore[no-untyped-def]
    """A client without the key."""
    return await aiohttp_client(app, auto_decompress=False)


@pytest.fixture
async def client(app: web.Application, aiohttp_client) -> TestClient:  # type: ignore[no-untyped-def]
    return await aiohttp_client(app, headers={"Authorization": f"Bearer {KEY}"})


@pytest.fixture
def basic():  # type: ignore[no-untyped-def]
    """The header of HTTP Basic for a user and a password."""
    return lambda user, password="": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def event():  # type: ignore[no-untyped-def]
    """Makes events: `event(message_id, "09:00:00", **fields)`."""
    return an_event
