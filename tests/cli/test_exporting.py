"""Exports: what is read back is what the ledger has; whole or not at all; in memory that does not grow."""

import csv
import io
import sys
import weakref
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]  # the package has no types of its own

from proxy import codec
from proxy.admin import usage
from proxy.cli import exporting
from proxy.cli.columns import OF_REQUESTS, Field
from proxy.cli.desks import PAGE, Query
from proxy.cli.exporting import poured
from proxy.cli.sinks import GROUP, Csv, Parquet
from tests.cli.commands import PROGRAM, finished
from tests.cli.ledgers import DAY, HOUR, KIMI, LLAMA, MONDAY, a_request, fill
from tests.cli.places import Place

RANGE = ("--since", "2025-06-09", "--until", "2025-06-12")
MANY = 100_000
FORMULA = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
def filled(place: Place) -> Place:
    """Requests of three days, more than two pages, with all that is special."""
    made = [a_request(MONDAY + number * 900, seconds=number / 8, input_tokens=number) for number in range(210)]
    special = a_request(
        MONDAY + 3600.123456,
        model_asked=FORMULA,
        model=LLAMA,
        tags={"team": "red", "=x": "1"},
        repairs=("n-refused",),
        changes=(("store", "ignored"),),
        cost_micros=None,
        charged_micros=None,
        stream=1,
        stream_end="complete",
        first_token=0.25,
        error_code="@sum",
    )
    fill(place.config, *made, special)
    return place


