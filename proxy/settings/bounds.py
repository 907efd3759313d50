"""Limits and budgets as configured: of tenants, of keys, and of the organisation at Telnyx."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from proxy.settings.quantities import Number, Text, Whole, not_a_switch
from proxy.settings.section import Section, complaint

MOST = 10**12
"""The largest bound: beyond what anybody does in a day, and an integer to every program that reads it."""
DECIMALS = 6
"""Decimals of an amount of money: whole micro-dollars."""

Count = Annotated[Whole, Field(ge=1, le=MOST)]


def exact(value: Any) -> Any:
    """A number as the decimal that was written: 0.1 is a tenth. Nothing else is looked at here."""
    value = not_a_switch(value)
    return repr(value) if isinstance(value, float) else value


def whole_micros(value: Decimal) -> Decimal:
    """Money is counted in micro-dollars."""
    if not value.is_finite() or value != round(value, DECIMALS):
        raise complaint(f"has more than {DECIMALS} decimals", "money is counted in whole micro-dollars: 0.000001")
    return value


Usd = Annotated[Decimal, BeforeValidator(exact), Field(gt=0, le=MOST // 10**DECIMALS), AfterValidator(whole_micros)]
Price = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=MOST // 10**DECIMALS), AfterValidator(whole_micros)]


class Bounds(Section):
    """What may pass. Only what is given is bounded."""

    model: Text = Field(default="*", description="pattern of Telnyx model ids, which are counted together")
    requests_per_minute: Count | None = Field(default=None, description="requests in any minute; null = no bound")
    requests_per_day: Count | None = Field(default=None, description="requests in any 24 hours; null = no bound")
    tokens_per_minute: Count | None = Field(default=None, description="input and output tokens together, as OpenAI's")
    input_tokens_per_minute: Count | None = Field(default=None, description="input tokens, cached ones included")
    uncached_input_tokens_per_minute: Count | None = Field(default=None, description="input tokens not cached")
    output_tokens_per_minute: Count | None = Field(default=None, description="output tokens, reasoning included")
    concurrent: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="requests at the same time; null = no bound"
    )
    queue: Annotated[Whole, Field(ge=0, le=10_000)] = Field(
        default=0, description="requests that may wait for a place among the `concurrent` ones, ten seconds at most"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        bounds = self.model_dump(exclude={"model", "queue"})
        if all(value is None for value in bounds.values()):
            raise complaint("bounds nothing", f"one of: {', '.join(bounds)}")
        if self.queue and self.concurrent is None:
            raise complaint("has a queue and no `concurrent`", "requests wait only for a place among concurrent ones")
        return self


class Money(Section):
    """What may be spent."""

    usd: Usd = Field(description="US dollars, at most six decimals")
    per: Literal["day", "week", "month", "total"] = Field(
        description="of the calendar in UTC, weeks from Monday; `total` is never counted anew"
    )
    soft: Annotated[Whole, Field(ge=1, le=100)] = Field(default=80, description="per cent from which on it is warned")


class Pool(Section):
    """What Telnyx allows the organisation for some models, per minute, all its keys together."""

    total: Count | None = Field(default=None, description="input tokens per minute; null = not shared out")
    uncached: Count | None = Field(default=None, description="uncached input tokens per minute")
    output: Count | None = Field(default=None, description="output tokens per minute")


class Sharing(Section):
    """How tenants share what Telnyx allows the organisation."""

    reserve: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="part of each budget that a tenant above its share leaves for the others; what is idle below that "
        "may be borrowed",
    )


def expect_day(value: Any) -> Any:
    """A month or a day, as text; YAML takes a day for a date of its own."""
    value = value.isoformat() if type(value) is date else value
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?", value):
        raise complaint("must be a month or a day", "2026-08 or 2026-08-15")
    return value


Day = Annotated[str, BeforeValidator(expect_day)]


class Figures(Section):
    """What a model costs, in US dollars. What it does not do needs no price."""

    input: Price | None = Field(default=None, description="a million input tokens")
    cached_input: Price | None = Field(default=None, description="a million from the cache; null = as `input`")
    cache_write: Price | None = Field(default=None, description="a million written to the cache; null = as `input`")
    output: Price | None = Field(default=None, description="a million output tokens")
    reasoning: Price | None = Field(default=None, description="a million of reasoning; null = as `output`")
    audio: Price | None = Field(default=None, description="a minute of speech that is transcribed")
    characters: Price | None = Field(default=None, description="a million characters that are spoken")

    def given(self) -> frozenset[str]:
        """The figures that there are."""
        return frozenset(name for name in Figures.model_fields if getattr(self, name) is not None)


PARTS_OF: Mapping[str, str] = MappingProxyType({"cached_input": "input", "cache_write": "input", "reasoning": "output"})
"""Figures of a part, and the figure of the rest of it."""
DEFAULT_TIER = ("default", "auto")
"""Names of the tier whose figures stand outside of `tiers`."""


class Prices(Figures):
    """What a model costs, in US dollars. What it does not do needs no price: one of embeddings has no `output`."""

    tiers: Mapping[Text, Figures] = Field(
        default_factory=dict, description="service tier (`flex`, `priority`) -> what is different there"
    )
    seen: Day | None = Field(
        default=None,
        description="month or day (`2026-08`) of a price that was seen at Telnyx: what Telnyx's model list says wins. "
        "null = your own, which wins",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        known = self.given()
        if not known:
            raise complaint("has no figure", f"one of: {', '.join(Figures.model_fields)}")
        for part, whole in PARTS_OF.items():
            if part in known and whole not in known:
                raise complaint(f"has {part} and no {whole}", f"{part} is a part of {whole}")
        for name, own in self.tiers.items():
            self._expect_tier(name, own)
        return self

    def _expect_tier(self, name: str, own: Figures) -> None:
        if name in DEFAULT_TIER:
            raise complaint(f"has a tier '{name}'", "the figures of that tier stand outside of `tiers`")
        if not own.given():
            raise complaint(f"has no figure for the tier '{name}'", f"one of: {', '.join(Figures.model_fields)}")
        for figure in sorted({PARTS_OF.get(each, each) for each in own.given()} - self.given()):
            hint = "the figure of the default tier, which holds where a tier has none"
            raise complaint(f"has {figure} for the tier '{name}' only", hint)
