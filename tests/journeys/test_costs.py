"""What requests cost, from Telnyx's own list and from the operator, with the markup of whoever asked."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy import codec
from proxy.accounts.price_list import PRICES
from proxy.accounts.pricing import telnyx_price
from tests.conftest import Build
from tests.journeys.operating import CHAT, eventually, operated
from tests.world import CREDENTIAL, KEY, MODEL, TENANTS, World

COST, CHARGED = "telnyx_proxy_cost_usd_total", "telnyx_proxy_charged_usd_total"


async def priced(here: World) -> None:
    """Wait until Telnyx's list has come."""

    async def there() -> bool:
        return bool(here.proxy.services.catalogue.known(CREDENTIAL))

    await eventually(there)


def counted(here: World, name: str) -> float:
    """A metric over all its labels, without the token that an operator's listener asks for."""
    families = text_string_to_metric_families(here.proxy.services.metrics.render()[0].decode())
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


async def ask(here: World, key: str = KEY, **more: Any) -> None:
    async with here.post({**CHAT, **more}, key) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_request_costs_is_in_its_line_and_in_the_metrics(build: Build, stream: bool) -> None:  # noqa: FBT001
    here = await build()
    await priced(here)
    await ask(here, stream=stream)
    (line,) = here.lines()
    (pricing,) = {str(each): each for each in here.proxy.services.catalogue.pricing(MODEL)}.values()
    price = telnyx_price(pricing)
    assert price is not None
    assert price.input is not None
    assert price.output is not None
    micros = -(-(line["input_tokens"] * price.input + line["output_tokens"] * price.output) // 10**6)
    assert line["cost_usd"] == micros / 10**6 > 0
    assert await here.metric(COST, tenant="acme", model=MODEL) == line["cost_usd"]
    (row,) = here.proxy.services.prices.take_new(0)
    assert row["version"].startswith("telnyx:")
    assert row["figures"]["input"] == price.input


async def test_without_telnyx_list_the_proxys_own_counts(build: Build) -> None:
    here = await build("unavailable", {"where": "models"})
    await ask(here)
    assert here.lines()[-1]["cost_usd"] > 0
    (row,) = here.proxy.services.prices.take_new(0)
    assert (row["model"], row["version"]) == (MODEL, PRICES[MODEL].version(MODEL))


async def test_a_refused_request_costs_nothing_and_one_without_a_price_is_counted(build: Build) -> None:
    here = await build("any-model", tenants=[{**TENANTS[0]}])
    async with here.post(CHAT, None) as answer:
        assert answer.status == 401
    await ask(here, model="nobody/knows")
    assert "cost_usd" not in here.lines()[-1]
    assert await here.metric("telnyx_proxy_unpriced_requests_total") == 1
    assert await here.metric(COST) == 0


async def test_a_markup_of_the_store_holds_from_the_next_request_on(build: Build, tmp_path: Path) -> None:
    price = {"input": 1, "output": 10, "tiers": {"flex": {"input": 0, "output": 1}}}
    here, operator = await operated(build, tmp_path, models={"profiles": {MODEL: {"price": price}}})
    await operator.tenant(markup=50)
    _, key = await operator.key()
    await operator.do("PUT", "budgets", {"tenant": "shop", "usd": "5", "per": "day"})
    await ask(here, key, service_tier="flex")
    flex = here.lines()[-1]
    assert flex["cost_usd"] == flex["output_tokens"] / 10**6
    assert counted(here, CHARGED) == -(-flex["output_tokens"] * 3 // 2) / 10**6
    await operator.do("PATCH", "tenants/shop", {"rules": {"markup": -100}})
    charged = counted(here, CHARGED)
    await ask(here, key)
    assert here.lines()[-1]["cost_usd"] > flex["cost_usd"]
    assert counted(here, CHARGED) == charged
    spent = dict(here.proxy.services.admission.limiter.budgets())
    assert list(spent.values()) == [round(charged * 10**6)], "budgets count what is charged"


async def test_the_ledger_says_what_its_prices_stood_for(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant(markup=50)
    _, key = await operator.key()
    await ask(here, key)
    query = "SELECT cost_micros, charged_micros, price, figures FROM requests JOIN prices ON version = price"
    found: list[Any] = []

    async def shipped() -> bool:
        with closing(sqlite3.connect(tmp_path / "proxy.db")) as database:
            found[:] = database.execute(query).fetchall()
        return bool(found)

    await eventually(shipped)
    ((cost, charged, version, figures),) = found
    assert cost == round(here.lines()[-1]["cost_usd"] * 10**6)
    assert charged == -(-cost * 3 // 2)
    assert version.startswith(("telnyx:", "list-"))
    assert codec.decode(figures.encode())["input"] > 0
