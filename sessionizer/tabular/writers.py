"""Writers that take an export's NDJSON in chunks and write it as it is, as CSV, or as Parquet. All stream."""

import csv
import io
from typing import IO, Any, Protocol

import msgspec

from sessionizer.tabular.columns import SHAPES, Column, cells_of, columns_of

ROWS_A_GROUP = 10_000
"""Rows of a Parquet row group: what is held in memory at once."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Writer(Protocol):
    """Takes chunks of whole lines."""

    def write(self, chunk: bytes) -> None: ...

    def close(self) -> None:
        """Write what is left. Leaves the file open."""
        ...


class ParquetMissing(Exception):
    """pyarrow is not installed: `pip install 'ariane[parquet]'`."""


def make_writer(format_: str, what: str, file: IO[bytes]) -> Writer:
    """A writer of `ndjson`, `csv` or `parquet` for an export of this kind. Raises ParquetMissing."""
    match format_:
        case "csv":
            return CsvWriter(columns_of(SHAPES[what]), file)
        case "parquet":
            return ParquetWriter(columns_of(SHAPES[what]), file)
    return PlainWriter(file)


class PlainWriter:
    """The same bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def close(self) -> None:
        self._file.flush()


class CsvWriter:
    """CSV as RFC 4180 has it, in UTF-8, with a header; a missing value is an empty cell."""

    def __init__(self, columns: list[Column], file: IO[bytes]) -> None:
        self._columns = columns
        self._text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
        self._csv = csv.writer(self._text)
        self._csv.writerow([each.name for each in columns])

    def write(self, chunk: bytes) -> None:
        self._csv.writerows(
            [_csv_cell(each) for each in cells_of(_decode(line), self._columns)] for line in lines(chunk)
        )

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


class ParquetWriter:
    """Parquet, a row group every ROWS_A_GROUP rows; JSON columns are text."""

    def __init__(self, columns: list[Column], file: IO[bytes]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ParquetMissing from error
        kinds = {
            str: pyarrow.string(),
            int: pyarrow.int64(),
            float: pyarrow.float64(),
            bool: pyarrow.bool_(),
            object: pyarrow.string(),
        }
        self._columns = columns
        self._schema = pyarrow.schema([(each.name, kinds[each.kind]) for each in columns])
        self._pyarrow = pyarrow
        self._parquet = pyarrow.parquet.ParquetWriter(file, self._schema)
        self._rows: list[list[Any]] = []

    def write(self, chunk: bytes) -> None:
        self._rows += [cells_of(_decode(line), self._columns) for line in lines(chunk)]
        if len(self._rows) >= ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._parquet.close()

    def _flush(self) -> None:
        by_column = list(zip(*self._rows, strict=True))
        arrays = [
            self._pyarrow.array(values, field.type) for values, field in zip(by_column, self._schema, strict=True)
        ]
        self._parquet.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []


def lines(chunk: bytes) -> list[bytes]:
    """The lines of a chunk that ends with a line's end. (`splitlines` would also split at other characters.)"""
    return [each for each in chunk.split(b"\n") if each]


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
