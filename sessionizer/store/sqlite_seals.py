"""Seals: four bytes at the end of what is kept of a visitor, which hold it to its bytes and to its place.

A damaged page is so found when it is read, and nothing is answered from it. Everything here is derived: `ariane replay`
makes it anew from the log.
"""

import sqlite3
import zlib

from sessionizer.store import Damaged

SEAL_BYTES = 4


def seal(blob: bytes, place: str | int, number: int = 0) -> bytes:
    """A blob as it is kept at a place: of a visitor's key, or of its number and the row's."""
    return blob + _checksum(blob, place, number)


def unseal(sealed: object, place: str | int, number: int = 0) -> bytes:
    """The blob. Raises Damaged."""
    blob = sealed[:-SEAL_BYTES] if isinstance(sealed, bytes) else b""
    if not isinstance(sealed, bytes) or sealed[-SEAL_BYTES:] != _checksum(blob, place, number):
        raise Damaged
    return blob


def _checksum(blob: bytes, place: str | int, number: int) -> bytes:
    start = zlib.crc32(f"{place} {number}".encode(errors="surrogatepass"))
    return zlib.crc32(blob, start).to_bytes(SEAL_BYTES, "big")


def allow_sealing(db: sqlite3.Connection) -> None:
    """Give the migration its function."""
    db.create_function("seal", 3, seal, deterministic=True)
