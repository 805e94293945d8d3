"""docs/identity.md and the worked cases name the same rules and stories."""

import re
from pathlib import Path

import pytest

from tests.worked_cases import Case, all_cases

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()
TOLD = " ".join(PAGE.split())


@pytest.mark.parametrize("rule", range(1, 20))
def test_every_rule_is_explained(rule: int) -> None:
    assert re.search(rf"^### Rule {rule}: ", PAGE, re.MULTILINE)


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case["name"])
def test_every_case_names_its_rule_and_is_told_on_the_page(case: Case) -> None:
    assert re.match(r"rules? \d", case["why"])
    assert case["name"] in TOLD


def test_every_story_told_on_the_page_is_a_worked_case() -> None:
    told = [name for group in re.findall(r"\*\(([^*]+)\)\*", TOLD) for name in group.split(" · ")]
    assert set(told) <= {case["name"] for case in all_cases()}


def test_no_two_cases_have_the_same_name() -> None:
    names = [case["name"] for case in all_cases()]
    assert len(names) == len(set(names))
