"""The disk and the power fail at any moment: an answer of 200 is true all the same.

The same for longer: `power_cut.py`, `synced.py` and `failing_disk.py` in load_tests/. In CI nothing is skipped.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from load_tests import failing_disk, power_cut, synced
from load_tests.shim import Missing

pytestmark = pytest.mark.timeout(300)
REQUESTS = 240
SEED = int(os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9)))


@contextmanager
def skipped_for_want_of_tools() -> Iterator[None]:
    try:
        yield
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def test_no_power_cut_takes_what_was_acknowledged(tmp_path: Path) -> None:
    with skipped_for_want_of_tools():
        result = power_cut.measure(tmp_path, REQUESTS, points=40, seed=SEED)
    assert (result.lost, result.corrupt) == (0, 0), f"{result.first_problem}; JOURNEY_SEED={SEED}"
    assert result.acknowledged >= REQUESTS


def test_the_same_cuts_show_a_log_that_is_not_synced(tmp_path: Path) -> None:
    """Else the test above would be blind."""
    with skipped_for_want_of_tools():
        result = power_cut.measure(tmp_path, REQUESTS, points=15, seed=SEED, defect="synchronous normal")
    assert result.lost > 0


def test_an_answer_goes_out_only_after_a_sync_that_covers_its_event(tmp_path: Path) -> None:
    with skipped_for_want_of_tools():
        result = synced.measure(tmp_path, requests=1000)
    assert (result.answers, result.untrue, result.unseen) == (1000, 0, 0)
    assert result.syncs < 1000, "appends no longer share their syncs"


def test_a_disk_that_fails_makes_no_answer_a_lie(tmp_path: Path) -> None:
    with skipped_for_want_of_tools():
        outcome = failing_disk.torment(tmp_path, failing_disk.FAULTS[:4], SEED, points=10, fault_s=0.2, rest_s=0.08)
    assert (outcome.lies, outcome.problems) == ([], []), f"JOURNEY_SEED={SEED}"
    assert set(outcome.failed_calls) == set(failing_disk.FAULTS[:4]), "some fault never happened"
