"""Fold one history in many orders of arrival, and see that everybody's profile, timeline and sessions are the same.

    python load_tests/shuffles.py --events 50000 --shuffles 100
    python load_tests/shuffles.py --events 1000000 --shuffles 3 --backends sqlite

The history is that of `visitors.py`. Each shuffle appends its events in a random order, in batches of random sizes, to
a log of its own, folds them with the real worker into a store, and hashes the three exports; log and store are SQLite
files or in memory, in turns. Left out are `position` and `received_at`, the facts of arrival: of two copies of one
message another may come first. The first fold is in the order of arrival, for comparison. Ends with 1 when one digest
differs; the last line has the figure.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import to_record
from collector.log import EventLog, Record
from collector.log.opening import open_log
from collector.runtime.clock import now_ms
from load_tests.visitors import history
from sessionizer.people import FoldedPeople
from sessionizer.store import ProfileStore
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker

EXPORTS = ("profiles", "events", "sessions")
OF_ARRIVAL = re.compile(rb'"(?:position|received_at)":[^,}]*,')
BATCHES = (1, 7, 100, 2000, 2000, 5000)
BACKENDS = {"sqlite": "sqlite:{folder}/{name}.db", "memory": "memory:"}


class Told(NamedTuple):
    """What one fold gave, and how long it took."""

    digests: dict[str, str]
    fold_s: float
    export_s: float


async def fold(records: Sequence[Record], order: Sequence[int], chance: Random, backend: str) -> Told:
    """Fold the records in this order on a fresh backend."""
    with tempfile.TemporaryDirectory(prefix="ariane-shuffle-") as folder:
        log = await open_log(BACKENDS[backend].format(folder=folder, name="log"), writer=True)
        store = await open_store(BACKENDS[backend].format(folder=folder, name="store"), writer=True)
        try:
            began = now_ms()
            await _append_and_fold(log, store, records, order, chance)
            async with store.snapshot() as snapshot:
                if set_aside := await snapshot.quarantined():
                    raise SystemExit(f"the mind set {len(set_aside)} records aside: {set_aside[0]}")
            folded = now_ms()
            digests = {what: await _digest(FoldedPeople(store, log), what) for what in EXPORTS}
            return Told(digests, (folded - began) / 1000, (now_ms() - folded) / 1000)
        finally:
            await store.close()
            await log.close()


async def _append_and_fold(
    log: EventLog, store: ProfileStore, records: Sequence[Record], order: Sequence[int], chance: Random
) -> None:
    worker, at = Worker(log, store), 0
    while at < len(order):
        size = chance.choice(BATCHES)
        await log.append([records[nth] for nth in order[at : at + size]])
        at += size
        if chance.random() < 0.5:
            await worker.catch_up()
    await worker.catch_up()


async def _digest(people: FoldedPeople, what: str) -> str:
    digest = sha256()
    async for chunk in people.export(what):
        digest.update(OF_ARRIVAL.sub(b"", chunk))
    return digest.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--shuffles", type=int, default=100)
    parser.add_argument("--first", type=int, default=1, help="the number of the first shuffle, to see one again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="taken in turns")
    given = parser.parse_args()
    began = now_ms()
    records = [Record(event.anonymous_id or "", to_record(event)) for event in history(given.seed, given.events)]
    print(f"{len(records):,} events made in {(now_ms() - began) / 1000:.0f} s", flush=True)
    in_order = list(range(len(records)))
    expected = asyncio.run(fold(records, in_order, Random(f"{given.seed} in order"), given.backends[0]))
    print(f"in order: folded in {expected.fold_s:.1f} s, exported in {expected.export_s:.1f} s", flush=True)
    for nth in range(given.first, given.first + given.shuffles):
        chance = Random(f"{given.seed} {nth}")
        order = in_order.copy()
        chance.shuffle(order)
        backend = given.backends[nth % len(given.backends)]
        told = asyncio.run(fold(records, order, chance, backend))
        differing = [what for what in EXPORTS if told.digests[what] != expected.digests[what]]
        if differing:
            print(f"shuffle {nth} of seed {given.seed}: on {backend}: other {', '.join(differing)}")
            return 1
        elapsed_s = (now_ms() - began) / 1000
        rate = len(records) / max(told.fold_s, 0.001)
        print(f"shuffle {nth} on {backend}: the same; {rate:,.0f} events/s; {elapsed_s:.0f} s so far", flush=True)
    took_s = (now_ms() - began) / 1000
    for what, digest in expected.digests.items():
        print(f"{what:<9} {digest}")
    print(f"{given.shuffles} shuffles of {len(records):,} events: no difference, in {took_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
