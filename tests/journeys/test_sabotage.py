"""The defects of `load_tests/sabotage.py` can be planted; whether a test notices each, that command says."""

import ast

import pytest

from load_tests.defects import DEFECTS, Defect
from load_tests.sabotage import planted
from tests.running_ariane import ROOT


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_sources_and_names_a_test(defect: Defect) -> None:
    ast.parse(planted(defect, (ROOT / defect.file).read_text()))
    file, _, test = defect.test.partition("::")
    assert f"def {test or 'test_'}" in (ROOT / file).read_text()


def test_there_are_defects_of_every_kind() -> None:
    assert len({each.name for each in DEFECTS}) == len(DEFECTS) >= 15
