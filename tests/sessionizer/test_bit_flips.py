"""No flipped bit gives a wrong answer unnoticed. `load_tests/bit_flips.py` does the same for as long as you like."""

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
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
    seed = int(os.environ.get("JOURNEY_SEED", 1))
    chance = random.Random(seed)
    bits = (made.folder / file).stat().st_size * 8
    found = Counter(try_flip(made, file, chance.randrange(bits), tmp_path / "flipped") for _ in range(FLIPS))
    assert set(found) <= {Outcome.HARMLESS, Outcome.FOUND, Outcome.TOLD}, f"JOURNEY_SEED={seed}: {found}"
    assert found[Outcome.TOLD] > 0


@pytest.mark.parametrize("file", ["log.db", "store.db"])
def test_a_flipped_bit_in_the_schema_is_found(made: Made, tmp_path: Path, file: str) -> None:
    body = (made.folder / file).read_bytes()
    with closing(sqlite3.connect(made.folder / file)) as db:
        words = [sql for (sql,) in db.execute("select sql from sqlite_schema where sql is not null")]
    chance = random.Random(3)
    bits = [8 * body.index(sql.encode()) + chance.randrange(8 * len(sql)) for sql in chance.choices(words, k=FLIPS)]
    found = Counter(try_flip(made, file, bit, tmp_path / "flipped") for bit in bits)
    assert set(found) == {Outcome.TOLD}, found


def test_a_flipped_bit_in_a_profile_id_s_root_is_found(made: Made, tmp_path: Path) -> None:
    at = (made.folder / "store.db").read_bytes().index(b'["user","user7"]') + len(b'["')
    assert try_flip(made, "store.db", 8 * at, tmp_path / "flipped") is Outcome.TOLD
    assert try_flip(made, "store.db", 8 * (at - 1), tmp_path / "flipped") is Outcome.TOLD, "no longer JSON"
