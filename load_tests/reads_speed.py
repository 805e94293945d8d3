"""How soon a write can be read, at 1,000 events/s; how fast a profile is read, at 500/s among 1,000,000 people.

    python load_tests/reads_speed.py --folder /tmp/people --people 1000000

First a folder of so many people, most with one page view and some with three, is made (kept, and used again). Then a
minute each of: traffic at 1,000 events/s, with 20 writes a second that are read back by `After-Position`; the same on
a server that is idle otherwise; and 500 profile reads a second of people drawn evenly, without other traffic.
"""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import Derived, Event, Trust, to_record
from collector.log import Record
from collector.log.sqlite import SqliteLog
from collector.runtime.clock import from_text, to_text
from collector.runtime.loop import collect_less_often, run
from load_tests.soak import Soak
from load_tests.traffic import device_of
from sessionizer.store.sqlite import SqliteStore
from sessionizer.worker import Worker
from tests.running_ariane import Server, serving

AT_MS = from_text("2026-03-01T08:00:00Z")
APPEND = 10_000
DEVICES = 50_000
"""Among so many of the people, drawn evenly, those to be read are drawn."""


def page_view(person: int, nth: int) -> Event:
    at = to_text(AT_MS + person * 50 + nth * 30_000)
    page = {"url": f"https://shop.example/p/{person % 2000}", "path": f"/p/{person % 2000}", "title": "A shoe"}
    return Event(
        type="page",
        message_id=f"{person:08}-7d42-4c1b-9a6e-{nth:012}",
        timestamp=at,
        received_at=at,
        source="default",
        trust=Trust.PUBLIC,
        anonymous_id=device_of(person, "laptop"),
        properties=page,
        context={"page": page, "locale": "de-DE"},
        derived=Derived(browser="Firefox", os="Linux", device_type="desktop", page_url=page["url"], channel="direct"),
    )


async def make(folder: Path, people: int) -> None:
    """The folder, as a server would have filled it."""
    log = await SqliteLog.open(folder / "log.db", writer=True)
    store = await SqliteStore.open(folder / "store.db", writer=True)
    worker = Worker(log, store)
    collect_less_often()
    for start in range(0, people, APPEND):
        views = [
            page_view(each, n)
            for each in range(start, min(start + APPEND, people))
            for n in range(3 if each % 10 == 0 else 1)
        ]
        await log.append([Record("", to_record(each)) for each in views])
        await worker.catch_up()
        print(f"\r{start + APPEND:,} people", end="", flush=True)
    print()
    await store.close()
    await log.close()


async def measure(server: Server, folder: Path, people: int, for_s: float) -> None:
    with closing(sqlite3.connect(folder / "data" / "store.db")) as db:
        (last,) = db.execute("select max(visitor) from visitors").fetchone()
        wanted = [(number,) for number in Random(1).sample(range(1, last + 1), min(DEVICES, last))]
        keys = [db.execute("select key from visitors where visitor = ?", each).fetchone() for each in wanted]
    it = Soak(server, folder, people, 1, [key[1:] for (key,) in filter(None, keys) if key.startswith("d")])
    await _within(for_s, it.steady(1, 1000.0, for_s), it.write_and_read(20.0))
    it.say("at 1,000 events/s", "write_to_read", "ingest")
    await _within(for_s / 2, it.write_and_read(20.0))
    it.say("idle otherwise", "write_to_read")
    await _within(for_s, it.read_profiles(500.0))
    it.say(f"{last:,} people, 500/s", "profile_read")


async def _within(for_s: float, *works: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(each) for each in works]
    done, running = await asyncio.wait(tasks, timeout=for_s)
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for each in done:
        each.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    made = given.folder / "made"
    with serving(given.folder / "data"):
        pass  # makes the folder and its keys
    if not made.exists():
        run(make(given.folder / "data", given.people))
        made.touch()
    with serving(given.folder / "data") as server:
        run(measure(server, given.folder, given.people, given.seconds))


if __name__ == "__main__":
    main()
