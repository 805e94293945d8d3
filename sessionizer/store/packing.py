"""Rows packed small: MessagePack in a zstd frame, with a dictionary of what visitors' rows have in common.

A record names the same few events over and over, so it shrinks to a quarter, and with it what every commit writes.
The store is derived from the log, so its dictionary is not kept in the file: each that ever shipped goes on shipping,
and a frame carries the number of its own.
"""

from importlib.resources import files

import zstandard

from sessionizer.state import Packed, encode

MAGIC = b"\x28\xb5\x2f\xfd"
"""What every zstd frame begins with (RFC 8878, section 3.1.1), and no array of MessagePack."""
LEVEL = 1
_DICTIONARIES = ("rows-1.dict",)
"""Made by `load_tests/train_dictionary.py`; the last is the one to pack with."""


def _dictionaries() -> list[zstandard.ZstdCompressionDict]:
    folder = files("sessionizer.store")
    return [zstandard.ZstdCompressionDict((folder / name).read_bytes()) for name in _DICTIONARIES]


class RowPacker:
    """Packs rows. For one thread."""

    def __init__(self) -> None:
        dictionary = _dictionaries()[-1]
        dictionary.precompute_compress(level=LEVEL)
        self._compress = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary).compress

    def pack(self, row: Packed) -> bytes:
        """A row as it is kept."""
        body = encode(row)
        packed: bytes = self._compress(body)
        return packed if len(packed) < len(body) else body


class RowUnpacker:
    """Unpacks rows. For one thread."""

    def __init__(self) -> None:
        known = [(each.dict_id(), zstandard.ZstdDecompressor(dict_data=each)) for each in _dictionaries()]
        self._by_number = dict(known)

    def unpack(self, kept: bytes) -> bytes:
        """A row in MessagePack. Raises zstandard.ZstdError for a damaged one, KeyError for a later release's."""
        if not kept.startswith(MAGIC):
            return kept
        body: bytes = self._by_number[zstandard.get_frame_parameters(kept).dict_id].decompress(kept)
        return body
