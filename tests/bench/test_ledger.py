"""The measurement of the ledger measures what it says, at a small size."""

import re

import pytest

from proxy import codec
from proxy.accounts.entries import COLUMNS
from tests.bench import ledger
from tests.bench.ledger import QUESTIONS, Figures


def test_requests_are_spread_over_a_month_and_of_all_kinds() -> None:
    rows = [dict(zip(COLUMNS, codec.decode(row), strict=True)) for row in ledger.entries(2000, 10**15)]
    times = [row["started_us"] for row in rows]
    assert times == sorted(times)
    assert len({at // 86_400_000_000 for at in times}) in {30, 31}
    assert [len({row[name] for row in rows}) for name in ("id", "key_id", "model")] == [2000, 20, 10]


def test_every_question_is_answered_by_both_databases(capsys: pytest.CaptureFixture[str]) -> None:
    ledger.main(["--rows", "2000"])
    said = capsys.readouterr().out
    assert re.match(r" +SQLite +PostgreSQL\nrequests +2,000 +2,000\n", said)
    for question in QUESTIONS:
        (line,) = [line for line in said.splitlines() if line.startswith(question.name + " ")]
        figure = r"[\d,]+\.\d" if question.sums else "-"
        assert re.search(rf"( +{figure} / [\d,]+\.\d){{2}}$", line), line


def test_the_table() -> None:
    asked = {question.name: (None if question.sums is None else 0.001, 1.5) for question in QUESTIONS}
    lines = ledger.table([Figures("X", requests=10, sums=3, seconds=2, size=1000, asked=asked)]).splitlines()
    found = {line[:40].strip(): line[40:].strip() for line in lines}
    assert found["requests added per second"] == "5"
    assert found["bytes per request, all tables"] == "100"
    assert found["sums by hour, 24 hours"] == "1.0 / 1,500.0"
    assert found["newest 50 requests"] == "- / 1,500.0"
