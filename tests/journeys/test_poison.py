"""Events that cannot be taken or folded stop nothing, and are not lost. `load_tests/poison.py`, in short."""

import os
import random
from pathlib import Path

from load_tests.poison import measure

SEED = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))


def test_poison_stops_nothing_and_once_mended_it_is_as_if_it_had_never_failed(tmp_path: Path) -> None:
    outcome = measure(tmp_path, events=200, seed=SEED)
    assert outcome.problems == [], f"JOURNEY_SEED={SEED}"
    assert outcome.quarantined == 110
    assert len(outcome.refused) >= 8
