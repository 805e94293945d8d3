"""What fuzzers and people have thought of is tried again: no decoder breaks, and none has forgotten its inputs."""

import pytest

from tests.fuzz.corpus import FOLDER, read_corpus
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_was_kept_breaks_its_decoder(name: str) -> None:
    inputs = read_corpus(name)
    assert inputs
    for each in (b"", *inputs):
        TARGETS[name](each)


def test_every_file_of_inputs_has_a_target() -> None:
    assert {each.stem for each in FOLDER.iterdir()} == TARGETS.keys()
