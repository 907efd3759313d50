import json

import pytest

from tests.bench import report
from tests.bench.measures import Round


def rounds(name: str, *values: float) -> list[Round]:
    return [Round({name: value}) for value in values]


def test_a_cell_has_median_spread_and_ratio_to_the_relay() -> None:
    measured = {"relay": rounds("request_cpu_us", 160, 170, 200), "ours": rounds("request_cpu_us", 90, 85, 80)}
    assert report.cell(measured, "ours", "request_cpu_us") == report.Cell(85, 80, 90, 0.5)
    assert report.cell(measured, "relay", "request_cpu_us") == report.Cell(170, 160, 200, None)
    assert report.cell(measured, "ours", "idle_mib") is None


def test_what_a_proxy_adds_is_the_difference_within_each_round() -> None:
    measured = {
        "direct": rounds("p50_us", 20, 120, 30),
        "relay": rounds("p50_us", 220, 320, 230),
        "ours": rounds("p50_us", 120, 220, 150),
    }
    assert report.cell(measured, "ours", "added_us") == report.Cell(100, 100, 120, 0.5)
    assert report.cell(measured, "direct", "added_us") is None
    assert report.cell(measured, "direct", "p50_us") == report.Cell(30, 20, 120, None)


def test_the_latency_added_at_a_rate_is_against_nginx_where_there_is_one() -> None:
    measured = {
        "direct": rounds("rate_p99_us", 100),
        "nginx": rounds("rate_p99_us", 300),
        "relay": [Round(missed={"rate": "too slow"})],
        "ours": rounds("rate_p99_us", 700),
    }
    assert report.values(measured, "ours", "rate_added_us") == [400]
    assert report.values(measured, "nginx", "rate_added_us") == []
    assert report.values(measured, "relay", "rate_added_us") == []
    del measured["nginx"]
    assert report.values(measured, "ours", "rate_added_us") == [600]


def test_without_the_relay_or_direct_there_is_nothing_to_compare_with() -> None:
    measured = {"ours": rounds("p50_us", 1)}
    assert report.cell(measured, "ours", "p50_us") == report.Cell(1, 1, 1, None)
    assert report.cell(measured, "ours", "added_us") is None


def test_the_table_is_aligned_and_counts_bad_answers_over_all_rounds() -> None:
    measured = {
        "direct": [Round({"requests_per_second": 50000.4})],
        "relay": [Round({"requests_per_second": 5000}, bad=2, first_bad="status 500"), Round({}, bad=1)],
        "ours": [Round({"requests_per_second": 12500})],
    }
    lines = report.table(measured).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 1 + 1  # figures that nobody has are left out
    (rate,) = [line for line in lines if line.startswith("| requests/s")]
    assert "50,000 [50,000\u201350,000] |" in rate
    assert "12,500 [12,500\u201312,500] \u00d72.50 |" in rate
    assert lines[-1].replace(" ", "") == "|badanswers|0|3|0|"


def test_the_first_bad_answer_of_each_round_is_told() -> None:
    measured = {"relay": [Round({}), Round({}, bad=2, first_bad="status 500")]}
    assert list(report.complaints(measured)) == ["relay, round 2: 2 bad answers, the first: status 500"]


def test_a_test_without_figures_is_told() -> None:
    measured = {"ours": [Round(missed={"rate": "carries 100 of 1500"})]}
    assert list(report.complaints(measured)) == ["ours, round 1: no figures of rate: carries 100 of 1500"]


def test_the_conditions_name_every_version() -> None:
    measured = {"direct": rounds("p50_us", 1), "nginx": [Round(version="1.22.1")]}
    assert report.conditions(measured).endswith(", nginx 1.22.1")
    assert "direct" not in report.conditions(measured)


def test_everything_measured_is_there_for_programs() -> None:
    measured = {"relay": rounds("idle_mib", 39, 41), "ours": rounds("idle_mib", 60, 60)}
    got = json.loads(json.dumps(report.as_json(measured)))
    assert got["figures"]["ours"] == {"idle_mib": {"median": 60, "low": 60, "high": 60, "ratio": 1.5}}
    assert [each["figures"] for each in got["rounds"]["relay"]] == [{"idle_mib": 39}, {"idle_mib": 41}]
    assert got["machine"].keys() >= {"python", "platform", "aiohttp"}


@pytest.mark.parametrize("figure", report.FIGURES, ids=lambda figure: figure.name)
def test_a_figure_says_its_unit(figure: report.Figure) -> None:
    assert "/s" in figure.title or any(unit in figure.title for unit in ("µs", "MiB", "KiB"))
