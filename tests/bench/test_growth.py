"""Growth measures what it says, at small sizes; the tables are right."""

import sys
from dataclasses import replace
from pathlib import Path

from tests.bench import comparison, growth, processes
from tests.bench.growth import Point, Row
from tests.bench.measures import Bench, Size
from tests.bench.targets import TARGETS

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
SMALL = Size(rounds=1, seconds=0.1, streams=0)


def test_every_axis_gives_a_figure_for_every_point(tmp_path: Path) -> None:
    rows: growth.Rows = {}
    growth.one(rows, SMALL, tmp_path, over_connections=(32,), over_sizes=(1_000, 1_000_000))
    growth.many(rows, SMALL, tmp_path, "keys", 3)
    assert growth.complaints(rows) == []
    assert {*rows} == {
        Point("connections", 32, growth.CPU),
        Point("keys", 1, growth.IDLE),
        Point("keys", 1, growth.CPU),
        Point("keys", 3, growth.IDLE),
        Point("keys", 3, growth.CPU),
        Point("models", 1, growth.IDLE),
        Point("models", 1, growth.CPU),
        Point("bytes", 1_000, growth.CPU),
        Point("bytes", 1_000_000, growth.CPU),
        Point("bytes", 1_000_000, growth.PER_MEGABYTE),
        *([Point("bytes", growth.COPIED, growth.COPIES)] if sys.platform == "linux" else []),
    }
    assert all(len(row.values) == 1 for row in rows.values())
    assert rows[Point("keys", 3, growth.IDLE)].values[0] > 1


def test_a_target_that_answers_wrongly_is_told(tmp_path: Path) -> None:
    rows: growth.Rows = {}
    with comparison.mock(tmp_path) as port, processes.running(SLEEP, None, tmp_path / "log") as process:
        bench = Bench(replace(TARGETS["direct"](tmp_path, port), key="wrong"), process, SMALL)
        growth._copies(rows, bench, process)
        growth._sizes(rows, bench, (1_000, 1_000_000))
    assert all(row.values == [] for row in rows.values())
    assert [told.partition(":")[0] for told in growth.complaints(rows)] == [
        "10,000,000 bytes",
        "1,000 bytes",
        "1,000,000 bytes",
    ]


def test_the_table_has_ratios_to_the_first_point_of_a_measure() -> None:
    rows = {
        Point("bytes", 10_000_000, growth.COPIES): Row([3, 5, 4]),
        Point("connections", 32, growth.CPU): Row([100, 120]),
        Point("connections", 1, growth.CPU): Row([100]),
        Point("keys", 1, growth.CPU): Row([], ["ours gave no good answer"]),
    }
    lines = [line.split() for line in growth.table(rows).splitlines()[2:]]
    assert [" ".join(line) for line in lines] == [
        "| CPU \u00b5s per request | 1 | connections | 100.0 [100.0\u2013100.0] |",
        "| CPU \u00b5s per request | 32 | connections | 110.0 [100.0\u2013120.0] \u00d71.10 |",
        "| copies of the body at the peak | 10,000,000 | bytes | 4.0 [3.0\u20135.0] |",
    ]
    assert growth.complaints(rows) == ["1 keys: ours gave no good answer"]
    assert growth.as_json(rows)["points"][0] == {
        "axis": "bytes", "at": 10_000_000, "measure": growth.COPIES, "values": [3, 5, 4], "complaints": [],
    }  # fmt: skip
