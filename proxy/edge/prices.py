"""What requests cost: the price that holds for a model, and what a tenant is charged by it.

Of several prices the first holds: the operator's; the one in Telnyx's own model list; one that the operator gave with
the date on which it was `seen`; the list that comes with the proxy. Without any of them a price is not known.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from proxy.accounts.ledger import Record
from proxy.accounts.price_list import PRICES, source_of
from proxy.accounts.pricing import (
    FREE,
    UNKNOWN,
    Charge,
    Price,
    Rate,
    Tariff,
    price_of,
    ratio_of,
    tariff_for,
    telnyx_price,
    tier_of,
)
from proxy.settings import ModelProfile, Tenant
from proxy.settings.bounds import Figures
from proxy.settings.bounds import Prices as Given
from proxy.usage import Usage

KEPT = 4096
"""Models, and tenants with their models and tiers, whose price is remembered at most; on overflow all are forgotten."""

SOURCE = Usage._fields.index("source")
"""All other fields of a Usage are figures."""

PriceRow = dict[str, Any]
"""A row of the table `prices`: version, model (or pattern), figures (a map), seen_at (Unix seconds)."""


class ModelList(Protocol):
    """Telnyx's model list. `edition` is another number whenever it may say something else."""

    edition: int

    def pricing(self, model: str) -> Iterable[Any]:
        """Every `pricing` that it has of a model."""
        ...


class Prices:
    """Prices by Telnyx id, what tenants are charged by them, and which of them were used."""

    def __init__(self, profiles: Mapping[str, ModelProfile], listed: ModelList, tenants: Iterable[Tenant] = ()) -> None:
        """`listed`: Telnyx's model list; `tenants`: for their markups."""
        given = {pattern: profile.price for pattern, profile in profiles.items() if profile.price is not None}
        self._own = {pattern: _tariff(price, "config") for pattern, price in given.items() if price.seen is None}
        self._dated = {
            pattern: _tariff(price, source_of(price.seen)) for pattern, price in given.items() if price.seen is not None
        }
        self._listed = listed
        self._edition = listed.edition
        self._markups: dict[str, tuple[int, int]] = {}
        self._tariffs: dict[str, tuple[Tariff, str] | None] = {}
        self._rates: dict[tuple[str, str, str], Rate | None] = {}
        self._used: set[str] = set()
        self._new: deque[PriceRow] = deque(maxlen=KEPT)  # where nobody takes them, the latest are enough
        self.replace(tenants)

    def replace(self, tenants: Iterable[Tenant]) -> None:
        """Other tenants from now on. Requests of those who have gone are still under way, so they keep their markup."""
        self._markups |= {tenant.id: ratio_of(tenant.markup) for tenant in tenants}
        self._rates.clear()

    def of(self, model: str, tier: str = "") -> Price | None:
        """The price of a Telnyx id at a service tier, None where it is not known."""
        rate = self.rate("", model, tier)
        return None if rate is None else rate.price

    def rate(self, tenant: str, model: str, tier: str = "") -> Rate | None:
        """What a tenant is charged by, None where the price is not known."""
        if self._edition != self._listed.edition:
            self._edition = self._listed.edition
            self._tariffs.clear()
            self._rates.clear()
        asked = tenant, model, tier
        try:
            return self._rates[asked]
        except KeyError:
            rate = self._rate(*asked)
        if len(self._rates) >= KEPT:
            self._rates.clear()
        self._rates[asked] = rate
        return rate

    def charge(self, record: Record, usage: Usage) -> Charge:
        """What a request costs that has used so much. What used nothing costs nothing, also at an unknown price."""
        if usage.source == "none":
            return FREE
        rate = self.rate(record.tenant, record.model, record.service_tier)
        charge = UNKNOWN if rate is None else rate.charge(usage)
        if charge.cost is not None or usage.input:  # nearly always
            return charge
        return charge if any(usage[:SOURCE]) or any(usage[SOURCE + 1 :]) else FREE

    def take_new(self, now: int) -> list[PriceRow]:
        """Prices that were looked up for the first time since the last call, to be written down. `now`: Unix seconds.

        Some may have been told before. Those that could not be written down are to be handed to `give_back`.
        """
        rows = [{"seen_at": now, **row} for row in self._new]
        self._new.clear()
        return rows

    def give_back(self, rows: Iterable[PriceRow]) -> None:
        """Rows that could not be written down: the next call gives them again."""
        self._new.extend(rows)

    def _rate(self, tenant: str, model: str, tier: str) -> Rate | None:
        found = self._found(model)
        if found is None:
            return None
        tariff, version = found
        return Rate(tariff.at(tier), version, *self._markups.get(tenant, (1, 1)))

    def _found(self, model: str) -> tuple[Tariff, str] | None:
        """The tariff of a model and its version."""
        try:
            return self._tariffs[model]
        except KeyError:
            tariff = self._look_up(model)
        found = None if tariff is None else (tariff[1], tariff[1].version(tariff[0]))
        if len(self._tariffs) >= KEPT:
            self._tariffs.clear()
            self._used.clear()
        self._tariffs[model] = found
        if tariff is not None and found is not None and found[1] not in self._used:
            self._used.add(found[1])
            self._new.append({"version": found[1], "model": tariff[0], "figures": tariff[1].figures()})
        return found

    def _look_up(self, model: str) -> tuple[str, Tariff] | None:
        """The tariff, and the id or the pattern that it is for: clients could invent ids that a pattern covers."""
        own = tariff_for(model, self._own)
        if own is not None:
            return own
        for pricing in self._listed.pricing(model):
            price = telnyx_price(pricing)
            if price is not None:
                return model, Tariff(price, {}, "telnyx")
        seen = tariff_for(model, self._dated)
        if seen is None and model in PRICES:
            seen = model, PRICES[model]
        return seen


def _tariff(given: Given, source: str) -> Tariff:
    base = _price(given)
    return Tariff(base, {name: tier_of(base, _price(own)) for name, own in given.tiers.items()}, source)


def _price(given: Figures) -> Price:
    """The figures of a section; all of them are known to be good."""
    return price_of({name: getattr(given, name) for name in Price._fields}) or Price()
