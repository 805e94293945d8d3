"""The power fails at any moment: what was acknowledged is there, and whole. `load_tests/power_cut.py`, in short."""

import os
import random
from pathlib import Path

import pytest

from load_tests.power_cut import measure
from load_tests.shim import Missing

REQUESTS = 240
SEED = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))


@pytest.fixture(autouse=True)
def _a_compiler_or_none(tmp_path: Path) -> None:
    from load_tests.shim import Shim

    try:
        Shim(tmp_path / "probe", tmp_path)
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def test_no_power_cut_takes_what_was_acknowledged(tmp_path: Path) -> None:
    result = measure(tmp_path, REQUESTS, points=40, seed=SEED)
    assert (result.lost, result.corrupt) == (0, 0), f"{result.first_problem}; JOURNEY_SEED={SEED}"
    assert result.acknowledged >= REQUESTS


def test_the_same_cuts_show_a_log_that_is_not_synced(tmp_path: Path) -> None:
    """Else the test above would be blind."""
    result = measure(tmp_path, REQUESTS, points=15, seed=SEED, defect="synchronous normal")
    assert result.lost > 0
