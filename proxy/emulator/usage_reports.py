"""Usage reports of the emulated Telnyx: what was served to each credential, by hour and model, and what it cost.

Paths, parameters and the shape of pages are those of Telnyx's OpenAPI of January 2026. The product `inference`, its
dimensions `record_type` and `model`, lists joined by commas, an end that is excluded and the words of refusals were
seen in public. What the metrics of that product are called was not: hence VARIANTS.

An answer is counted in full when it begins: what Telnyx charges for one that breaks off is not documented.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from proxy.emulator import failures
from proxy.emulator.catalogue import Model
from proxy.emulator.failures import Refused
from proxy.emulator.paging import page

PRODUCT = "inference"
LARGEST = 500
"""Rows of a page at most."""
LONGEST = timedelta(days=31)
_HOUR = 3600
_PER = 1_000_000

Query = Mapping[str, str]
Key = tuple[str, int, str]
"""Credential, hour (Unix seconds of its beginning), model."""
Row = dict[str, Any]


@dataclass
class Sums:
    """What was served, in tokens; `cached` is a part of `given`. `cost` in dollars."""

    answers: int = 0
    given: int = 0
    cached: int = 0
    made: int = 0
    cost: Decimal = Decimal(0)

    def add(self, other: "Sums") -> None:
        """Add it up."""
        self.answers += other.answers
        self.given += other.given
        self.cached += other.cached
        self.made += other.made
        self.cost += other.cost


Read = Callable[[Sums], Any]


@dataclass(frozen=True)
class Variant:
    """What the report calls things.

    Attributes:
        model: the dimension that tells models apart, empty where there is none.
        metrics: name -> what it is.
        listed: where options tell them: of the `product`, or of its `record_types`.
    """

    model: str = "model"
    metrics: Mapping[str, Read] = field(default_factory=dict)
    listed: str = "product"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """By which it can be broken out."""
        return ("date", "date_time", "record_type", "currency", *((self.model,) if self.model else ()))


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "plain": Variant(
            metrics={
                "cost": lambda sums: float(sums.cost),
                "count": lambda sums: sums.answers,
                "prompt_tokens": lambda sums: sums.given,
                "completion_tokens": lambda sums: sums.made,
            }
        ),
        "other-names": Variant(
            model="model_name",
            metrics={
                "cost": lambda sums: f"{sums.cost:.6f}",
                "requests": lambda sums: sums.answers,
                "input_tokens": lambda sums: str(sums.given),
                "cached_input_tokens": lambda sums: str(sums.cached),
                "output_tokens": lambda sums: str(sums.made),
            },
            listed="record_types",
        ),
        "cost-only": Variant(model="", metrics={"cost": lambda sums: float(sums.cost)}),
    }
)
"""Doubts: what the metrics are called, whether figures are numbers or texts, and how much is told at all."""


class Served:
    """What was served to every credential."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sums: dict[Key, Sums] = {}

    def note(self, credential: str, model: Model, usage: Mapping[str, Any]) -> None:
        """Count an answer. `usage`: OpenAI's object."""
        given, made = usage["prompt_tokens"], usage["completion_tokens"]
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        price, kept, out = map(Decimal, model.prices)
        cost = ((given - cached) * price + cached * kept + made * out) / _PER
        hour = int(self._now()) // _HOUR * _HOUR
        self._sums.setdefault((credential, hour, model.id), Sums()).add(Sums(1, given, cached, made, cost))

    def options(self, variant: str, query: Query) -> dict[str, Any]:
        """What can be asked for. Raises Refused for a product that is none."""
        if query.get("product", PRODUCT) != PRODUCT:
            raise Refused(failures.bad_request(f"Product invalid value. Valid values: {PRODUCT}", "/product"))
        told = VARIANTS[variant]
        lists = {"product_dimensions": list(told.dimensions), "product_metrics": list(told.metrics)}
        above: Mapping[str, list[str]] = lists if told.listed == "product" else {name: [] for name in lists}
        return {"data": [{"product": PRODUCT, **above, "record_types": [{"record_type": PRODUCT, **lists}]}]}

    def report(self, variant: str, credential: str, query: Query) -> dict[str, Any]:
        """A page of the report. Raises Refused."""
        told = VARIANTS[variant]
        dimensions, metrics = _asked(told, query)
        start, end = _range(query, datetime.fromtimestamp(self._now(), UTC))
        filters = {name[7:-1]: value for name, value in query.items() if name.startswith("filter[")}
        _expect_known("Filter", filters, dimensions, "/filter")
        found: dict[tuple[str, ...], Sums] = {}
        for values, sums in self._rows(told, credential, start, end):
            if all(values[name] == value for name, value in filters.items()):
                found.setdefault(tuple(values[name] for name in dimensions), Sums()).add(sums)
        rows = [
            {**dict(zip(dimensions, group, strict=True)), **{name: told.metrics[name](sums) for name in metrics}}
            for group, sums in sorted(found.items())
        ]
        return page(rows, query, LARGEST)

    def _rows(self, told: Variant, credential: str, start: float, end: float) -> Iterator[tuple[dict[str, str], Sums]]:
        for (whose, hour, model), sums in self._sums.items():
            if whose == credential and start <= hour < end:
                at = datetime.fromtimestamp(hour, UTC)
                values = {"date": f"{at:%Y-%m-%d}", "date_time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
                yield {**values, "record_type": PRODUCT, "currency": "USD", told.model: model}, sums


def _asked(told: Variant, query: Query) -> tuple[list[str], list[str]]:
    """Dimensions and metrics, each known and at least one of it."""
    if query.get("product") != PRODUCT:
        raise Refused(failures.bad_request(f"Product invalid value. Valid values: {PRODUCT}", "/product"))
    lists = []
    for name, known in (("dimensions", told.dimensions), ("metrics", tuple(told.metrics))):
        given = [each for each in query.get(name, "").split(",") if each]
        if not given:
            raise Refused(failures.bad_request(f"{name.capitalize()} invalid values. Valid values: {', '.join(known)}"))
        _expect_known(name.capitalize(), given, known, f"/{name}")
        lists.append(given)
    if query.get("format", "json") != "json":
        raise Refused(failures.bad_request("Only the format json is emulated.", "/format"))
    return lists[0], lists[1]


def _expect_known(what: str, given: Iterable[str], known: Iterable[str], pointer: str) -> None:
    known = list(known)
    if any(name not in known for name in given):
        raise Refused(failures.bad_request(f"{what} invalid values. Valid values: {', '.join(known)}", pointer))


def _range(query: Query, now: datetime) -> tuple[float, float]:
    """Unix seconds, the second one excluded. Hours are the finest that is kept."""
    literal = query.get("date_range")
    if literal is not None:
        if literal not in {"today", "yesterday"}:
            raise Refused(failures.bad_request("Only the ranges today and yesterday are emulated.", "/date_range"))
        day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=literal == "yesterday")
        return day.timestamp(), (day + timedelta(days=1)).timestamp()
    start, end = _moment(query, "start_date"), _moment(query, "end_date")
    if not start < end or end - start > LONGEST:
        raise Refused(failures.bad_request("The range must be longer than nothing and at most 31 days.", "/end_date"))
    return start.timestamp(), end.timestamp()


def _moment(query: Query, name: str) -> datetime:
    try:
        moment: datetime | None = datetime.fromisoformat(query.get(name, ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(failures.bad_request(f"{name} must look like 2022-12-24T19:20:30-05:00.", f"/{name}"))
    return moment
