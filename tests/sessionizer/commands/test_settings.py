"""Where options come from, which wins, and how mistakes are told."""

import re
from pathlib import Path

import click
import msgspec
import pytest

from collector.settings import EdgeSettings
from sessionizer.cli import COMMANDS
from sessionizer.cli import ariane as root
from sessionizer.commands.edge_settings import edge_settings
from sessionizer.commands.failures import Failure
from sessionizer.commands.settings_file import options_of
from tests.running_ariane import ROOT, ariane, serving

OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")


def commands() -> dict[str, click.Command]:
    context = click.Context(root)
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = root.get_command(context, name)  # type: ignore[attr-defined]
        assert command is not None
        found[name] = command
    return found


def test_every_command_is_documented() -> None:
    for name in COMMANDS:
        assert f"ariane {name}" in OPERATIONS, f"docs/operations.md does not say what `ariane {name}` does"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "sources"])
def test_every_option_is_documented(name: str) -> None:
    for option in options_of(commands()[name]):
        spelled = max(option.opts, key=len)
        assert f"`{spelled}" in OPERATIONS, f"docs/operations.md does not explain {spelled} of `ariane {name}`"


def test_every_setting_of_the_edge_is_documented_with_its_default() -> None:
    for field in msgspec.structs.fields(EdgeSettings):
        row = re.search(rf"^\| `{field.name}` \| `([^`]*)` \|", OPERATIONS, re.MULTILINE)
        assert row is not None, f"docs/operations.md does not explain {field.name}"
        default = getattr(EdgeSettings(), field.name)
        assert row[1] == ("[]" if default == () else str(default)), field.name


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "ariane.toml").write_text('[sources]\n[snippet]\nurl = "http://file"\n')
    assert "http://file/t.js" in ariane("snippet", "--data", tmp_path).out
    env = {"ARIANE_SNIPPET_URL": "http://environment"}
    assert "http://environment/t.js" in ariane("snippet", "--data", tmp_path, env=env).out
    assert "http://line/t.js" in ariane("snippet", "--data", tmp_path, "--url", "http://line", env=env).out


def test_the_data_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    assert ariane("keys", "--json", env={"ARIANE_DATA": str(tmp_path / "d")}).status == 0
    assert (tmp_path / "d" / "sources.toml").exists()


def test_a_setting_of_the_edge_in_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "ariane.toml").write_text("[edge]\nmax_batch_events = 1\n")
    with serving(tmp_path) as server:
        event = {"type": "track", "event": "x", "anonymousId": "a"}
        assert server.post("/v1/batch", {"batch": [event]}).status == 200
        assert server.post("/v1/batch", {"batch": [event, event]}).status == 413


def test_all_mistakes_of_the_file_are_told_at_once_by_name(tmp_path: Path) -> None:
    (tmp_path / "ariane.toml").write_text(
        'port = "many"\nprot = 1\nroles = "edge,brain"\n[edge]\nmax_depth = "deep"\nmax_debth = 3\n[sreve]\n'
        "[import]\nmap = 1\n"
    )
    failed = ariane("serve", "--data", tmp_path)
    assert failed.status == 1
    for name in ("port", "prot", "roles", "edge.max_depth", "edge.max_debth", "[sreve]", "import.map"):
        assert f"{name}: " in failed.err, name
    assert "Traceback" not in failed.err


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    failed = ariane("keys", "--data", tmp_path, "--config", tmp_path / "none.toml")
    assert failed.status == 1
    assert "none.toml" in failed.err


@pytest.mark.parametrize(
    ("file", "environment", "line", "expected"),
    [
        ({}, {}, (), 12),
        ({"max_depth": 3}, {}, (), 3),
        ({"max_depth": 3}, {"ARIANE_EDGE_MAX_DEPTH": "4"}, (), 4),
        ({"max_depth": 3}, {"ARIANE_EDGE_MAX_DEPTH": "4"}, ("max_depth=5",), 5),
    ],
)
def test_the_edges_settings_have_the_same_order(
    file: dict[str, int], environment: dict[str, str], line: tuple[str, ...], expected: int
) -> None:
    assert edge_settings(file, environment, line).max_depth == expected


def test_a_list_in_the_environment_is_separated_by_commas() -> None:
    found = edge_settings({}, {"ARIANE_EDGE_TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1"}, ())
    assert found.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


def test_mistakes_in_the_environment_and_on_the_line_are_told_together() -> None:
    with pytest.raises(Failure) as caught:
        edge_settings({}, {"ARIANE_EDGE_MAX_DEPTH": "deep"}, ("nonsense", "no_such=1"))
    for name in ("ARIANE_EDGE_MAX_DEPTH", "nonsense", "no_such"):
        assert name in str(caught.value)
