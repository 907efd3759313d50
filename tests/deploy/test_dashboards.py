"""The dashboards are what Grafana takes, and speak of nothing that is not there. Their queries run in test_scraping."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.boards import DASHBOARDS, DEPLOY, declared, faults, load, panels, queries, variables

BOARDS = {path.stem: load(path) for path in DASHBOARDS}
UNITS = frozenset(
    {"reqps", "percentunit", "s", "currencyUSD", "none", "short", "suffix: tok/s", "bytes", "ops"}
)  # fmt: skip
WIDTH = 24
"""Columns of Grafana's grid."""

every_board = pytest.mark.parametrize("name", BOARDS)


def test_there_are_three() -> None:
    assert set(BOARDS) == {"overview", "tenant", "upstream"}
    assert {board["uid"] for board in BOARDS.values()} == {f"telnyx-proxy-{name}" for name in BOARDS}


@every_board
def test_a_dashboard_can_be_imported_anywhere(name: str) -> None:
    """No id, no data source of somebody's, only what the variable says."""
    board = BOARDS[name]
    assert board["id"] is None
    assert board["schemaVersion"] >= 39
    assert board["title"]
    assert board["description"]
    assert variables(board)["datasource"]["type"] == "datasource"
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    targets = [target for panel in panels(board) for target in panel["targets"]]
    asked = [*panels(board), *targets, *board["annotations"]["list"]]
    asked += [each for each in board["templating"]["list"] if each["type"] == "query"]
    assert [each for each in asked if each["datasource"] != wanted] == []


@every_board
def test_every_panel_says_what_it_shows(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs), panel["title"]
    titles = Counter(panel["title"] for panel in BOARDS[name]["panels"])
    assert [title for title, times in titles.items() if times > 1] == []


@every_board
def test_panels_lie_side_by_side(name: str) -> None:
    """Ids are unique, nothing lies upon something else or beyond the edge."""
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)


def test_queries_and_legends_speak_of_metrics_and_labels_that_there_are() -> None:
    known = declared()
    asked = [(query, expr) for query in queries() for expr in (query.expr, query.legend_as_query())]
    assert [f"{query}: {fault}" for query, expr in asked for fault in faults(expr, known)] == []


def test_queries_leave_the_interval_to_grafana() -> None:
    windows = {window for query in queries() for window in re.findall(r"\[([^\]]*)\]", query.expr)}
    assert windows == {"$__rate_interval", "$__range"}


def test_queries_use_variables_that_their_dashboard_has() -> None:
    for query in queries():
        used = set(re.findall(r"\$(\w+)", query.expr)) - {"__rate_interval", "__range"}
        assert used <= set(variables(BOARDS[Path(query.board).stem])), query
        assert "job" in used, query


@every_board
def test_every_variable_is_used(name: str) -> None:
    text = str(BOARDS[name])
    assert [each for each in variables(BOARDS[name]) if text.count(f"${each}") + text.count(f"${{{each}}}") == 0] == []


def test_the_dashboards_lead_to_one_another() -> None:
    uids = {board["uid"] for board in BOARDS.values()}
    for board in BOARDS.values():
        (link,) = board["links"]
        assert (link["type"], link["keepTime"], link["includeVars"]) == ("dashboards", True, True)
        assert set(link["tags"]) <= set(board["tags"])
    links = re.findall(r"/d/([\w-]+)", str(BOARDS))
    assert links
    assert set(links) <= uids


def test_every_metric_of_the_proxy_is_shown_somewhere() -> None:
    """What is counted and not shown is asked by nobody. (OpenTelemetry's histograms repeat ours under other names.)"""
    shown = {name for query in queries() for name in re.findall(r"telnyx_proxy_\w+", query.expr)}
    names = {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in shown}
    metrics = {name for name in declared() if name.startswith("telnyx_proxy_")}
    assert {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in metrics} - names == set()


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("rate(telnyx_proxy_requets_total[5m])", "telnyx_proxy_requets_total is not declared"),
        ('telnyx_proxy_requests_total{tenat="a"}', "telnyx_proxy_requests_total has no label tenat"),
        ("sum by (reason) (telnyx_proxy_requests_total)", "nothing in the query has the label reason"),
        ('job:telnyx_proxy_failures:ratio_rate1h{tenant="a"}', "job:telnyx_proxy_failures:ratio_rate1h has no label"),
    ],
)
def test_a_slip_in_a_query_is_found(expr: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults(expr, declared()))


def test_provisioning_finds_the_dashboards() -> None:
    assert {path.parent for path in DASHBOARDS} == {DEPLOY / "grafana" / "dashboards"}
    assert not [path for path in (DEPLOY / "grafana" / "dashboards").iterdir() if path.suffix != ".json"]


def thresholds(board: dict[str, Any]) -> list[Any]:
    """The first step of each scale."""
    return [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] for panel in panels(board)]


@every_board
def test_scales_begin_below_everything(name: str) -> None:
    assert set(thresholds(BOARDS[name])) == {None}
