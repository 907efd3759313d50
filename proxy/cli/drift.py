"""What the ledger says of a day beside what Telnyx's usage report says of it: pure, nothing is asked here.

What Telnyx calls a product, its dimensions and its metrics is not published for inference, so the names are looked up
in what Telnyx says there is (`found_names`), can be given by the operator, and are told with the outcome. What has no
name stays unknown, and is not compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from proxy.accounts.limits import MICROS
from proxy.cli.desks import Misused, Refused
from proxy.upstream.usage_reports import Product

Row = Mapping[str, Any]
Figures = dict[str, int | None]
"""Measure -> how much; None where it is not known. Money in micro-dollars."""

MEASURES = ("requests", "input_tokens", "output_tokens", "cost_micros")
PRODUCTS = ("inference",)
MODELS = ("model", "model_name", "model_id", "ai_model")
METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "requests": ("count", "requests", "request_count", "calls"),
        "input_tokens": ("prompt_tokens", "input_tokens", "tokens_in", "prompt_token_count", "input_token_count"),
        "output_tokens": (
            "completion_tokens",
            "output_tokens",
            "tokens_out",
            "completion_token_count",
            "output_token_count",
        ),
        "cost_micros": ("cost", "total_cost", "amount"),
    }
)
"""Names that can mean nothing else, the likeliest first."""
CURRENCY, DOLLARS = "currency", "USD"
ALL = ""
"""The model of a report that does not tell models apart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names that the operator gave; empty where they are to be found."""

    product: str = ""
    model: str = ""
    metrics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """What Telnyx calls things.

    Attributes:
        product: the product; model: the dimension with the model, empty for none.
        currency: whether there is a dimension with the currency.
        metrics: measure -> metric; those that Telnyx does not tell are missing.
    """

    product: str
    model: str
    currency: bool
    metrics: Mapping[str, str]

    def asked(self) -> Product:
        """What is to be asked for."""
        dimensions = (*((self.model,) if self.model else ()), *((CURRENCY,) if self.currency else ()))
        return Product(self.product, dimensions, tuple(dict.fromkeys(self.metrics.values())))


def found_names(products: Sequence[Product], wanted: Wanted) -> Names:
    """The names, from what there is. Raises Refused where they cannot be told, Misused for one that is not there."""
    product = _product(products, wanted.product)
    given = {measure: _there("metric", name, product.metrics) for measure, name in wanted.metrics.items()}
    likely = {measure: _first(names, product.metrics) for measure, names in METRICS.items()}
    metrics = {measure: name for measure, name in {**likely, **given}.items() if name}
    if not metrics:
        raise Refused(
            f"Telnyx's report on '{product.name}' has no metric that is known here; it has: {_list(product.metrics)}.\n"
            "    Say which one means what, as in --metric cost=NAME"
        )
    model = _there("dimension", wanted.model, product.dimensions) if wanted.model else ""
    model = model or _first(MODELS, product.dimensions)
    names = Names(product.name, model, CURRENCY in product.dimensions, metrics)
    if not names.asked().dimensions:
        raise Refused(
            f"Telnyx's report on '{product.name}' has no dimension that is known here; it has: "
            f"{_list(product.dimensions)}.\n    Say which one holds the model: --model-dimension NAME"
        )
    return names


def _product(products: Sequence[Product], wanted: str) -> Product:
    known = {product.name: product for product in products}
    name = wanted or _first(PRODUCTS, known)
    if name in known:
        return known[name]
    told = f"Telnyx has no usage reports on '{wanted or PRODUCTS[0]}'; it has some on: {_list(known)}"
    if wanted:
        raise Misused(told)
    raise Refused(f"{told}.\n    Say which one holds inference: --product NAME")


def _first(names: Iterable[str], known: Iterable[str]) -> str:
    there = {each.lower(): each for each in known}
    return next((there[name] for name in names if name in there), "")


def _there(what: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise Misused(f"Telnyx's report has no {what} '{name}'; it has: {_list(known)}")
    return name


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


@dataclass(frozen=True, slots=True)
class Report:
    """What Telnyx says, by model. `foreign`: rows in another currency than dollars, whose cost is left out."""

    models: Mapping[str, Figures]
    foreign: int = 0


def read(rows: Iterable[Row], names: Names) -> Report:
    """The figures of a report. One that cannot be read makes the sum unknown: half a sum is a wrong one."""
    models: dict[str, Figures] = {}
    foreign = 0
    for row in rows:
        known = not names.currency or row.get(CURRENCY) in {DOLLARS, None, ""}
        foreign += not known
        found = models.setdefault(str(row.get(names.model) or ALL) if names.model else ALL, {})
        for measure, metric in names.metrics.items():
            value = _figure(row.get(metric), MICROS if measure == "cost_micros" else 1)
            if measure == "cost_micros" and not known:
                value = 0
            before = found.get(measure, 0)
            found[measure] = None if value is None or before is None else before + value
    return Report(models, foreign)


def _figure(value: Any, unit: int) -> int | None:
    """A number or a text as a whole number of units."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value)) * unit
        return int(exact.to_integral_value()) if exact.is_finite() and abs(exact.adjusted()) < 30 else None  # noqa: PLR2004 - digits of any sum there can be
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one model, here and there. `model` is None for the sum of all."""

    model: str | None
    measure: str
    here: int
    there: int | None
    slack: int = 0

    @property
    def percent(self) -> float | None:
        """How far the ledger is above (or, negative, below) Telnyx; None where that is no number."""
        if self.there is None or (self.there == 0 and self.here):
            return None
        return (self.here - self.there) * 100 / self.there if self.there else 0.0

    def drifts(self, tolerance: float) -> bool:
        """Whether it is further apart than this many per cent, and than what rounding explains."""
        if self.there is None or abs(self.here - self.there) <= self.slack:
            return False
        return self.percent is None or abs(self.percent) > tolerance


def compared(here: Mapping[str, Figures], report: Report, names: Names) -> list[Line]:
    """Every measure of every model that is known here or there, and of all of them together at the end.

    Telnyx's model names are matched to ours without regard to case. The cost of a request is rounded up to the
    micro-dollar here, so that as many micro-dollars as there were requests are no drift.
    """
    if not names.model:
        here = {ALL: summed(here.values())}
    ours = {name.lower(): name for name in here}
    there = {ours.get(name.lower(), name): figures for name, figures in report.models.items()}
    lines: list[Line] = []
    if names.model:
        for model in sorted({*here, *there}):
            lines += _lines(model, here.get(model, {}), there.get(model, {}), names)
    return [*lines, *_lines(None, summed(here.values()), summed(there.values()), names)]


def _lines(model: str | None, here: Figures, there: Figures, names: Names) -> list[Line]:
    slack = here.get("requests") or 0
    return [
        Line(
            model,
            measure,
            here.get(measure) or 0,
            there.get(measure, 0) if measure in names.metrics else None,
            slack if measure == "cost_micros" else 0,
        )
        for measure in MEASURES
    ]


def summed(parts: Iterable[Figures]) -> Figures:
    """The sum of several; unknown where one of them is."""
    total: Figures = {}
    for part in parts:
        for measure, value in part.items():
            before = total.get(measure, 0)
            total[measure] = None if value is None or before is None else before + value
    return total
