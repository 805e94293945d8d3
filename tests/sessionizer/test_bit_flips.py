"""No flipped bit gives a wrong answer unnoticed. `load_tests/bit_flips.py` does the same for as long as you like."""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.bit_flips import Made, Outcome, make, try_flip

FLIPS = 30
"""In each file."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"))


@pytest.mark.parametrize("file", ["log.db", "store.db"])
def test_a_flipped_bit_is_harmless_or_found_and_no_answer_is_wrong(made: Made, tmp_path: Path, file: str) -> None:
    seed = int(
        os.environ.get("JOURNEY_SEED", random.SystemRandom().randrange(10**9) if not os.environ.get("CI") else 1)
    )
    chance = random.Random(seed)
    bits = (made.folder / file).stat().st_size * 8
    found = Counter(try_flip(made, file, chance.randrange(bits), tmp_path / "flipped") for _ in range(FLIPS))
    assert set(found) <= {Outcome.HARMLESS, Outcome.FOUND, Outcome.TOLD}, f"JOURNEY_SEED={seed}: {found}"
    assert found[Outcome.TOLD] > 0
