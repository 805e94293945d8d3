"""Let the disk fail under load, call by call, and see that no answer of 200 is a lie.

    python load_tests/failing_disk.py --rounds 5

A whole server runs under `shim.c` and is sent events all the while. One kind of call after another fails for a while
(EIO, ENOSPC, at writes, syncs and truncations, of the log, the store and the refused events) and then succeeds again.
While the log cannot be written, every answer must be 503 with Retry-After; afterwards the log must take events again by
itself. In the end the server is killed amid a failing sync and started anew: everything acknowledged is there once, the
exports are those of a server that had no trouble, and so they are after power cuts at any moment of all that, since
after a failed sync the kernel may have dropped what it was to write.
"""

import argparse
import asyncio
import errno
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load_tests.crash import Crashed, Sender, history, problems
from load_tests.power_cut import Recording, bodies_of, cut
from load_tests.shim import Shim
from tests.running_ariane import Answer, Server, serving

WAIT_S = 60.0
PATIENCE_S = 30.0
"""How long to wait for the first call that fails: a checkpoint comes every 16 MiB."""
SENDERS = 3


class Fault(NamedTuple):
    """One kind of call that fails."""

    call: str
    error: int
    file: str

    def __str__(self) -> str:
        return f"{errno.errorcode[self.error]} at every {self.call} of {self.file}"

    @property
    def stops_the_log(self) -> bool:
        """Whether nothing can be acknowledged meanwhile. A checkpoint that fails takes nothing from what is synced."""
        return self.file == "log.db-wal"


FAULTS = (
    Fault("sync", errno.EIO, "log.db-wal"),
    Fault("sync", errno.ENOSPC, "log.db-wal"),
    Fault("write", errno.EIO, "log.db-wal"),
    Fault("write", errno.ENOSPC, "log.db-wal"),
    Fault("write", errno.EIO, "log.db"),
    Fault("sync", errno.EIO, "log.db"),
    Fault("write", errno.ENOSPC, "store.db-wal"),
    Fault("write", errno.EIO, "store.db"),
    Fault("write", errno.EIO, "refused.db-wal"),
)


class Told(NamedTuple):
    """An answer, and when its request began and the answer had come, by `time.monotonic`."""

    began_s: float
    ended_s: float
    answer: Answer


