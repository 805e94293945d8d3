"""A full disk under load: no lie, no loss, and who wants to be forgotten is. In full: `load_tests/full_disk.py`."""

from pathlib import Path

import pytest

from load_tests.full_disk import torment
from load_tests.shim import Missing


def test_a_full_disk_under_load_loses_nothing_and_erases_all_the_same(tmp_path: Path) -> None:
    try:
        outcome = torment(tmp_path, rounds=1, full_s=0.5)
    except Missing as missing:  # a mount is not to be had everywhere, in CI neither
        pytest.skip(str(missing))
    assert (outcome.lies, outcome.problems, outcome.erased) == ([], [], 1)
    assert outcome.answers.keys() == {200, 503}
