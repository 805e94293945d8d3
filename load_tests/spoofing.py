"""Let a stranger try to change a profile that proofs protect, in as many ways as one likes.

    python load_tests/spoofing.py --sequences 100000

What a sequence is, and who Jane and Mallory are, is in `tests/spoofing.py`. Ends with 1, and the smallest sequence that
does it, when anything that is said of Jane changes. The same seed gives the same sequences.
"""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.progress import track

from collector.runtime.clock import now_ms
from tests.spoofing import Judge, sequence, through_the_edge


async def run(sequences: int, seed: str, quiet: bool) -> int:
    """Try them all; the exit status."""
    judge, heard = Judge(), Counter[str]()
    began_ms = now_ms()
    for nth in track(range(sequences), "sequences", disable=quiet):
        tried = sequence(f"{seed} {nth}")
        for at, each in enumerate(tried.sent):
            if each.mallorys:
                event = through_the_edge(each, at)
                heard[event.trust if event is not None else "refused"] += 1
        if await judge.changed(tried):
            print(f"sequence '{seed} {nth}' changed what is said of Jane. Enough of it, in order of arrival:")
            for each in (await judge.smallest(tried)).sent:
                print("  Mallory" if each.mallorys else "  Jane   ", each.source.name, each.message)
            return 1
    took_s = (now_ms() - began_ms) / 1000
    words = ", ".join(f"{count:,} {what}" for what, count in sorted(heard.items()))
    print(f"{sequences:,} sequences in {took_s:.0f} s, {sum(heard.values()):,} of Mallory's events ({words}):")
    print("nothing that is said of Jane changed")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--seed", default="spoofing")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    given = parser.parse_args()
    return asyncio.run(run(given.sequences, given.seed, given.quiet))


if __name__ == "__main__":
    sys.exit(main())
