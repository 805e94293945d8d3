"""Events that cannot be taken or folded stop nothing, and are not lost. `load_tests/poison.py`, in short."""

import os
import random
from pathlib import Path

import pytest

from load_tests.poison import measure

pytestmark = pytest.mark.timeout(300)
SEED = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))


def test_poison_stops_nothing_and_once_mended_it_is_as_if_it_had_never_failed(tmp_path: Path) -> None:
    outcome = measure(tmp_path, events=100, seed=SEED)
    assert outcome.problems == [], f"JOURNEY_SEED={SEED}"
    assert outcome.quarantined == 55
    assert len(outcome.refused) >= 6
