"""Reading what a sender wrote, of which anything may be missing or of the wrong type."""

from collections.abc import Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def section(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`; an empty one when it is missing or no object."""
    value = of.get(name)
    return value if isinstance(value, dict) else _NOTHING


def text(value: object, limit: int = 256) -> str | None:
    """A string trimmed and cut to `limit` characters; None for an empty one and for anything else."""
    if not isinstance(value, str):
        return None
    trimmed = value.strip()
    return (trimmed if len(trimmed) <= limit else trimmed[:limit].rstrip()) or None
