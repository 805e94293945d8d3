"""Cursors: places in a list, opaque to whoever gets one and brings it back."""

import base64
import binascii
from typing import Any

import msgspec

from sessionizer.reading import BadCursor


def write_cursor(place: Any) -> str | None:
    """A place as a cursor; None stays None."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def read_cursor(cursor: str | None, kind: Any) -> Any:
    """What `write_cursor` wrote. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.msgpack.decode(packed, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor(cursor) from error
