"""SIGKILL at any moment: nothing acknowledged is lost or doubled, and no trace of it is left.

`load_tests/crash.py` does the same for as long as you like.
"""

import os
import random
from pathlib import Path

import pytest

from load_tests.crash import problems, torment

KILLS = 20
REST_S = 0.15


@pytest.mark.timeout(300)
def test_twenty_kills_under_load_leave_no_trace(tmp_path: Path) -> None:
    seed = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))
    crashed = torment(tmp_path / "data", KILLS, seed, rest_s=REST_S)
    assert crashed.killed.total() == KILLS
    assert problems(crashed, tmp_path) == [], f"JOURNEY_SEED={seed}"
