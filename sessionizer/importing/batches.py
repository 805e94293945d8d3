"""Packs events into bodies for `/v1/batch` within its limits, remembering which line each came from. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from sessionizer.importing.mapping import Build, RowInvalid
from sessionizer.importing.naming import Namer
from sessionizer.importing.rows import BadRow, Row

MAX_BATCH_EVENTS = 2000
MAX_BATCH_BYTES = 450 * 1024
"""Both somewhat below the edge's own limits (2,500 events, 500 KB), which also count what is around the events."""

_HEAD, _TAIL = b'{"batch":[', b"]}"


class Batch(NamedTuple):
    """One request's worth of events, and the rows before its end that could not become one."""

    body: bytes
    lines: list[int]
    """The line of each event."""
    bad: list[BadRow]
    end_line: int


def to_batches(
    rows: Iterable[Row | BadRow],
    build: Build,
    namer: Namer,
    *,
    max_events: int = MAX_BATCH_EVENTS,
    max_bytes: int = MAX_BATCH_BYTES,
) -> Iterator[Batch]:
    """Events of all rows, in order, in as few batches as the limits allow. A row too large is a bad row."""
    encode = msgspec.json.Encoder().encode
    pieces: list[bytes] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    size = 0
    line = 0
    for row in rows:
        line = row.line
        piece = row if isinstance(row, BadRow) else _encoded(row, build, namer, encode, max_bytes)
        if isinstance(piece, BadRow):
            bad.append(piece)
            continue
        if pieces and (len(pieces) >= max_events or size + len(piece) > max_bytes):
            yield Batch(_HEAD + b",".join(pieces) + _TAIL, lines, bad, lines[-1])
            pieces, lines, bad, size = [], [], [], 0
        pieces.append(piece)
        lines.append(row.line)
        size += len(piece) + 1
    if pieces or bad:
        yield Batch(_HEAD + b",".join(pieces) + _TAIL if pieces else b"", lines, bad, line)


def _encoded(row: Row, build: Build, namer: Namer, encode: Any, max_bytes: int) -> bytes | BadRow:
    try:
        event = build(row.values)
    except RowInvalid as error:
        return BadRow(row.line, str(error))
    event.pop("sentAt", None)  # history was not sent now: else its age would look like a wrong clock
    if not event.get("messageId"):
        event["messageId"] = namer.name(event, row.values)
    try:
        piece: bytes = encode(event)
    except (UnicodeEncodeError, OverflowError, RecursionError) as error:
        return BadRow(row.line, f"cannot be written as JSON: {str(error)[:100]}")
    if len(piece) > max_bytes:
        return BadRow(row.line, f"{len(piece)} bytes, more than a whole batch may have")
    return piece
