"""The columns of an export, fixed by its type, so that they are known before the first row. Pure.

A nested shape is laid flat with dots (`totals.events`, `first_touch.channel`, `cart.value`). What has no fixed shape,
a list or free-form names (`traits`, `properties`, `devices`, `revenue`), is one column with its JSON.
"""

import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from sessionizer.views import ExportedEvent, ExportedSession, Profile

SHAPES: Mapping[str, type[msgspec.Struct]] = {"profiles": Profile, "events": ExportedEvent, "sessions": ExportedSession}
"""What an export's rows are."""


class Column(NamedTuple):
    """One column: its name is where its value is, with dots."""

    path: tuple[str, ...]
    kind: type
    """`str`, `int`, `float`, `bool`, or `object` for a value written as JSON."""

    @property
    def name(self) -> str:
        return ".".join(self.path)


def columns_of(shape: type[msgspec.Struct], above: tuple[str, ...] = ()) -> list[Column]:
    """The columns of a type's rows, in the order of its fields."""
    found: list[Column] = []
    hints = typing.get_type_hints(shape)
    for field in msgspec.structs.fields(shape):
        path = (*above, field.encode_name)
        kind = _without_none(hints[field.name])
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += columns_of(kind, path)
        else:
            found.append(Column(path, kind if kind in (str, int, float, bool) else object))
    return found


def cells_of(row: Mapping[str, Any], columns: list[Column]) -> list[Any]:
    """A row's values, one a column; None where it has none."""
    return [_cell(row, column) for column in columns]


def _cell(row: Mapping[str, Any], column: Column) -> Any:
    value: Any = row
    for name in column.path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    if column.kind is object and value is not None:
        return msgspec.json.encode(value).decode()
    return value


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        left = [each for each in typing.get_args(kind) if each is not type(None)]
        return left[0] if len(left) == 1 else kind
    return kind
