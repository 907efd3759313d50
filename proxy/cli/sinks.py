"""Where an export is written to: CSV by the standard library, Parquet by pyarrow, both as it comes."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, Protocol

from proxy import codec
from proxy.cli.columns import Field
from proxy.cli.tables import Row

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that a spreadsheet takes for a formula (OWASP, CSV Injection)."""
GROUP = 10_000
"""Rows of a row group of Parquet, and so the most that are held in memory: some megabytes."""


class Sink(Protocol):
    """Takes rows until there are no more."""

    def take(self, rows: Sequence[Row]) -> None:
        """Some more rows."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class Csv:
    """UTF-8, a heading, lines that end with CR LF (RFC 4180); nothing where a value is not known."""

    def __init__(self, file: IO[bytes], fields: Sequence[Field], *, raw: bool = False) -> None:
        """`raw`: texts that look like formulas are left alone."""
        self._file = file
        self._fields = fields
        self._raw = raw
        self._write([[field.name for field in fields]])

    def take(self, rows: Sequence[Row]) -> None:
        """Write them."""
        self._write([[self._cell(field, field.value(row)) for field in self._fields] for row in rows])

    def end(self) -> None:
        """Nothing is held back."""

    def _cell(self, field: Field, value: Any) -> str:
        if value is None:
            return ""
        text = _CSV.get(field.kind, str)(value)
        return f"'{text}" if field.kind == "text" and not self._raw and text.startswith(FORMULA) else text

    def _write(self, lines: Sequence[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        self._file.write(text.getvalue().encode())


def _iso(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _json(value: Any) -> str:
    return codec.encode(value).decode() if value else ""


_CSV: Mapping[str, Callable[[Any], str]] = {
    "time": _iso,
    "flag": lambda value: "true" if value else "false",
    "texts": _json,
    "map": _json,
    "pairs": _json,
}


class Parquet:
    """Typed columns: times in UTC to the microsecond, dollars as decimals, lists and maps as such."""

    def __init__(self, file: IO[bytes], fields: Sequence[Field]) -> None:
        import pyarrow as pa  # type: ignore[import-untyped]  # the package has no types of its own
        from pyarrow import parquet

        self._fields = fields
        self._schema = pa.schema([pa.field(field.name, _type(field)) for field in fields])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[Row] = []

    def take(self, rows: Sequence[Row]) -> None:
        """Hold them until there are enough for a group."""
        self._held += rows
        while len(self._held) >= GROUP:
            self._flush(self._held[:GROUP])
            del self._held[:GROUP]

    def end(self) -> None:
        """Write what is held, and the foot."""
        self._flush(self._held)
        self._held = []
        self._writer.close()

    def _flush(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        arrays = [pa.array([_value(field.value(row)) for row in rows], type=_type(field)) for field in self._fields]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))


def _value(value: Any) -> Any:
    return list(value.items()) if isinstance(value, Mapping) else value


def _type(field: Field) -> Any:
    import pyarrow as pa

    text = pa.string()
    pair = pa.struct([pa.field("field", text), pa.field("verdict", text)])
    types = {
        "text": text,
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "dollars": pa.decimal128(20, 6),
        "texts": pa.list_(text),
        "map": pa.map_(text, text),
        "pairs": pa.list_(pair),
    }
    return types[field.kind]
