"""Rows out of a file: CSV with or without a header, whitespace-separated columns, or one JSON object a line.

Streams, so that a file may be larger than memory. What cannot be read as a row is a BadRow, and the next row is read.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

WHITESPACE = "whitespace"
MAX_CELL_CHARS = 1_000_000


class Row(NamedTuple):
    """One row: where it stands, and its values by column."""

    line: int
    """Its last line in the file, from 1."""
    values: dict[str, Any]


class BadRow(NamedTuple):
    """A row that cannot be imported, and why."""

    line: int
    reason: str


class NoColumns(Exception):
    """The file is empty, so there is no header and nothing to import."""


def read_separated(
    lines: Iterable[str], *, delimiter: str, columns: Sequence[str] | None = None
) -> Iterator[Row | BadRow]:
    """Rows of a CSV file (RFC 4180), or of columns separated by runs of blanks (delimiter WHITESPACE).

    Without `columns` the first line names them. Raises NoColumns for an empty file without them.
    """
    cells = _split(lines) if delimiter == WHITESPACE else _csv(lines, delimiter)
    if columns is None:
        columns = _header(cells)
    count = len(columns)
    for line, found in cells:
        if isinstance(found, str):
            yield BadRow(line, found)
        elif len(found) != count:
            yield BadRow(line, f"{len(found)} columns instead of {count}")
        elif any(not each.isprintable() and _undecodable(each) for each in found):
            yield BadRow(line, "not in the file's encoding (see --encoding)")
        else:
            yield Row(line, dict(zip(columns, found, strict=True)))


def read_json_lines(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """Rows of an NDJSON file: one object a line; empty lines are skipped."""
    decode = msgspec.json.Decoder().decode
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            values = decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:  # the latter two escape msgspec 0.22
            yield BadRow(line, f"not JSON: {str(error)[:100]}")
            continue
        if isinstance(values, dict):
            yield Row(line, values)
        else:
            yield BadRow(line, "not a JSON object")


def _split(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
    for line, text in enumerate(lines, 1):
        cells = text.split()
        if cells:
            yield line, cells


def _csv(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"not CSV: {error}"
            continue
        if cells:
            yield reader.line_num, cells


def _header(cells: Iterator[tuple[int, list[str] | str]]) -> list[str]:
    for _, found in cells:
        if isinstance(found, str):
            raise NoColumns(f"the first line names no columns: {found}")
        names = [each.strip() for each in found]
        if len(set(names)) < len(names):
            raise NoColumns(f"the first line names a column twice: {', '.join(names)}")
        return names
    raise NoColumns("the file is empty")


def _undecodable(text: str) -> bool:
    """Whether it holds bytes that the encoding could not read (Python's surrogateescape)."""
    return any("\udc80" <= each <= "\udcff" for each in text)
