"""Kill the server at 200 random moments while a million events arrive, and count them afterwards.

    python load_tests/storm.py --events 1000000 --kills 200

`crash.py` looks more closely at fewer events; this one asks whether it is true at scale. Two senders post batches of
500 and repeat each until it is answered with 200. The kills are spread evenly over the events: at a random moment the
HTTP process, the mind or both get SIGKILL. Afterwards every event must be in the export once, and the state must be
that of a server that heard each batch once, in peace.
"""

import argparse
import itertools
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_tests.crash import MINDS_A_LIFE, kill
from load_tests.once import Batches, problems
from tests.journeys.running import Stack
from tests.running_ariane import serving

SENDERS = 2
PAUSE_S = 0.5
"""The longest rest between enough acknowledgements and a kill, drawn evenly."""


class Storm(NamedTuple):
    """What a folder went through."""

    killed: Counter[str]
    retries: int
    acknowledged: int
    """Events."""


class _Progress:
    """What the senders have got done."""

    def __init__(self, count: int) -> None:
        self._next = itertools.count()
        self._count = count
        self._lock = threading.Lock()
        self.acknowledged = 0
        self.retries = 0

    def draw(self) -> int | None:
        """The next batch to send; None when there is none."""
        number = next(self._next)
        return number if number < self._count else None

    def note(self, *, acknowledged: bool) -> None:
        with self._lock:
            self.acknowledged += acknowledged
            self.retries += not acknowledged


def storm(data: Path, batches: Batches, kills: int, seed: int) -> Storm:
    """Send everything, and kill until everything is sent."""
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    progress = _Progress(batches.count)
    with ExitStack() as servers:
        server = servers.enter_context(serving(data, "--log-level", "error"))
        urls = [server.url]
        with ThreadPoolExecutor(SENDERS) as pool:
            sending = [pool.submit(_send, batches, progress, lambda: urls[-1], server.keys) for _ in range(SENDERS)]
            minds = 0
            for nth in range(kills):
                while progress.acknowledged < batches.count * nth // kills:
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, PAUSE_S))
                victim = chance.choice(("mind", "http", "both") if minds < MINDS_A_LIFE else ("http", "both"))
                kill(server, victim)
                killed[victim] += 1
                minds += 1
                if victim != "mind":
                    server = servers.enter_context(serving(data, "--log-level", "error"))
                    urls.append(server.url)
                    minds = 0
            for each in sending:
                each.result()
    return Storm(killed, progress.retries, progress.acknowledged * batches.events // batches.count)


def _send(batches: Batches, progress: _Progress, url: Callable[[], str], keys: dict[str, str]) -> None:
    stack: Stack | None = None
    while (number := progress.draw()) is not None:
        body = batches.body(number)
        done = False
        while not done:
            try:
                stack = stack or Stack(url(), keys)
                answer = stack.post("/v1/batch", body, "server_key")
                assert answer.status in (200, 503), answer
                done = answer.status == 200
            except (OSError, HTTPException):
                stack = None
            progress.note(acknowledged=done)
            if not done:
                time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description="SIGKILL at scale; exits with 1 when an event is lost or doubled.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    batches = Batches(options.events, options.batch, options.seed)
    with tempfile.TemporaryDirectory(prefix="ariane-storm-") as folder:
        data = Path(folder) / "storm" / "data"
        went = storm(data, batches, options.kills, options.seed)
        kinds = ", ".join(f"{count} {victim}" for victim, count in sorted(went.killed.items()))
        print(f"{went.killed.total()} kills ({kinds}), {went.retries:,} requests tried again", flush=True)
        found = problems(data, Path(folder) / "peace" / "data", batches)
    print("\n".join(found))
    print(f"{went.acknowledged:,} events acknowledged, {went.killed.total()} kills: {len(found)} differences")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
