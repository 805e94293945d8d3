"""How long a profile of 10,000 events takes as of any date. Prints the slowest of all dates tried, in ms, last.

    python load_tests/as_of.py [EVENTS]

One person, two devices, a mix of pages, carts, orders and logins over five years, on SQLite files in a temporary
folder. Each figure is the fastest of three, so that a busy machine disturbs it less; the processor's time is shown
beside it.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from collector.event import Contact, Derived, Event, Trust, to_record
from collector.log import Record
from collector.log.sqlite import SqliteLog
from collector.runtime.clock import from_text, to_text
from collector.runtime.loop import collect_less_often
from sessionizer.people import FoldedPeople
from sessionizer.reading import Who
from sessionizer.store.sqlite import SqliteStore
from sessionizer.worker import Worker

FIRST_MS = from_text("2021-01-01")
SPAN_MS = 5 * 365 * 86_400_000
EMAIL = (Contact(type="email", value="jane@example.com"),)
PAGE = Derived(
    browser="Firefox",
    os="Linux",
    device_type="desktop",
    country="FR",
    channel="direct",
    page_url="https://shop.example/p/1",
)


def event(n: int, count: int) -> Event:
    """The n-th event: twenty make a visit, which begins with a login and ends with an order."""
    at = to_text(FIRST_MS + n // 20 * 20 * (SPAN_MS // count) + n % 20 * 60_000)
    told: dict[str, Any] = {
        "message_id": f"7b0f86ac-41af-4a4e-8bd3-{n:012}",
        "timestamp": at,
        "received_at": at,
        "original_timestamp": at,
        "sent_at": at,
        "source": "shop",
        "trust": Trust.PUBLIC,
        "anonymous_id": f"7b0f86ac-41af-4a4e-8bd3-device{n // 20 % 2}",
        "context": {"userAgent": "Mozilla/5.0 (X11; Linux x86_64)", "page": {"url": PAGE.page_url, "title": "A shoe"}},
        "derived": PAGE,
    }
    match n % 20:
        case 0:
            traits = {"email": "jane@example.com", "plan": n % 3}
            return Event(type="identify", user_id="jane", contacts=EMAIL, traits=traits, **told)
        case 19:
            bought = {"order_id": f"o{n}", "revenue": 59.7, "currency": "EUR"}
            return Event(type="track", event="Order Completed", properties=bought, **told)
        case 5 | 10 | 15:
            added = {"product_id": f"p{n % 50}", "price": 19.9, "quantity": 1}
            return Event(type="track", event="Product Added", properties=added, **told)
        case 1 | 6 | 11 | 16:
            return Event(type="track", event="Page Left", properties={"engaged_ms": 8000}, **told)
    return Event(type="page", name="Product", properties={"url": PAGE.page_url}, **told)


async def measure(count: int) -> float:
    """The slowest date's time, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        log = await SqliteLog.open(Path(folder) / "log.db", writer=True)
        store = await SqliteStore.open(Path(folder) / "store.db", writer=True)
        await log.append([Record("", to_record(event(n, count))) for n in range(count)])
        await Worker(log, store).catch_up()
        collect_less_often()
        people = FoldedPeople(store, log)
        slowest_ms = 0.0
        for percent in (0, 1, 25, 50, 75, 99, 100):
            as_of_ms = FIRST_MS + SPAN_MS * percent // 100
            wall_ms, cpu_ms, events = await _fastest(people, as_of_ms)
            print(
                f"as of {to_text(as_of_ms)[:10]}  {events:>7,} events  {wall_ms:7.1f} ms  ({cpu_ms:.1f} ms processor)"
            )
            slowest_ms = max(slowest_ms, wall_ms)
        await store.close()
        await log.close()
        return slowest_ms


async def _fastest(people: FoldedPeople, as_of_ms: int) -> tuple[float, float, int]:
    best = (float("inf"), 0.0, 0)
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        profile = await people.profile(Who("user_id", "jane"), as_of_ms=as_of_ms)
        took_ms = (time.perf_counter() - wall) * 1000
        events = profile.totals.events if profile is not None else 0
        best = min(best, (took_ms, (time.process_time() - cpu) * 1000, events))
    return best


if __name__ == "__main__":
    print(f"{asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)):.1f}")
