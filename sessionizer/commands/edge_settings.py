"""The edge's settings from where they may stand: `[edge]` in ariane.toml, ARIANE_EDGE_*, `--edge NAME=VALUE`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from collector.settings import EdgeSettings
from sessionizer.commands.failures import Failure

EDGE = "edge"
ENVIRONMENT = "ARIANE_EDGE_"

_FIELDS = {each.name: each.type for each in msgspec.structs.fields(EdgeSettings)}


def edge_settings(file: Mapping[str, Any], environment: Mapping[str, str], command_line: Sequence[str]) -> EdgeSettings:
    """The settings: the command line before the environment, that before the file. Raises Failure."""
    mistakes: list[str] = []
    values: dict[str, Any] = dict(file)
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT):
            _set(values, name.removeprefix(ENVIRONMENT).lower(), text, name, mistakes)
    for each in command_line:
        name, equals, text = each.partition("=")
        if not equals:
            mistakes.append(f"--edge {each}: write NAME=VALUE")
        else:
            _set(values, name, text, f"--edge {name}", mistakes)
    if mistakes:
        listed = "; ".join(mistakes)
        raise Failure(f"these settings cannot be used: {listed}", "docs/operations.md lists all.")
    return EdgeSettings(**{name: msgspec.convert(value, _FIELDS[name]) for name, value in values.items()})


def wrong_edge_settings(table: Any) -> list[str]:
    """The mistakes in the `[edge]` table, each with its name."""
    if not isinstance(table, dict):
        return [f"{EDGE}: must be a table"]
    found = [_complaint(name, value, strict=True) for name, value in table.items()]
    return [f"{EDGE}.{each}" for each in found if each is not None]


def _set(values: dict[str, Any], name: str, text: str, said: str, mistakes: list[str]) -> None:
    value: Any = [each.strip() for each in text.split(",") if each.strip()] if _is_list(name) else text
    complaint = _complaint(name, value, strict=False)
    if complaint is None:
        values[name] = msgspec.convert(value, _FIELDS[name], strict=False)
    else:
        mistakes.append(f"{said}: {complaint.partition(': ')[2]}")


def _is_list(name: str) -> bool:
    return name in _FIELDS and isinstance(getattr(EdgeSettings(), name), tuple)


def _complaint(name: str, value: Any, *, strict: bool) -> str | None:
    if name not in _FIELDS:
        return f"{name}: no such setting"
    try:
        msgspec.convert(value, _FIELDS[name], strict=strict)
    except msgspec.ValidationError as error:
        return f"{name}: {error}"
    return None
