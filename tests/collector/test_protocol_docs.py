"""docs/protocol.md names everything a sender can meet."""

import re
from pathlib import Path

import pytest

import collector
from collector.rejection import Reason
from collector.settings import EdgeSettings

ROOT = Path(collector.__file__).parent
DOCS = (ROOT.parent / "docs" / "protocol.md").read_text()
WARNING = re.compile(
    r'"(timestamp_in_future|[a-z_]+_(?:corrected|ignored)|[a-z_]+_(?:rejected|blocked|allowed|ignored):)', re.ASCII
)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_line(reason: Reason) -> None:
    assert re.search(rf"^\| `{reason.value}` \| .+\.", DOCS, re.MULTILINE)


def test_every_warning_has_its_line() -> None:
    sources = [path.read_text() for path in ROOT.glob("*.py")]
    found = {each.rstrip(":") for text in sources for each in WARNING.findall(text.replace('f"', '"'))}
    assert len(found) >= 7
    for warning in found:
        assert re.search(rf"^\| `{warning}(:<\w+>)?` \|", DOCS, re.MULTILINE), warning


@pytest.mark.parametrize("setting", EdgeSettings.__struct_fields__)
def test_every_setting_has_its_line_with_its_default(setting: str) -> None:
    assert f"| `{setting}` | `{getattr(EdgeSettings(), setting)!r}` |" in DOCS
