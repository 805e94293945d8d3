"""The edge's rate against the bare server's, for the same bodies: single events, and batches of 100.

    python load_tests/edge_speed.py [--rounds 5] [--seconds 4]

Both run at once and are asked in turns, so that whatever else the machine does meets both. A rate is counted twice: by
the clock, and by processor seconds of the server alone (what one core would give, whoever else wants it). The ratio is
that of the medians by processor seconds. Ends with both ratios.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime import clock
from collector.runtime.loop import run
from load_tests import wire
from load_tests.bare import bare_server
from load_tests.traffic import batches, traffic
from tests.running_ariane import serving

CONNECTIONS = 64
POOL = 20_000
"""Different events; each round begins anew, and our log keeps them all: it is the mind that knows a duplicate."""


class Target(NamedTuple):
    """A server under load."""

    name: str
    url: str
    pid: int
    key: str


class Rate(NamedTuple):
    """Requests a second."""

    by_clock: float
    by_processor: float


def singles(key: str) -> list[bytes]:
    """Page views and the like, one a request, as browsers send them."""
    sendings = islice(traffic(1, people=10_000, events_per_s=1000, start_ms=clock.now_ms() - 86_400_000), POOL)
    return [
        wire.post(f"/v1/{message['type']}", msgspec.json.encode(message), key, sending.user_agent)
        for sending in sendings
        for message in sending.messages
    ]


def hundreds(key: str) -> list[bytes]:
    """Batches of 100, from many visitors."""
    sendings = traffic(1, people=10_000, events_per_s=1000, start_ms=clock.now_ms() - 86_400_000)
    return [
        wire.post("/v1/batch", each.body(), key, each.user_agent)
        for each in islice(batches(sendings, 100), POOL // 100)
    ]


async def measure(target: Target, requests: Sequence[bytes], for_s: float) -> Rate:
    """Send them over and over on many connections."""
    client = wire.Client(target.url, CONNECTIONS)
    process = psutil.Process(target.pid)
    count = 0
    at = iter(_forever(requests))
    end_s = time.monotonic() + for_s

    async def sender() -> None:
        nonlocal count
        while time.monotonic() < end_s:
            answer = await client.ask(next(at))
            assert answer.status == 200, answer
            count += 1

    began_s, before_s = time.monotonic(), sum(process.cpu_times()[:2])
    await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    took_s, used_s = time.monotonic() - began_s, sum(process.cpu_times()[:2]) - before_s
    client.close()
    return Rate(count / took_s, count / used_s)


def _forever(requests: Sequence[bytes]):  # type: ignore[no-untyped-def]
    while True:
        yield from requests


async def compare(ours: Target, bare: Target, rounds: int, for_s: float) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for what, size, requests in (("single events", 1, singles(ours.key)), ("batches of 100", 100, hundreds(ours.key))):
        found: dict[str, list[Rate]] = {ours.name: [], bare.name: []}
        for target in (ours, bare):
            await measure(target, requests, 1.0)  # warm up
        for _ in range(rounds):
            for target in (ours, bare):
                found[target.name].append(await measure(target, requests, for_s))
        for name, rates in found.items():
            by_clock = statistics.median(each.by_clock for each in rates) * size
            by_processor = statistics.median(each.by_processor for each in rates) * size
            print(
                f"{what:<15} {name:<7} {by_clock:>10,.0f} events/s {by_processor:>10,.0f} events per processor second"
            )
        ratios[what] = statistics.median(
            mine.by_processor / its.by_processor for mine, its in zip(found[ours.name], found[bare.name], strict=True)
        )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="ariane-speed-") as folder,
        serving(Path(folder) / "ours", "--roles", "edge") as server,
        bare_server(Path(folder) / "bare") as (url, pid),
    ):
        ours = Target("ariane", server.url, server.process.pid, server.keys["write_key"])
        ratios = run(compare(ours, Target("bare", url, pid, ""), given.rounds, given.seconds))
    for what, ratio in ratios.items():
        print(f"{what}: {ratio:.2f} of the bare server")


if __name__ == "__main__":
    main()
