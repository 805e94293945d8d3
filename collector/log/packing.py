"""Records packed small: zstd with a dictionary of what events have in common, each record on its own.

On its own, so that it can be read and erased alone. The dictionary (`records.dict`, made from invented events by
`load_tests/train_dictionary.py`) is what makes that worth while: a page view of 1,100 bytes takes 240. A file
keeps every dictionary that it was written with.
"""

import sqlite3
import zlib
from importlib.resources import files
from typing import NamedTuple

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
"""What every zstd frame begins with (RFC 8878, section 3.1.1); a record that begins so itself is always packed."""
LEVEL = 1
"""3.4 us for a page view; level 3 takes a quarter longer and saves 4 %."""

_DICTIONARIES = "/* packing.dictionaries */ select dictionary, body, crc from dictionaries"
_KEEP = "/* packing.keep_dictionary */ insert or ignore into dictionaries (dictionary, body, crc) values (?, ?, ?)"


class Unreadable(Exception):
    """A packed record's dictionary is missing or damaged, or the record is no frame. It cannot be served."""


class Dictionary(NamedTuple):
    """A dictionary by the number that frames carry."""

    number: int
    body: bytes


def shipped() -> Dictionary:
    """The one this release packs with."""
    body = (files("collector.log") / "records.dict").read_bytes()
    return Dictionary(zstandard.ZstdCompressionDict(body).dict_id(), body)


def keep_dictionary(db: sqlite3.Connection, dictionary: Dictionary) -> None:
    """See to it that the file holds the dictionary, before anything is packed with it."""
    db.execute(_KEEP, (*dictionary, zlib.crc32(dictionary.body)))


class Packer:
    """Packs records. For one thread."""

    def __init__(self, dictionary: Dictionary) -> None:
        loaded = zstandard.ZstdCompressionDict(dictionary.body)
        loaded.precompute_compress(level=LEVEL)
        self._compress = zstandard.ZstdCompressor(level=LEVEL, dict_data=loaded).compress

    def pack(self, body: bytes) -> bytes:
        """The record as it is kept: packed where that makes it smaller."""
        packed: bytes = self._compress(body)
        return packed if len(packed) < len(body) or body.startswith(MAGIC) else body


class Unpacker:
    """Unpacks the records of one file. For one thread."""

    def __init__(self) -> None:
        self._by_number: dict[int, zstandard.ZstdDecompressor] = {}

    def unpack(self, db: sqlite3.Connection, kept: bytes) -> bytes:
        """The record as it was appended. Raises Unreadable."""
        if not kept.startswith(MAGIC):
            return kept
        try:
            number = zstandard.get_frame_parameters(kept).dict_id
            if number not in self._by_number:
                self._load(db)
            body: bytes = self._by_number[number].decompress(kept)
        except (zstandard.ZstdError, KeyError) as error:
            raise Unreadable(str(error)) from error
        return body

    def _load(self, db: sqlite3.Connection) -> None:
        for number, body, crc in db.execute(_DICTIONARIES):
            if zlib.crc32(body) == crc:
                dictionary = zstandard.ZstdCompressionDict(body)
                self._by_number[number] = zstandard.ZstdDecompressor(dict_data=dictionary)
