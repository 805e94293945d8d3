"""Send far more than a server can take, at once, and see what it holds and what it says.

    python load_tests/flood.py [--senders 400] [--seconds 20]

Each sender posts full batches (2,500 events, nearly 500 KB) as fast as it can, every other one gzipped to 20 KB, and
comes back at once whatever it is told. Meanwhile a good client sends a page view after the other. Every answer must be
200, or 503 or 429 with `Retry-After`; the books must balance afterwards. The last line is the peak of the HTTP
process's memory.
"""

import argparse
import asyncio
import gzip
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp
import psutil

from collector.runtime.loop import run
from load_tests.slow_clients import good_ms, p95
from tests.running_ariane import ariane, serving

EVENTS = 2500
MIB = 2**20
LOOK_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--senders", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-flood-") as made:
        folder = Path(made) / "data"
        with serving(folder) as server:
            process = psutil.Process(server.process.pid)
            alone = good_ms(server, 100)
            before, peak = process.memory_info().rss, Peak(process)
            context = multiprocessing.get_context("spawn")
            answers = context.Queue()
            flooding = context.Process(
                target=flood,
                args=(server.url, server.keys["write_key"], options.senders, options.seconds, answers),
                daemon=True,
            )
            with peak:
                flooding.start()
                beside = good_ms(server, 20)
                said = answers.get(timeout=options.seconds + 300)
                flooding.join()
            metrics = server.get("/metrics").body.decode()
            assert "ariane_unexpected_errors_total 0.0" in metrics
        books = ariane("verify", "--data", folder, "--books")
    print(f"answers: {dict(said)}")
    print(f"the good client's p95: {p95(alone):.1f} ms alone, {p95(beside):.1f} ms beside them")
    print(f"books: {'balance' if books.status == 0 else books}")
    print(f"memory of the HTTP process: {before / MIB:.0f} MB before, {peak.bytes / MIB:.0f} MB at most")
    wrong = [each for each in said if each not in ("200", "503 with Retry-After", "429 with Retry-After")]
    sys.exit(bool(wrong or books.status))


class Peak:
    """The most memory a process takes while the block lasts."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.bytes = 0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(LOOK_S):
            self.bytes = max(self.bytes, self._process.memory_info().rss)


def flood(url: str, key: str, senders: int, seconds: float, answers: "multiprocessing.Queue[Counter[str]]") -> None:
    """The process that floods; puts what it was answered, and how often."""
    said: Counter[str] = Counter()
    bodies = [batch(number) for number in range(2)]
    bodies = [(bodies[0], {}), (gzip.compress(bodies[1]), {"Content-Encoding": "gzip"})]
    until = time.monotonic() + seconds

    async def send(session: aiohttp.ClientSession, number: int) -> None:
        body, headers = bodies[number % 2]
        while time.monotonic() < until:
            try:
                async with session.post(f"/v1/batch?writeKey={key}", data=body, headers=headers) as answer:
                    await answer.read()
                    again = " with Retry-After" if "Retry-After" in answer.headers else ""
                    said[f"{answer.status}{again}"] += 1
            except (aiohttp.ClientError, OSError) as error:
                said[type(error).__name__] += 1

    async def all_of_them() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=300)) as session:
            await asyncio.gather(*(send(session, number) for number in range(senders)))

    run(all_of_them())
    answers.put(said)


def batch(number: int) -> bytes:
    """A batch as large as it may be."""
    events = [
        {
            "type": "page",
            "anonymousId": f"d{n % 50}",
            "messageId": f"b{number}-{n}",
            "properties": {"path": f"/{n:060}"},
        }
        for n in range(EVENTS)
    ]
    return json.dumps({"batch": events}).encode()


if __name__ == "__main__":
    main()
