"""How soon a profile shows what was sent, and what an idle server costs.

    python load_tests/lag.py --events 300

Write to read, two ways: from the moment a single event is answered with 200 until a read that shows it has been
answered; once with `After-Position` (the server waits), once by asking again and again. On an otherwise idle machine;
the load average is printed so that nobody mistakes a busy one for it.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.journeys.running import Stack
from tests.running_ariane import serving

IDLE_S = 10.0
MIB = 2**20


def lag_ms(stack: Stack, device: str, nth: int, *, waits: bool) -> float:
    """Milliseconds from the 200 for one page view until a read shows it."""
    answer = stack.post("/v1/page", {"anonymousId": device, "messageId": f"{device}-{nth}"})
    assert answer.status == 200, answer
    began_s = time.perf_counter()
    if not waits:
        stack.written = None
    while True:
        shown = stack.get(f"/v1/profiles/anonymous_id:{device}")
        took_ms = (time.perf_counter() - began_s) * 1000
        if shown.status == 200 and shown.json()["totals"]["page_views"] == nth:
            return took_ms
        assert not waits, shown


def described(name: str, values: Sequence[float]) -> str:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name:<34} median {statistics.median(ordered):6.2f} ms   p99 {p99:7.2f} ms   n {len(ordered)}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write to read, memory, start-up and idle CPU of `ariane serve`.")
    parser.add_argument("--events", type=int, default=300, help="how many events each way")
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="ariane-lag-") as folder:
        for what in ("first start-up, folder made", "start-up on a folder that exists"):
            began_s = time.monotonic()
            with serving(Path(folder) / "data") as server:
                print(f"{what:<34} {server.ready_at - began_s:6.2f} s")
        with serving(Path(folder) / "data") as server:
            stack = Stack(server.url, server.keys)
            family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
            _print_memory("after start-up", family)
            for waits, name in ((True, "write to read, After-Position"), (False, "write to read, asking again")):
                device = f"d-{waits}"
                for nth in range(1, 21):
                    lag_ms(stack, device, nth, waits=waits)  # warm up
                values = [lag_ms(stack, device, nth, waits=waits) for nth in range(21, 21 + options.events)]
                print(described(name, values))
            before_s = _cpu_s(family)
            time.sleep(IDLE_S)
            print(f"{'idle CPU':<34} {(_cpu_s(family) - before_s) / IDLE_S:6.2%} of one core over {IDLE_S:.0f} s")
            _print_memory("at the end", family)
            stack.close()
    print(f"load average after: {os.getloadavg()[0]:.2f}")


def _cpu_s(family: Sequence[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _print_memory(when: str, family: Sequence[psutil.Process]) -> None:
    rss = sum(each.memory_info().rss for each in family) / MIB
    pss = sum(each.memory_full_info().pss for each in family) / MIB
    print(f"{'memory of all roles, ' + when:<34} RSS {rss:.0f} MiB, PSS {pss:.0f} MiB, {len(family)} processes")


if __name__ == "__main__":
    main()
