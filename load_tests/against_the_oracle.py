"""Random histories by the hundred thousand: the mind and the oracle say the same of every one of them.

    python load_tests/against_the_oracle.py --examples 200000 --record deep.jsonl

Examples are Hypothesis', as in `tests/sessionizer/test_the_mind_against_the_oracle.py`: histories and visits, in any
order and batches, a third of them with the thresholds of rule 17 so low that they are passed. They are drawn in shards;
a shard's number is its seed, so that it gives the same examples again (`--first 17 --examples 500`). With `--record`
finished shards are noted, and skipped when the command is given again. A difference ends the run with 1 and the
smallest history that shows it. The last line has the figure.
"""

import argparse
import multiprocessing
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from collector.event import Event
from tests.folding import check
from tests.histories import batches, histories, implausible, visits
from tests.oracle import MOST, Most

A_SHARD = 500
stories = st.one_of(histories(), histories(), histories(), visits())
thresholds = st.one_of(st.just(MOST), st.just(MOST), implausible())


class Shard(msgspec.Struct):
    """What one shard came to."""

    number: int
    examples: int = 0
    events: int = 0
    seconds: float = 0.0
    """Of its processor's time."""
    difference: str = ""


def run(number: int) -> Shard:
    """Compare one shard's examples."""
    shard = Shard(number)
    began_s = time.process_time()

    @seed(number)
    @settings(
        max_examples=A_SHARD,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories, batches, thresholds)
    def compare_one(history: list[Event], sizes: Sequence[int], most: Most) -> None:
        shard.examples += 1
        shard.events += len(history)
        check(history, sizes, most)

    try:
        compare_one()
    except Exception as error:
        shard.difference = "".join(traceback.format_exception(error))
    shard.seconds = time.process_time() - began_s
    return shard


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=200_000, help=f"how many in all, in shards of {A_SHARD}")
    parser.add_argument("--first", type=int, default=1, help="the number of the first shard")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--record", type=Path, help="a file for what each shard came to; what it has is not run again")
    given_ = parser.parse_args()
    numbers = range(given_.first, given_.first + -(-given_.examples // A_SHARD))
    done = {shard.number: shard for shard in recorded(given_.record) if shard.number in numbers}
    left = [number for number in numbers if number not in done]
    with (
        multiprocessing.get_context("spawn").Pool(given_.processes) as pool,
        click.progressbar(length=len(numbers) * A_SHARD, label="examples", show_pos=True, file=sys.stderr) as bar,
    ):
        bar.update(len(done) * A_SHARD)
        for shard in pool.imap_unordered(run, left):
            if shard.difference:
                print(f"\nshard {shard.number} differs:\n{shard.difference}")
                return 1
            done[shard.number] = shard
            if given_.record:
                with given_.record.open("ab") as file:
                    file.write(msgspec.json.encode(shard) + b"\n")
            bar.update(A_SHARD)
    examples, events = sum(each.examples for each in done.values()), sum(each.events for each in done.values())
    seconds = sum(each.seconds for each in done.values())
    each_ms = 1000 * seconds / examples
    print(f"{examples:,} examples of {events:,} events: no difference, in {seconds:,.0f} s ({each_ms:.1f} ms each)")
    return 0


def recorded(path: Path | None) -> list[Shard]:
    """The shards a record has; none where there is no record yet."""
    if path is None or not path.exists():
        return []
    return [msgspec.json.decode(line, type=Shard) for line in path.read_bytes().splitlines()]


if __name__ == "__main__":
    sys.exit(main())
