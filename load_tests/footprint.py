"""What an idle server costs, how soon it answers, and how soon a write can be read.

    python load_tests/footprint.py [--reads 200]

Prints: seconds from command to ready line (first start, with an empty folder, and second); resident and proportional
memory of all its processes; their CPU time over ten idle seconds; the time from sending an event to reading the profile
that shows it (one client, one event at a time, the read held until the event is folded in).
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from tests.running_ariane import Server, serving

IDLE_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=200, help="writes to read back (default 200)")
    reads = parser.parse_args().reads
    with tempfile.TemporaryDirectory(prefix="ariane-footprint-") as folder:
        for start in ("first", "second"):
            began = time.monotonic()
            with serving(Path(folder)) as server:
                print(f"{start + ' start':<16} {server.ready_at - began:8.2f} s")
                if start == "second":
                    measure(server, reads)


def measure(server: Server, reads: int) -> None:
    took_ms = [write_to_read_ms(server, n) for n in range(reads)]
    cuts = statistics.quantiles(took_ms, n=100)
    print(f"{'write to read':<16} {statistics.median(took_ms):8.2f} ms median, {cuts[98]:.2f} ms p99, {reads} times")
    parent = psutil.Process(server.process.pid)
    family = [parent, *parent.children(recursive=True)]
    for each in family:
        memory = each.memory_full_info()
        name = "http" if each == parent else "mind"
        print(
            f"{'memory, ' + name:<16} {memory.rss / 2**20:8.1f} MB resident, {memory.pss / 2**20:.1f} MB proportional"
        )
    total = sum(each.memory_info().rss for each in family)
    print(f"{'memory, all':<16} {total / 2**20:8.1f} MB resident")
    before = cpu_s(family)
    time.sleep(IDLE_S)
    print(f"{'idle':<16} {(cpu_s(family) - before) / IDLE_S:8.2%} of one core")


def write_to_read_ms(server: Server, number: int) -> float:
    began = time.perf_counter()
    answer = server.post("/v1/page", {"anonymousId": "device-1", "messageId": f"view-{number}"})
    profile = server.get("/v1/profiles/anonymous_id:device-1", answer.headers["Log-Position"]).json()
    took_ms = (time.perf_counter() - began) * 1000
    assert profile["totals"]["page_views"] == number + 1
    return took_ms


def cpu_s(family: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in family)


if __name__ == "__main__":
    main()
