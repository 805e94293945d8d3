"""Flip single bits of a real log and a real store, at random places, and see that no answer is wrong unnoticed.

python load_tests/bit_flips.py --flips 5000
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.bit_flips import make, try_flip

FILES = ("log.db", "store.db")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=1000, help="in each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", nargs="*", default=FILES)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "made").mkdir()
        made = make(Path(root) / "made")
        for file in asked.files:
            size = (made.folder / file).stat().st_size
            counted: Counter[str] = Counter()
            examples: dict[str, int] = {}
            for _ in range(asked.flips):
                bit = chance.randrange(size * 8)
                outcome = try_flip(made, file, bit, Path(root) / "flipped")
                counted[outcome.value] += 1
                examples.setdefault(outcome.value, bit)
            print(f"{file}, {size:,} bytes, {asked.flips:,} flips, seed {asked.seed}:")
            for what, count in counted.most_common():
                print(f"  {count:>6,}  {what} (such as bit {examples[what]:,})")


if __name__ == "__main__":
    main()
