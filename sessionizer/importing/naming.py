"""Names for rows that have none: a hash of source, kind of event, row, and which of its copies it is. Pure.

So exact copies are each an event of their own, and importing a file again changes nothing. The order of rows does not
matter, only how many copies there are.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

DIGEST_BYTES = 16


class Namer:
    """Names the rows of one file. Keeps about 100 bytes a row, to count copies."""

    def __init__(self, source: str) -> None:
        self._base = hashlib.blake2b(source.encode(), digest_size=DIGEST_BYTES)
        self._seen: dict[bytes, int] = {}
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def name(self, event: Mapping[str, Any], row: Mapping[str, Any]) -> str:
        """The message id of the event made from this row."""
        hashed = self._base.copy()
        hashed.update(self._encode((event.get("type"), event.get("event"), row)))
        digest = hashed.digest()
        copy = self._seen[digest] = self._seen.get(digest, 0) + 1
        return f"row-{digest.hex()}-{copy}"
