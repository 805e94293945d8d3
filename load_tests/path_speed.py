"""The whole path: events accepted, made durable and folded into sessions and profiles, against the bare server's rate.

    python load_tests/path_speed.py --folder /tmp/path --events 1000000

The bodies are batches of 100, made first and kept in the folder. Server, mind and sender share the machine. Sent as
fast as it goes, but at most one part of 50,000 events ahead of the mind, so that every part's time is what the slowest
stage takes. Prints each part; then the last fifth of them against the bare server, which gets the same bodies in the
same minutes; then bytes on disk an event, everything included. Run again with more events, it goes on where it was.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime import clock
from collector.runtime.loop import run
from load_tests import wire
from load_tests.bare import bare_server
from load_tests.traffic import batches, traffic
from tests.running_ariane import Server, serving

PART = 50_000
SIZE = 100
CONNECTIONS = 16
START_MS = clock.from_text("2026-06-01T06:00:00Z")
EVENTS_PER_S = 1000.0
"""Of the history that is told: 1,000,000 events are a quarter of an hour of a large site."""


class Part(NamedTuple):
    """What a part of 50,000 events took."""

    by_clock: float
    """Events a second until all are folded."""
    http_us: float
    """Processor time an event, of each process."""
    mind_us: float


def bodies(folder: Path, people: int, first: int, last: int) -> Iterator[list[bytes]]:
    """The bodies of each part. Made as far as they are needed, and read back from the folder after that."""
    source = None
    for part in range(first, last):
        path = folder / f"bodies-{people}-{part}.nd"
        if not path.exists():
            if source is None:
                made = traffic(1, people=people, events_per_s=EVENTS_PER_S, start_ms=START_MS)
                source = batches(made, SIZE)
                for _ in range(part * PART // SIZE):
                    next(source)
            partial = path.with_suffix(".partial")
            partial.write_bytes(b"\n".join(each.body() for each in islice(source, PART // SIZE)))
            partial.rename(path)
        elif source is not None:
            for _ in range(PART // SIZE):
                next(source)
        yield path.read_bytes().split(b"\n")


async def send(client: wire.Client, requests: list[bytes]) -> int:
    """Send all; the highest position."""
    position, left = 0, iter(requests)

    async def sender() -> None:
        nonlocal position
        for request in left:
            answer = await client.ask(request)
            assert answer.status == 200, answer
            position = max(position, answer.position)

    await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    return position


async def folded(client: wire.Client, api_key: str, position: int) -> None:
    """Wait until everything up to a position is folded."""
    while True:
        asked = wire.get("/v1/profiles/anonymous_id:nobody", api_key, {"After-Position": str(position)})
        answer = await client.ask(asked)
        if answer.status == 404:
            return
        assert answer.status in (503, 504, 409), answer


async def fill(server: Server, folder: Path, people: int, first: int, last: int, bare_url: str) -> list[Part]:
    """Send the parts one after the other, at most one ahead of the mind.

    Each of the last fifth goes to the bare server first, and then to ours, which begins with nothing left to fold.
    """
    client = wire.Client(server.url, CONNECTIONS)
    bare = wire.Client(bare_url, CONNECTIONS)
    http = psutil.Process(server.process.pid)
    mind = http.children()[0]
    key, api_key = server.keys["write_key"], server.keys["api_key"]
    parts: list[Part] = []
    bare_rates: list[float] = []
    before, at_s, cpu = 0, time.monotonic(), _used_s(http, mind)
    measured_from = last - max(1, (last - first) // 5)
    for number, part in enumerate(bodies(folder, people, first, last), first):
        requests = [wire.post("/v1/batch", body, key) for body in part]
        if number >= measured_from:
            await folded(client, api_key, before)
            bare_rates.append(await _bare_rate(bare, requests))
        if number >= measured_from or number == first:
            before, at_s, cpu = 0, time.monotonic(), _used_s(http, mind)
        position = await send(client, requests)
        await folded(client, api_key, position if number >= measured_from else before)
        now_s, now_cpu = time.monotonic(), _used_s(http, mind)
        used = [(after - earlier) / PART * 1e6 for earlier, after in zip(cpu, now_cpu, strict=True)]
        parts.append(Part(PART / (now_s - at_s), *used))
        print(
            f"{(number + 1) * PART:>10,} stored  {parts[-1].by_clock:>8,.0f} events/s   "
            f"http {used[0]:5.1f} us, mind {used[1]:5.1f} us an event",
            flush=True,
        )
        before, at_s, cpu = position, now_s, now_cpu
    _report(parts[measured_from - first :], bare_rates)
    return parts


async def _bare_rate(bare: wire.Client, requests: list[bytes]) -> float:
    began_s = time.monotonic()
    await send(bare, requests)
    return PART / (time.monotonic() - began_s)


def _report(parts: list[Part], bare_rates: list[float]) -> None:
    rate, bare_rate = statistics.median(each.by_clock for each in parts), statistics.median(bare_rates)
    http_us, mind_us = (statistics.median(each[n] for each in parts) for n in (1, 2))
    print(f"whole path {rate:,.0f} events/s; the bare server, same bodies, {bare_rate:,.0f}: {rate / bare_rate:.3f}")
    print(f"processor time an event: http {http_us:.1f} us, mind {mind_us:.1f} us")
    print(f"with a core each that would be {1e6 / max(http_us, mind_us):,.0f} events/s")


def _used_s(*processes: psutil.Process) -> list[float]:
    return [sum(each.cpu_times()[:2]) for each in processes]


def size_of(folder: Path) -> int:
    """Bytes on disk of everything in it."""
    return sum(each.stat().st_blocks * 512 for each in folder.rglob("*") if each.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=100_000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    done = given.folder / "done.json"
    first = json.loads(done.read_text())["parts"] if done.exists() else 0
    last = given.events // PART
    for _ in bodies(given.folder, given.people, first, last):
        pass  # make them before anything is measured
    shutil.rmtree(given.folder / "bare", ignore_errors=True)
    with serving(given.folder / "data") as server, bare_server(given.folder / "bare") as (bare_url, _):
        run(fill(server, given.folder, given.people, first, last, bare_url))
    done.write_text(json.dumps({"parts": last}))
    shutil.rmtree(given.folder / "bare")
    data = given.folder / "data"
    each = {name: (data / name).stat().st_size / given.events for name in ("log.db", "store.db")}
    print(f"log {each['log.db']:.0f}, store {each['store.db']:.0f} bytes an event")
    print(f"{size_of(data) / given.events:.0f} bytes an event on disk, everything included")


if __name__ == "__main__":
    main()
