"""Every hot function still runs and is right; what has become slower is marked and fails nothing."""

from pathlib import Path

import pytest

from tests.bench import micro
from tests.bench.micro import Cost


async def test_every_hot_function_has_a_cost(tmp_path: Path) -> None:
    async with micro.hot(tmp_path) as functions:
        cases = functions.cases()
        costs = await micro.measured(cases, rounds=1, burst=1e-6)
    assert [*costs] == [micro.REFERENCE, *(case.name for case in cases)]
    assert len(costs) == len(cases) + 1
    assert costs[micro.REFERENCE].ratio == 1
    assert all(cost.microseconds > 0 and cost.ratio > 0 for cost in costs.values())
    assert (tmp_path / "log").read_bytes().count(b"\n") > 0


def test_the_stored_figures_are_of_these_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "micro.json"
    micro.main(["--rounds", "1", "--burst", "0.000001", "--baseline", str(file), "--write"])
    assert micro.stored_ratios(micro.STORED).keys() == micro.stored_ratios(file).keys()
    assert "| stored |" in capsys.readouterr().out


def test_what_has_become_slower_is_marked() -> None:
    costs = {"a": Cost(1, 0.14), "b": Cost(2, 0.12), "c": Cost(3, 0.5)}
    stored = {"a": 0.1, "b": 0.1, "d": 9.0}
    assert micro.slower(costs, stored) == ["a"]
    a, b, c = (line.split("|")[4:6] for line in micro.table(costs, stored).splitlines()[2:])
    assert [part.strip() for part in a] == ["0.1000", "\u00d71.40 SLOWER"]
    assert [part.strip() for part in b] == ["0.1000", "\u00d71.20"]
    assert [part.strip() for part in c] == ["\u2013", ""]


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"ratios": 3}', '{"ratios": {"a": "b"}}', '{"ratios": {"a": []}}']
)
def test_a_baseline_of_no_use_is_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "micro.json"
    if text is not None:
        file.write_text(text)
    assert micro.stored_ratios(file) == {}


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    micro.store({"a": Cost(1.0, 0.123456)}, tmp_path / "micro.json")
    assert micro.stored_ratios(tmp_path / "micro.json") == {"a": 0.1235}
