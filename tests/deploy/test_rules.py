"""The recording and alert rules, judged by Prometheus' own tool, and what an operator is told by them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.boards import DEPLOY, RULES, declared, faults, recorded_labels, rules
from tests.deploy.prometheus_server import PROMTOOL, needs_prometheus
from tests.deploy.scraped import prometheus_config
from tests.house.test_readme import HEADING, anchor

TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
ALERTS = {rule["alert"]: rule for rule in rules("alert")}

every_alert = pytest.mark.parametrize("name", ALERTS)


def promtool(*words: str) -> str:
    """What it says. Fails where it complains."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_prometheus
def test_prometheus_takes_the_rules() -> None:
    told = promtool("check", "rules", *map(str, sorted(RULES.glob("*.yml"))))
    assert sum(map(int, re.findall(r"(\d+) rules found", told))) == len(rules("alert")) + len(rules("record"))


@needs_prometheus
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    promtool("check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml"))
    promtool("check", "config", str(prometheus_config(tmp_path, "127.0.0.1:8081")))


@needs_prometheus
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    promtool("test", "rules", str(path))


def fired() -> set[str]:
    """The alerts that some case expects to fire."""
    tests = [test for path in TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    names = {each["alertname"] for test in tests for each in test.get("alert_rule_test", ()) if each["exp_alerts"]}
    samples = [each for test in tests for asked in test.get("promql_expr_test", ()) for each in asked["exp_samples"]]
    return names | {name for each in samples for name in re.findall(r'alertname="(\w+)"', each["labels"])}


@every_alert
def test_there_is_a_case_in_which_it_fires(name: str) -> None:
    assert name in fired()


@every_alert
def test_an_alert_says_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert name.startswith("TelnyxProxy")
    assert alert["labels"]["severity"] in {"critical", "warning"}
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook"}
    assert len(notes["summary"]) < 120
    assert notes["description"].endswith(".")
    document, _, name_there = notes["runbook"].partition("#")
    assert document == "deploy/README.md"
    assert name_there in map(anchor, HEADING.findall((DEPLOY / "README.md").read_text(encoding="utf-8")))


def test_the_runbook_has_no_alert_that_is_gone() -> None:
    told = re.findall(r"^#+ (TelnyxProxy\w+)$", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(ALERTS)


@pytest.mark.parametrize("rule", [*rules("alert"), *rules("record")], ids=lambda rule: rule.get("alert", "record"))
def test_a_rule_speaks_of_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    assert list(faults(rule["expr"], declared())) == []


@pytest.mark.parametrize("name", [rule["record"] for rule in rules("record")])
def test_a_recorded_series_is_named_by_the_labels_it_has(name: str) -> None:
    assert re.fullmatch(r"job(?:_[a-z]+)*:telnyx_proxy_\w+:\w+", name)
    (expr,) = (rule["expr"] for rule in rules("record") if rule["record"] == name)
    grouped = re.findall(r"by \(([^)]*)\)", expr)
    assert grouped
    assert all(set(re.findall(r"\w+", labels)) - {"le"} == recorded_labels(name) for labels in grouped)


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yml")), ids=lambda path: path.stem)
def test_the_objective_is_one_and_the_same(path: Path) -> None:
    """0.5 % stands in rules, dashboards and the document; whoever changes it finds all of them."""
    assert "0.005" in path.read_text(encoding="utf-8")
    assert "/ 0.005" in (DEPLOY / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8")
    assert "99.5 %" in (DEPLOY / "README.md").read_text(encoding="utf-8")


def test_the_job_of_the_alerts_is_the_one_that_is_scraped() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    assert set(re.findall(r'job="([\w-]+)"', ALERTS["TelnyxProxyDown"]["expr"])) == {job["job_name"]}
