"""Hours of steady traffic on a server of its own, then minutes near its limit: does anything grow that should not?

    python load_tests/soak.py --folder /tmp/soak --hours 2 --rate 1000
    python load_tests/plot_soak.py /tmp/soak/samples.ndjson load_tests/results      # draws it, also while it runs

Every ten seconds one line is added to `samples.ndjson` in the folder: memory, file descriptors and processor time of
each process, sizes of both WALs and of the whole data folder, what was sent and refused, and the median and the 99th
percentile of an ingest request, of write to read (answered with `After-Position`), and of a profile read. At the end
the capacity is measured (as fast as 64 connections can, until all is folded), and 60 % of it is sent for ten minutes.
The load generator and whatever else the machine does share the processors; the load average is in every line.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.runtime import clock
from collector.runtime.loop import run
from load_tests import wire
from load_tests.traffic import Sending, traffic
from tests.running_ariane import Server, serving

SAMPLE_S = 10.0
WRITES_PER_S, READS_PER_S = 5.0, 20.0
"""Probes, beside the traffic."""
CONNECTIONS = 64
CAPACITY_S = 30.0
"""How long to send as fast as possible."""
SHARE_OF_CAPACITY = 0.6
KNOWN_DEVICES = 50_000
"""From so many of those seen a profile read draws its device."""
MB = 2**20


class Soak:
    """One server under one load, watched."""

    def __init__(self, server: Server, folder: Path, people: int, seed: int, devices: Sequence[str] = ()) -> None:
        self._server = server
        self._folder = folder
        self._people = people
        self._client = wire.Client(server.url, CONNECTIONS)
        self._probe = wire.Client(server.url, CONNECTIONS)
        self._chance = Random(seed)
        self._devices = list(devices)
        """Seen ones, whose profiles are read."""
        self._samples = (folder / "samples.ndjson").open("ab")
        self._began_s = time.monotonic()
        self.phase = "steady"
        self.events = self.requests = self.failed = 0
        self.position = 0
        self.took_ms: dict[str, list[float]] = {"ingest": [], "write_to_read": [], "profile_read": []}

    async def steady(self, seed: int, events_per_s: float, for_s: float) -> None:
        """Send traffic at its own pace for so long; what cannot be sent in time is sent late, not left out."""
        began_s = time.monotonic()
        slots = asyncio.Semaphore(4 * CONNECTIONS)

        async def send(sending: Sending) -> None:
            await self._send(sending)
            slots.release()

        async with asyncio.TaskGroup() as group:
            for sending in self._traffic(seed, events_per_s):
                if sending.at_s > for_s or time.monotonic() - began_s > for_s:
                    break
                if (early_s := began_s + sending.at_s - time.monotonic()) > 0.002:
                    await asyncio.sleep(early_s)
                await slots.acquire()
                group.create_task(send(sending))

    async def capacity(self, seed: int) -> float:
        """Events a second from the first request until the last event is folded, sending as fast as possible."""
        began_s, before = time.monotonic(), self.events
        sendings = self._traffic(seed, 20_000)

        async def sender() -> None:
            while time.monotonic() - began_s < CAPACITY_S:
                await self._send(next(sendings))

        await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
        waits = {"After-Position": str(self.position)}
        while True:
            device = self._devices[-1]
            answer = await self._probe.ask(self._profile(device, waits))
            if answer.status == 200:
                return (self.events - before) / (time.monotonic() - began_s)

    def _traffic(self, seed: int, events_per_s: float) -> Iterator[Sending]:
        return traffic(seed, people=self._people, events_per_s=events_per_s, start_ms=clock.now_ms())

    async def _send(self, sending: Sending) -> None:
        key = self._server.keys[sending.key]
        request = wire.post("/v1/batch", sending.body(), key, sending.user_agent)
        answer = await self._timed("ingest", self._client, request)
        if answer is not None:
            self.events += len(sending.messages)
            self.requests += 1
            self.position = max(self.position, answer.position)
            self._remember(sending)

    def _remember(self, sending: Sending) -> None:
        device = sending.messages[0].get("anonymousId")
        if device is None:
            return
        if len(self._devices) < KNOWN_DEVICES:
            self._devices.append(device)
        elif self._chance.random() < 0.05:
            self._devices[self._chance.randrange(KNOWN_DEVICES)] = device

    async def _timed(self, what: str, client: wire.Client, *requests: bytes) -> wire.Answer | None:
        """Ask one after the other and note how long all took; the last answer, None when one failed."""
        began_s = time.monotonic()
        for request in requests:
            try:
                answer = await client.ask(request)
            except (OSError, TimeoutError) as error:
                print(f"{what}: {error!r}", flush=True)
                self.failed += 1
                return None
            if answer.status != 200:
                print(f"{what}: {answer.head[:60]!r} {answer.body[:200]!r}", flush=True)
                self.failed += 1
                return None
        self.took_ms[what].append((answer.at_s - began_s) * 1000)
        return answer

    def _profile(self, device: str, headers: dict[str, str] | None = None) -> bytes:
        return wire.get(f"/v1/profiles/anonymous_id:{device}", self._server.keys["api_key"], headers)

    async def read_profiles(self, per_s: float = READS_PER_S) -> None:
        """Read some device's profile so often, for ever, each on time whether or not the last one is answered."""
        async with asyncio.TaskGroup() as group:
            async for _ in _ticks(per_s):
                if self._devices:
                    profile = self._profile(self._chance.choice(self._devices))
                    group.create_task(self._timed("profile_read", self._probe, profile))

    async def write_and_read(self, per_s: float = WRITES_PER_S) -> None:
        """A page view, and the profile that shows it, so often, for ever, one after the other."""
        key = self._server.keys["write_key"]
        async for nth in _ticks(per_s):
            device = f"probe-{nth % 500}"
            body = msgspec.json.encode({"anonymousId": device, "properties": {"url": "https://shop.example/probe"}})
            began_s = time.monotonic()
            with suppress(
                OSError, TimeoutError
            ):  # a server that cannot be reached fails the traffic, and is counted there
                written = await self._probe.ask(wire.post("/v1/page", body, key))
                read = await self._probe.ask(self._profile(device, {"After-Position": str(written.position)}))
                if written.status == read.status == 200:
                    self.took_ms["write_to_read"].append((read.at_s - began_s) * 1000)
                else:
                    self.failed += 1

    def say(self, when: str, *names: str) -> None:
        """Print what was measured since the last time."""
        for name in names:
            count = len(self.took_ms[name])
            median_ms, p99_ms = self._taken(name)
            print(
                f"{name.replace('_', ' '):<14} {when:<24} median {median_ms:6.2f} ms  p99 {p99_ms:7.2f} ms  n {count:,}"
            )

    def _taken(self, name: str) -> tuple[float, float]:
        """The median and the 99th percentile in ms, of what was measured since the last time."""
        ordered = sorted(self.took_ms[name])
        self.took_ms[name].clear()
        return round(ordered[len(ordered) // 2], 2), round(ordered[int(len(ordered) * 0.99)], 2)

    async def sample(self) -> None:
        """Add a line every ten seconds, for ever."""
        family: dict[str, psutil.Process] = {}
        while True:
            await asyncio.sleep(SAMPLE_S)
            family = _family(self._server.process.pid, family)
            line = self._line(family)
            self._samples.write(msgspec.json.encode(line) + b"\n")
            self._samples.flush()

    def _line(self, family: dict[str, psutil.Process]) -> dict[str, Any]:
        line: dict[str, Any] = {
            "t_s": round(time.monotonic() - self._began_s, 1),
            "phase": self.phase,
            "events": self.events,
            "requests": self.requests,
            "failed": self.failed,
            "load_1min": round(os.getloadavg()[0], 2),
        }
        for name in self.took_ms:
            if (count := len(self.took_ms[name])) > 0:
                line[f"{name}_p50_ms"], line[f"{name}_p99_ms"] = self._taken(name)
                line[f"{name}_count"] = count
        for name, process in family.items():
            with suppress(psutil.NoSuchProcess):  # the mind is just being started again: the next line has it
                line[f"rss_{name}_mb"] = round(process.memory_info().rss / MB, 1)
                line[f"fds_{name}"] = process.num_fds()
                line[f"cpu_{name}_percent"] = process.cpu_percent()
        files = [each for each in (self._folder / "data").rglob("*") if each.is_file()]
        line["disk_mb"] = round(sum(each.stat().st_blocks * 512 for each in files) / MB, 1)
        for each in files:
            if each.name.endswith("-wal"):
                line[f"wal_{each.name.partition('.')[0]}_mb"] = round(each.stat().st_size / MB, 2)
        return line


async def _ticks(per_s: float) -> AsyncIterator[int]:
    """1, 2, 3 … at that pace; late ones at once."""
    began_s, nth = time.monotonic(), 0
    while True:
        nth += 1
        if (early_s := began_s + nth / per_s - time.monotonic()) > 0:
            await asyncio.sleep(early_s)
        yield nth


def _family(pid: int, known: dict[str, psutil.Process]) -> dict[str, psutil.Process]:
    """The server's processes, the same objects as before where they live on (they remember their processor time)."""
    parent = psutil.Process(pid)
    found = dict(zip(("http", "mind"), (parent, *parent.children()), strict=False))
    return {name: known[name] if known.get(name) == each else each for name, each in found.items()}


async def soak(server: Server, given: argparse.Namespace) -> None:
    it = Soak(server, given.folder, given.people, given.seed)
    watching = [asyncio.create_task(each) for each in (it.sample(), it.read_profiles(), it.write_and_read())]
    await it.steady(given.seed, given.rate, given.hours * 3600)
    print(f"steady: {it.events:,} events in {it.requests:,} requests, {it.failed} failed", flush=True)
    it.phase = "capacity"
    capacity = await it.capacity(given.seed + 1)
    print(f"capacity: {capacity:,.0f} events/s, accepted and folded", flush=True)
    it.phase = "busy"
    await it.steady(given.seed + 2, capacity * SHARE_OF_CAPACITY, given.busy_minutes * 60)
    for each in watching:
        each.cancel()
    await asyncio.wait(watching)
    for each in watching:
        if not each.cancelled() and each.exception() is not None:
            raise each.exception()  # type: ignore[misc]
    print(f"all: {it.events:,} events in {it.requests:,} requests, {it.failed} failed", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the data and the samples; made if need be")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--busy-minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second")
    parser.add_argument("--people", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with serving(given.folder / "data") as server:
        run(soak(server, given))


if __name__ == "__main__":
    main()
