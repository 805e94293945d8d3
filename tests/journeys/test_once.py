"""However often an event comes, and whatever dies meanwhile, it has one effect. `load_tests/once.py`, in short."""

import os
import random
from pathlib import Path

import pytest

from load_tests.once import Batches, kill_minds, problems, send_all
from load_tests.shim import Missing

pytestmark = pytest.mark.timeout(300)
SEED = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))


def test_however_often_and_late_an_event_comes_it_has_one_effect(tmp_path: Path) -> None:
    batches = Batches(events=1200, batch=60, seed=SEED)
    data = tmp_path / "again" / "data"
    try:
        totals = send_all(data, tmp_path, batches)
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    assert totals.sent > 1.5 * batches.events
    assert problems(data, tmp_path / "peace" / "data", batches) == [], f"JOURNEY_SEED={SEED}"
    assert kill_minds(data, kills=3, seed=SEED, longest_s=0.6) == [], f"JOURNEY_SEED={SEED}"