def listing(place: Place) -> Any:
    """The same requests as the API tells them."""
    return place.json("usage", "requests", *RANGE, "--limit", "1000")["data"]


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_requests_come_back_from_csv_as_they_are(filled: Place, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    ended = filled("usage", "export", "--to", str(file), "--raw", *RANGE)
    assert (ended.code, ended.out, ended.err) == (0, "", f"211 requests written to {file}.\n")
    rows, told = read_csv(file.read_bytes().decode()), listing(filled)
    assert [row["id"] for row in rows] == [row["id"] for row in told]
    for row, expected in zip(rows, told, strict=True):
        assert datetime.fromisoformat(row["started_at"]).timestamp() == pytest.approx(expected["started_at"], abs=1e-6)
        assert row["cost_usd"] == (expected["cost_usd"] or "")
        assert row["cost_micros"] == ("" if expected["cost_usd"] is None else "300")
        assert int(row["input_tokens"]) == expected["input_tokens"]
        assert row["model_asked"] == expected["model_asked"]
        assert codec.decode(row["changes"] or "[]") == expected["changes"]
        assert codec.decode(row["tags"] or "{}") == expected["tags"]
        assert row["stream"] == str(expected["stream"]).lower()


def test_requests_come_back_from_parquet_as_they_are(filled: Place, tmp_path: Path) -> None:
    file = tmp_path / "usage.parquet"
    told = filled.json("usage", "export", "--to", str(file), *RANGE)
    assert told == {"object": "export", "file": str(file), "format": "parquet", "rows": 211, "of": "requests"}
    rows = parquet.read_table(file).to_pylist()
    for row, expected in zip(rows, listing(filled), strict=True):
        same = {name: value for name, value in row.items() if name in expected and name != "started_at"}
        same |= {"tags": dict(same["tags"]), "cost_usd": _text(same["cost_usd"])}
        same["charged_usd"] = _text(same["charged_usd"])
        assert same == {name: expected[name] for name in same}
        assert row["started_at"].timestamp() == pytest.approx(expected["started_at"], abs=1e-6)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def test_formulas_are_texts_unless_asked_otherwise(filled: Place) -> None:
    (row,) = [row for row in read_csv(filled.done("usage", "export", "--to", "-", *RANGE)) if row["model"] == LLAMA]
    assert (row["model_asked"], row["error_code"]) == (f"'{FORMULA}", "'@sum")
    assert row["cost_micros"] == row["cost_usd"] == ""


@pytest.mark.parametrize(("rows", "length"), [("hourly", HOUR), ("daily", DAY)])
def test_sums_add_up_to_what_the_table_says(filled: Place, tmp_path: Path, rows: str, length: int) -> None:
    file = tmp_path / "sums.parquet"
    filled.done("usage", "export", "--to", str(file), "--rows", rows, *RANGE)
    found = parquet.read_table(file).to_pylist()
    assert {(row["end"] - row["start"]).total_seconds() for row in found} == {length}
    assert [row["start"] for row in found] == sorted(row["start"] for row in found)
    total = filled.json("usage", *RANGE)["total"]
    for name in ("requests", "input_tokens", "output_tokens", "unpriced"):
        assert sum(row[name] for row in found) == total[name]
    assert f"{sum(row['cost_usd'] for row in found):f}" == total["cost_usd"]
    assert {row["model"] for row in found} == {KIMI, LLAMA}


def test_a_file_is_there_whole_or_not_at_all(near: Place, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / "usage.csv"
    file.write_text("before")

    class Broken(RuntimeError):
        pass

    def fails() -> None:
        with exporting.written(str(file)) as target:
            target.write(b"half")
            assert len(list(folder.iterdir())) == 2
            raise Broken

    with pytest.raises(Broken):
        fails()
    assert [each.name for each in folder.iterdir()] == ["usage.csv"]
    assert file.read_text() == "before"
    near.done("usage", "export", "--to", str(file), *RANGE)
    assert file.read_text().startswith("id,started_at,")
    assert [each.name for each in folder.iterdir()] == ["usage.csv"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--to", "usage.txt"), 2, "neither .csv nor .parquet"),
        (("--to", "-", "--json"), 2, "both write to standard output"),
        (("--to", "no/such/folder/x.csv"), 1, "No such file"),
        (("--to", "x.csv", "--rows", "weekly"), 2, "invalid choice"),
        ((), 2, "--to"),
    ],
)
def test_what_cannot_be_written_is_told(near: Place, words: tuple[str, ...], code: int, told: str) -> None:
    ended = near("usage", "export", *words)
    assert ended.code == code
    assert told in ended.err


def test_without_the_library_it_is_said_how_to_get_it(near: Place, tmp_path: Path) -> None:
    near.monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    ended = near("usage", "export", "--to", str(tmp_path / "x.parquet"))
    assert ended.code == 1
    assert "pip install 'telnyx-openai-proxy[parquet]'" in ended.err
    assert not (tmp_path / "x.parquet").exists()


class Page(dict[str, Any]):
    """A row that can be watched."""


class Endless:
    """A desk with very many requests, none of which it keeps; it counts those that somebody still has."""

    def __init__(self, like: dict[str, Any]) -> None:
        self.like = like
        self.served = 0
        self.most = 0
        self.alive: weakref.WeakValueDictionary[str, Page] = weakref.WeakValueDictionary()

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        assert query is not None
        if path.endswith("/usage"):
            return {"start": MONDAY, "end": int(str(query["end"]))}
        self.most = max(self.most, len(self.alive))
        size = int(str(query["limit"]))
        rows = [Page(self.like, id=f"req_{self.served + number:032x}") for number in range(size)]
        self.served += size
        for row in rows:
            self.alive[row["id"]] = row
        return {"data": rows, "last_id": rows[-1]["id"], "has_more": self.served < MANY}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
async def test_memory_does_not_grow_with_the_ledger(near: Place, tmp_path: Path, kind: str) -> None:
    """No more rows are held than a page, and for Parquet than a group, however many there are."""
    like: dict[str, Any] = {field.name: _any(field) for field in OF_REQUESTS}
    desk = Endless(like)
    fields: tuple[Field, ...] = OF_REQUESTS[:3]
    file = tmp_path / f"many.{kind}"
    with file.open("wb") as target:
        sink = Csv(target, fields) if kind == "csv" else Parquet(target, fields)
        assert await poured(exporting.requests(desk, {}), sink) == MANY
    assert desk.most <= 2 * PAGE + (GROUP if kind == "parquet" else 0)
    if kind == "parquet":
        assert parquet.read_metadata(file).num_rows == MANY
    else:
        assert file.read_bytes().count(b"\r\n") == MANY + 1


def _any(field: Field) -> Any:
    return {"time": MONDAY, "map": {}, "texts": [], "pairs": []}.get(field.kind, "x")


class Paged:
    """A desk that has three pages of every question."""

    def __init__(self) -> None:
        self.spans: list[int] = []

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        assert query is not None
        start, end = int(str(query.get("start", MONDAY))), int(str(query["end"]))
        page = int(str(query.get("page", 0)))
        if "group_by" in query:
            self.spans.append(end - start)
        following = str(page + 1) if page < 2 else None
        return {"start": start, "end": end, "data": [{"at": (start, page)}], "next_page": following}


async def test_every_page_of_every_span_is_asked_for() -> None:
    desk = Paged()
    query = {"start": str(MONDAY + HOUR), "end": str(MONDAY + DAY + HOUR)}
    found = [row["at"] async for page in exporting.sums(desk, query, "hourly") for row in page]
    assert found == [(start, page) for start in (MONDAY + HOUR, MONDAY + DAY) for page in range(3)]
    assert desk.spans == [23 * HOUR] * 3 + [HOUR] * 3


@pytest.mark.parametrize("rows", ["hourly", "daily"])
def test_an_hour_may_have_more_groups_than_an_answer_has_rows(near: Place, tmp_path: Path, rows: str) -> None:
    near.monkeypatch.setattr(usage, "MOST_ROWS", 4)
    near.monkeypatch.setattr(exporting, "LARGE_PAGE", 4)
    fill(near.config, *(a_request(MONDAY, model=f"m{number:02}", input_tokens=number) for number in range(21)))
    file = tmp_path / "sums.csv"
    near.done("usage", "export", "--to", str(file), "--rows", rows, *RANGE)
    found = [(row["model"], row["requests"], row["input_tokens"]) for row in read_csv(file.read_text())]
    assert found == [(f"m{number:02}", "1", str(number)) for number in range(21)]


async def test_the_program_writes_to_a_pipe(near: Place) -> None:
    ended = await finished(*PROGRAM, "usage", "export", "--to", "-", *near.options)
    assert ended.code == 0
    assert ended.out.startswith("id,started_at,")
    assert ended.err == "0 requests written to standard output.\n"
