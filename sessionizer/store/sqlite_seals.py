"""Seals: four bytes at the end of what is kept of a visitor, which hold it to its bytes, its key and its number.

The key is the one that was asked for: where a damaged index leads to another visitor's rows, they do not fit it.

A damaged page is so found when it is read, and nothing is answered from it. Everything here is derived: `ariane replay`
makes it anew from the log.
"""

import sqlite3
import zlib

from sessionizer.store import Damaged

SEAL_BYTES = 4


def seal(blob: bytes, key: str | int, number: int = 0) -> bytes:
    """A blob as it is kept: a visitor's record, or one of its rows with that number."""
    return blob + _checksum(blob, key, number)


def unseal(sealed: object, key: str | int, number: int = 0) -> bytes:
    """The blob. Raises Damaged."""
    blob = sealed[:-SEAL_BYTES] if isinstance(sealed, bytes) else b""
    if not isinstance(sealed, bytes) or sealed[-SEAL_BYTES:] != _checksum(blob, key, number):
        raise Damaged
    return blob


def _reseal(sealed: bytes, old: str | int, key: str, number: int) -> bytes:
    """The same blob under another key; what is damaged stays as it is, and so stays damaged."""
    try:
        return seal(unseal(sealed, old, number), key, number)
    except Damaged:
        return sealed


def _checksum(blob: bytes, key: str | int, number: int) -> bytes:
    start = zlib.crc32(f"{key} {number}".encode(errors="surrogatepass"))
    return zlib.crc32(blob, start).to_bytes(SEAL_BYTES, "big")


def allow_sealing(db: sqlite3.Connection) -> None:
    """Give the migrations their functions. Rows were once held to their visitor's number, not to its key."""
    db.create_function("seal", 3, seal, deterministic=True)
    db.create_function("reseal", 4, _reseal, deterministic=True)
