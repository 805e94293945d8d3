"""What identity costs: the rate at which a history is folded, and the same history with nobody in it.

    python load_tests/identity_cost.py --events 50000 --rounds 5

The history is that of `visitors.py`, in its order of arrival, and then the same events without users, contacts, proofs,
aliases and retractions' words: rules 3 to 11 have nothing to do, and all else is as it was. Both are read from a log
and folded by the real worker, on SQLite files, in turns; processor time is what counts. Once as ever, and once without
publishing facts: there are none of who became whom where there is nobody. The last lines have the ratios of the rates
in the median round; at least 0.80 is wanted.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import RETRACTION, Event, Trust, to_record
from collector.log import Record
from collector.log.opening import open_log
from load_tests.facts import EVER
from load_tests.visitors import history
from sessionizer.store.opening import open_store
from sessionizer.worker import Worker


def nameless(event: Event) -> Event:
    """The event without its words about who somebody is."""
    traits = {name: value for name, value in event.traits.items() if name not in ("email", "phone")}
    context = {name: value for name, value in event.context.items() if name != "traits"}
    return msgspec.structs.replace(
        event,
        type="track" if event.type == "alias" else event.type,
        properties={"message_ids": []} if event.type == RETRACTION else event.properties,
        trust=Trust.SERVER if event.trust == Trust.SERVER else Trust.PUBLIC,
        user_id=None,
        previous_id=None,
        contacts=(),
        traits=traits,
        context=context,
    )


async def fold_s(events: Sequence[Event], *, facts: bool) -> float:
    """Processor time to fold these events from a log of their own."""
    with tempfile.TemporaryDirectory(prefix="ariane-identity-cost-") as folder:
        log = await open_log(f"sqlite:{folder}/log.db", writer=True)
        store = await open_store(f"sqlite:{folder}/store.db", writer=True)
        try:
            await log.append([Record(event.anonymous_id or "", to_record(event)) for event in events])
            began_s = time.process_time()
            await Worker(log, store, quietly_to=None if facts else EVER).catch_up()
            return time.process_time() - began_s
        finally:
            await store.close()
            await log.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    somebody = history(given.seed, given.events)
    nobody = [nameless(event) for event in somebody]
    asyncio.run(fold_s(somebody[:2000], facts=True))  # imports and caches
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for nth in range(given.rounds):
        for facts, found in ratios.items():
            with_s, without_s = (asyncio.run(fold_s(each, facts=facts)) for each in (somebody, nobody))
            found.append(without_s / with_s)
            rates = (f"{given.events / each_s:,.0f}" for each_s in (with_s, without_s))
            quiet = "" if facts else ", no facts"
            print("round {}: {} events/s with identity, {} without{}".format(nth + 1, *rates, quiet), flush=True)
    for facts, found in ratios.items():
        told = "with the facts it publishes" if facts else "without facts"
        print(f"identity, {told}: folded at {statistics.median(found):.2f} of the rate without it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