class WatchedSender(Sender):
    """A sender that remembers when it was told what."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.told: list[Told] = []

    def _send(self, batch: object, url: str) -> bool:
        self._began_s = time.monotonic()
        return super()._send(batch, url)  # type: ignore[arg-type]

    def _answered(self, answer: Answer) -> None:
        self.told.append(Told(self._began_s, time.monotonic(), answer))


class Outcome(NamedTuple):
    """What failing calls led to."""

    failed_calls: Counter[Fault]
    answers: Counter[int]
    """By status."""
    lies: list[str]
    """Answers of 200 while nothing could be kept, and those of 503 that do not say when to come again."""
    longest_back_s: float
    """From the end of a fault until the next answer of 200."""
    problems: list[str]
    """Anything lost, doubled or different afterwards."""

    def __str__(self) -> str:
        statuses = ", ".join(f"{count:,} × {status}" for status, count in sorted(self.answers.items()))
        return (
            f"{self.failed_calls.total():,} calls failed in {len(self.failed_calls)} ways: {statuses}; "
            f"back after {self.longest_back_s:.1f} s at most; "
            f"{len(self.lies)} lies, {len(self.problems)} problems"
        )


def torment(
    scratch: Path, faults: Sequence[Fault], seed: int, points: int, fault_s: float = 0.5, rest_s: float = 0.01
) -> Outcome:
    """Let every fault happen for `fault_s`; then kill, start again, compare, and cut the power at so many points."""
    chance = random.Random(seed)
    disk, trace = scratch / "disk", scratch / "trace"
    disk.mkdir(parents=True)
    shim = Shim(scratch, disk)
    hits: Counter[Fault] = Counter()
    back_s = [0.0]
    windows: list[tuple[Fault, float, float]] = []
    with ExitStack() as servers:
        server = servers.enter_context(serving(disk / "data", "--log-level", "error", env=shim.env(trace)))
        urls = [server.url]
        with _sending(server, urls, seed, rest_s) as senders:
            for fault in chance.sample(faults, len(faults)):
                with shim.failing(fault.call, fault.error, fault.file):
                    seen_s = when(lambda: shim.hits > 0, PATIENCE_S)
                    time.sleep(fault_s)
                    hits[fault] += shim.hits
                    until_s = time.monotonic()
                if fault.stops_the_log and seen_s is not None:
                    windows.append((fault, seen_s, until_s))
                taken_s = when(lambda since=until_s: taken_since(senders, since), WAIT_S)
                back_s.append((taken_s or until_s + WAIT_S) - until_s)
            with shim.failing("sync", errno.EIO, "log.db-wal"):
                when(lambda: shim.hits > 2, PATIENCE_S)
                server.stop(signal.SIGKILL)
                urls.append(servers.enter_context(serving(disk / "data")).url)
    told = [each for sender in senders for each in sender.told]
    crashed = Crashed(
        disk / "data",
        Counter(http=1),
        sum(each.retries for each in senders),
        [batch for each in senders for batch in each.acknowledged],
        [],
    )
    recording = Recording(
        disk, trace, asyncio.run(bodies_of(disk / "data" / "log.db")), (disk / "data" / "sources.toml").read_bytes()
    )
    found = problems(crashed, scratch)
    cuts = cut(recording, points, seed, scratch)
    if cuts.lost or cuts.corrupt:
        found.append(f"{cuts}; {cuts.first_problem}")
    return Outcome(hits, Counter(each.answer.status for each in told), _lies(told, windows), max(back_s), found)


@contextmanager
def _sending(server: Server, urls: list[str], seed: int, rest_s: float) -> Iterator[list[WatchedSender]]:
    """Senders at work on the last of the URLs; at the block's end each finishes what it has in hand."""
    secret = server.keys["identity_secret"]
    senders = [
        WatchedSender(name, history(name, random.Random(f"{seed}{name}"), secret), server.keys) for name in "abc"
    ]
    done = threading.Event()
    with ThreadPoolExecutor(SENDERS) as pool:
        running = [pool.submit(each.run, lambda: urls[-1], rest_s, done) for each in senders]
        try:
            yield senders
        finally:
            done.set()
        for sending in running:
            sending.result(WAIT_S)


def when(happened: Callable[[], bool], timeout_s: float) -> float | None:
    """When it had happened, by `time.monotonic`; None when it did not in time."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if happened():
            return time.monotonic()
        time.sleep(0.001)
    return None


def taken_since(senders: Sequence[WatchedSender], since_s: float) -> bool:
    """Whether any of them was answered 200 to a request that began later than that."""
    last = [each.told[-1] for each in senders if each.told]
    return any(each.began_s > since_s and each.answer.status == 200 for each in last)


def _lies(told: list[Told], windows: list[tuple[Fault, float, float]]) -> list[str]:
    lies = [f"503 without Retry-After: {each}" for each in told if says_no_time(each.answer)]
    for fault, since_s, until_s in windows:
        lies += [
            f"200 in spite of {fault}"
            for each in told
            if each.began_s > since_s and each.ended_s < until_s and each.answer.status == 200
        ]
    return lies


def says_no_time(answer: Answer) -> bool:
    """Whether an answer of 503 leaves its sender in the dark."""
    return answer.status == 503 and not answer.headers.get("Retry-After", "").isdigit()


def main() -> None:
    parser = argparse.ArgumentParser(description="Failing calls under load; exits with 1 when an answer was a lie.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each fault happens")
    parser.add_argument("--points", type=int, default=200, help="power cuts afterwards, over all that was done")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ariane-failing-") as scratch:
        outcome = torment(Path(scratch), FAULTS * options.rounds, options.seed, options.points)
    print("\n".join([*outcome.lies[:5], *outcome.problems]))
    print(outcome)
    sys.exit(bool(outcome.lies or outcome.problems))


if __name__ == "__main__":
    main()
