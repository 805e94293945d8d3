"""Every metric is documented, and every documented metric exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTED = (ROOT / "docs" / "operations.md").read_text().split("## Metrics")[1].split("## Commands")[0]


def test_the_metrics_in_the_code_are_those_in_the_docs() -> None:
    sources = [path.read_text() for top in ("collector", "sessionizer") for path in (ROOT / top).rglob("*.py")]
    made = {name for text in sources for name in re.findall(r'\.(?:counter|gauge|histogram)\(\s*"(\w+)"', text)}

    assert {f"ariane_{name}" for name in made} == set(re.findall(r"`(ariane_\w+)", DOCUMENTED))
