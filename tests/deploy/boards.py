"""The dashboards and rules of `deploy/`, read as data: panels, queries, and the metrics and labels they speak of."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proxy.telemetry.declarations import LABELS, METRICS
from tests.house.repository import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules"

NAME = re.compile(r"\b((?:telnyx_proxy_|gen_ai_)\w+|job\w*:[\w:]+)\b(?:\{([^}]*)\})?")
"""A metric, of the proxy or recorded, and what stands in the braces behind it."""
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")
STRINGS = re.compile(r'"[^"]*"')
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
TARGET_LABELS = frozenset({"job", "instance"})
"""What Prometheus adds to everything it scrapes."""


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    board: str
    panel: str
    expr: str
    legend: str

    def __str__(self) -> str:
        """Where it stands, for faults."""
        return f"{self.board}: {self.panel}: {self.expr}"

    def legend_as_query(self) -> str:
        """The query with the labels of the legend asked of it: `{{model}}` -> `by (model)`."""
        labels = re.findall(r"{{(\w+)}}", self.legend)
        return f"sum by ({', '.join(labels)}) ({self.expr})"


def load(path: Path) -> dict[str, Any]:
    """One dashboard."""
    board: dict[str, Any] = json.loads(path.read_bytes())
    return board


def panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything of a dashboard that shows something; rows do not."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> list[Query]:
    """Every query of every panel."""
    return [
        Query(path.name, panel["title"], target["expr"], target["legendFormat"])
        for path in DASHBOARDS
        for panel in panels(load(path))
        for target in panel["targets"]
    ]


def variables(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a dashboard by name."""
    return {each["name"]: each for each in board["templating"]["list"]}


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules of all files that are `record` or `alert`."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if kind in rule]


def declared() -> dict[str, frozenset[str]]:
    """Every series there is, of the proxy and recorded: name -> labels that it can have."""
    found: dict[str, frozenset[str]] = {}
    for row in METRICS:
        labels = frozenset(row.labels) | TARGET_LABELS
        if row.type == "histogram":
            found |= {f"{row.name}_{part}": labels for part in ("sum", "count")}
            found[f"{row.name}_bucket"] = labels | {"le"}
        else:
            found[row.name] = labels
    return found | {rule["record"]: recorded_labels(rule["record"]) for rule in rules("record")}


def recorded_labels(name: str) -> frozenset[str]:
    """The labels that a recorded series has by its name: `job_tenant:...` -> job, tenant."""
    return frozenset(name.partition(":")[0].split("_"))


def faults(expr: str, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What a query says of metrics and labels that nobody declares."""
    found = [(name, matchers) for name, matchers in NAME.findall(expr) if name not in LABELS]  # gen_ai_response_model
    named: set[str] = set()
    for name, matchers in found:
        if name in known:
            named |= known[name]
            unknown = set(MATCHER.findall(matchers)) - known[name]
            yield from (f"{name} has no label {label}" for label in sorted(unknown))
        else:
            yield f"{name} is not declared"
    grouped = {label for labels in GROUPED.findall(STRINGS.sub("", expr)) for label in re.findall(r"\w+", labels)}
    if named:
        yield from (f"nothing in the query has the label {label}" for label in sorted(grouped - named))


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """A query as Grafana would send it: `$name` -> value."""
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)
