"""One record in, one count and one line out."""

import asyncio
from dataclasses import replace
from typing import Any

from proxy.accounts.ledger import Record
from proxy.edge.services import NoLedger
from proxy.usage import Usage
from tests.conftest import Build
from tests.world import MODEL, TENANTS


async def test_a_record_goes_to_metrics_and_log_once(build: Build) -> None:
    here = await build()
    here.proxy.services.record(Record("req_1", 0.0, endpoint="models.list", tenant="acme", status=200))
    await asyncio.sleep(0)  # lines of one turn of the event loop are written together
    assert [line["request_id"] for line in here.lines()] == ["req_1"]
    assert await here.metric("telnyx_proxy_requests_total", tenant="acme", endpoint="models.list") == 1


async def test_a_request_is_priced_once_with_the_markup_of_its_tenant(build: Build) -> None:
    tenants: list[dict[str, Any]] = [{**TENANTS[0], "markup": 25}]
    price = {"price": {"input": 1, "output": 10}}
    here = await build(tenants=tenants, models={"profiles": {MODEL: price}})
    services = here.proxy.services
    record = Record("req_1", 0.0, endpoint="chat.completions", tenant="acme", model=MODEL, status=200)
    record.usage = Usage(100, 10, source="upstream")
    services.account(record)
    assert record.charge is not None
    assert (record.charge.cost, record.charge.charged) == (200, 250)
    before = record.charge
    services.record(record)
    assert record.charge is before
    await asyncio.sleep(0)
    assert [line["cost_usd"] for line in here.lines()] == [0.0002]
    assert await here.metric("telnyx_proxy_cost_usd_total", tenant="acme", model=MODEL) == 0.0002
    assert await here.metric("telnyx_proxy_charged_usd_total", tenant="acme", model=MODEL) == 0.00025
    unknown = Record("req_2", 0.0, tenant="acme", model="nobody/knows", usage=Usage(1, source="upstream"))
    services.record(unknown)
    assert await here.metric("telnyx_proxy_unpriced_requests_total", model="other") == 1


async def test_the_ledger_hears_the_last_word_on_a_request_once_and_nothing_of_strangers(build: Build) -> None:
    here = await build()
    told: list[str] = []

    class Heard(NoLedger):
        def end(self, record: Record) -> None:
            told.append(record.request_id)

    services = replace(here.proxy.services, ledger=Heard())
    record = Record("req_1", 0.0, tenant="acme", status=200)
    services.account(record)
    services.record(record)
    services.record(Record("req_2", 0.0, status=401))
    assert told == ["req_1"]


async def test_who_has_no_key_costs_nothing(build: Build) -> None:
    here = await build()
    record = Record("req_1", 0.0, usage=Usage(1, source="upstream"))
    here.proxy.services.record(record)
    assert record.charge is None
