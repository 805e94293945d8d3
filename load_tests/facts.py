"""What publishing facts costs: the same history folded with and without, batch by batch in turns, in one process.

    python load_tests/facts.py --events 100000

Prints how many facts of each kind there are, what they take on disk, and last the share of the fold rate that is left.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import Event, to_record
from collector.log import Record
from collector.log.sqlite import SqliteLog
from collector.runtime import loop
from collector.runtime.loop import collect_less_often
from load_tests.visitors import history
from sessionizer.store.sqlite import SqliteStore
from sessionizer.worker import Worker

EVER = 2**62
PAGE = 10_000


async def measure(folder: Path, events: list[Event], batch: int) -> float:
    """Fold them both ways; the rate with facts as a share of that without."""
    log = await SqliteLog.open(folder / "log.db", writer=True)
    for start in range(0, len(events), PAGE):
        await log.append([Record("", to_record(each)) for each in events[start : start + PAGE]])
    collect_less_often()
    stores = [await SqliteStore.open(folder / name, writer=True) for name in ("with.db", "without.db")]
    workers = [Worker(log, stores[0], batch=batch), Worker(log, stores[1], batch=batch, quietly_to=EVER)]
    took_s = [0.0, 0.0]
    done = [1, 1]
    turn = 0
    while any(done):
        turn += 1
        for which in (0, 1) if turn % 2 else (1, 0):
            started = time.process_time()
            done[which] = await workers[which].step(0.0)
            took_s[which] += time.process_time() - started
    async with stores[0].snapshot() as snapshot:
        rows = await snapshot.facts(0, EVER)
    kinds = Counter(type(fact).__name__ for row in rows for fact in row.facts)
    for kind, count in sorted(kinds.items()):
        print(f"{kind}: {count:,}")
    for each in (*stores, log):
        await each.close()
    sizes = [(folder / name).stat().st_size for name in ("with.db", "without.db")]
    print(f"disk: {(sizes[0] - sizes[1]) / len(events):.1f} bytes an event for facts")
    print(f"folded: {len(events) / took_s[0]:,.0f} events/s with facts, {len(events) / took_s[1]:,.0f} without")
    return took_s[1] / took_s[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2000)
    options = parser.parse_args()
    events = history(options.seed, options.events)
    with tempfile.TemporaryDirectory() as folder:
        left = loop.run(measure(Path(folder), events, options.batch))
    print(f"{left:.2f} of the rate without facts")


if __name__ == "__main__":
    main()
