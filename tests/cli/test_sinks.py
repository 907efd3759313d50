import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # the package has no types of its own
import pytest
from pyarrow import parquet

from proxy.cli import sinks
from proxy.cli.columns import Field, Kind
from proxy.cli.sinks import Csv, Parquet

AT = datetime(2025, 6, 9, 1, 2, 3, 4, tzinfo=UTC)
KINDS: dict[Kind, Any] = {
    "text": 'a, "b"\nc',
    "whole": 2**53 + 1,
    "number": 1.5,
    "flag": True,
    "time": AT,
    "dollars": Decimal("12.000001"),
    "texts": ["x", "y"],
    "map": {"team": "red"},
    "pairs": [{"field": "store", "verdict": "ignored"}],
}
VALUES: dict[str, Any] = {str(kind): value for kind, value in KINDS.items()}


def field(name: str, kind: Kind) -> Field:
    return Field(name, kind, lambda row: row[name])


FIELDS = [field(kind, kind) for kind in KINDS]


def as_csv(*rows: dict[str, Any], raw: bool = False, fields: list[Field] = FIELDS) -> list[list[str]]:
    file = io.BytesIO()
    sink = Csv(file, fields, raw=raw)
    sink.take(rows)
    sink.end()
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


def test_csv_has_a_heading_and_a_cell_for_each_type() -> None:
    nothing = dict.fromkeys(VALUES)
    heading, first, second = as_csv(dict(VALUES), nothing)
    assert heading == list(VALUES)
    assert first == [
        'a, "b"\nc',
        "9007199254740993",
        "1.5",
        "true",
        "2025-06-09T01:02:03.000004Z",
        "12.000001",
        '["x","y"]',
        '{"team":"red"}',
        '[{"field":"store","verdict":"ignored"}]',
    ]
    assert second == [""] * len(VALUES)
    assert as_csv({**VALUES, "flag": False, "texts": [], "map": {}})[1][6:8] == ["", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_what_a_spreadsheet_would_calculate_is_a_text(text: str) -> None:
    fields = [field("text", "text")]
    assert as_csv({"text": text}, fields=fields)[1] == [f"'{text}"]
    assert as_csv({"text": text}, fields=fields, raw=True)[1] == [text]
    assert as_csv({"text": "a=b"}, fields=fields)[1] == ["a=b"]


def as_parquet(rows: list[dict[str, Any]], pages: int = 1) -> Any:
    file = io.BytesIO()
    sink = Parquet(file, FIELDS)
    for number in range(pages):
        sink.take(rows[number::pages])
    sink.end()
    return parquet.ParquetFile(io.BytesIO(file.getvalue()))


def test_parquet_has_a_type_for_each_type() -> None:
    table = as_parquet([dict(VALUES), dict.fromkeys(VALUES)]).read()
    assert {name: str(table.schema.field(name).type) for name in ("whole", "number", "flag", "time", "dollars")} == {
        "whole": "int64",
        "number": "double",
        "flag": "bool",
        "time": "timestamp[us, tz=UTC]",
        "dollars": "decimal128(20, 6)",
    }
    first, second = table.to_pylist()
    assert first == {**VALUES, "map": [("team", "red")]}
    assert second == dict.fromkeys(VALUES)


def test_parquet_is_written_in_groups_that_are_held_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "GROUP", 4)
    file = as_parquet([{**VALUES, "whole": number} for number in range(10)], pages=3)
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    assert sizes == [4, 4, 2]
    assert sorted(file.read()["whole"].to_pylist()) == list(range(10))


def test_without_a_row_there_is_an_empty_file_with_its_columns() -> None:
    table = as_parquet([]).read()
    assert (table.num_rows, table.column_names) == (0, list(VALUES))
    assert isinstance(table.schema, pa.Schema)
    assert as_csv() == [list(VALUES)]
