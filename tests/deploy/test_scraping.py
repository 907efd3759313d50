"""A real Prometheus scrapes a real proxy: every panel and every rule has data, and the numbers are right."""

import asyncio
import re
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from proxy.telemetry.declarations import METRICS
from tests.deploy.boards import DASHBOARDS, load, queries, rules, substituted, variables
from tests.deploy.prometheus_server import DEADLINE, Prometheus, needs_prometheus
from tests.deploy.scraped import CHAT, SERIES, WORKERS, Scraped, scraped

HOSTILE = 1000
"""Names of models that nobody has."""

EMPTY: dict[str, str] = {}
"""Query -> why it rightly has no data after the load. An entry that is no longer needed fails."""

VALUES = {
    "job": "telnyx-proxy",
    "tenant": "acme",
    "model": ".*",
    "__rate_interval": "60s",
    "__range": "60s",
}


@needs_prometheus
async def test_every_panel_and_every_rule_has_data_and_the_numbers_are_right(tmp_path: Path) -> None:
    async with scraped(tmp_path) as here:
        await here.everything()
        await here.scrape_holds_all()  # a rate needs two scrapes, between which something happened
        await here.everything()
        await here.scrape_holds_all()
        await numbers_are_right(here)
        await redis_goes(here)
        assert await without_data(here.prometheus) == []
        await names_of_variables_are_found(here.prometheus)
        await annotations_are_filled_in(here.prometheus)
        await hostile_names_make_no_series(here)


async def numbers_are_right(here: Scraped) -> None:
    """Whichever worker counted, and whatever was counted as `other`. A scrape may come between two of the sums."""
    sums = {f'sum(telnyx_proxy_requests_total{{status="{status}"}})': times for status, times in here.answered.items()}
    sums["sum(telnyx_proxy_request_duration_seconds_count)"] = here.answered.total()
    sums["sum(telnyx_proxy_stream_ends_total)"] = here.streams
    sums["sum(telnyx_proxy_in_flight_requests)"] = 0
    sums["count(telnyx_proxy_build_info)"] = 1
    for query, number in sums.items():
        assert await here.prometheus.until(query, partial(eq, number)) == number


async def redis_goes(here: Scraped) -> None:
    """Limits are counted by each worker from now on, which is told."""
    here.redis.stop()
    while not await here.prometheus.number('telnyx_proxy_store_failures_total{store="redis"}'):
        await here.ask(CHAT)


async def without_data(prometheus: Prometheus) -> list[str]:
    """The queries that have none, although there was time for it. A query that is none raises."""
    expected = [substituted(query.expr, VALUES) for query in queries()] + [rule["record"] for rule in rules("record")]
    missing = [query for query in expected if query not in EMPTY]
    try:
        async with asyncio.timeout(DEADLINE):
            while missing := [query for query in missing if not await prometheus.ask(query)]:  # noqa: ASYNC110
                await asyncio.sleep(0.3)
    except TimeoutError:
        return missing
    stale = [query for query in EMPTY if await prometheus.ask(query)]
    for rule in rules("alert"):
        await prometheus.ask(rule["expr"])
    return [f"has data after all: {query}" for query in stale]


async def names_of_variables_are_found(prometheus: Prometheus) -> None:
    for path in DASHBOARDS:
        for variable in variables(load(path)).values():
            if variable["type"] != "query":
                continue
            found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert found is not None
            select = substituted(found[1], VALUES)
            assert await prometheus.get(f"label/{found[2]}/values", **{"match[]": select}), (path, select)


async def annotations_are_filled_in(prometheus: Prometheus) -> None:
    """Of the alerts that the load has set off: Telnyx refused a key, a store was away."""
    firing: dict[str, Any] = {}
    async with asyncio.timeout(DEADLINE):
        while not {"TelnyxProxyUpstreamAuthFailing", "TelnyxProxyStoreFailing"} <= firing.keys():
            alerts = (await prometheus.get("alerts"))["alerts"]
            firing = {each["labels"]["alertname"]: each["annotations"] for each in alerts if each["state"] == "firing"}
            await asyncio.sleep(0.2)
    assert firing["TelnyxProxyUpstreamAuthFailing"]["summary"] == "Telnyx refuses a key of tenant acme, revoked"
    assert firing["TelnyxProxyStoreFailing"]["summary"] == "The redis does not answer"
    assert not [text for notes in firing.values() for text in notes.values() if "<no value>" in text or "error" in text]


async def hostile_names_make_no_series(here: Scraped) -> None:
    """Beyond the limit there are only the sets in which every free label is `other`: few, and known beforehand."""
    await here.each({**CHAT, "model": f"evil/{number}-{'x' * (number % 50)}"} for number in range(HOSTILE))
    await here.scrape_holds_all()
    names = await here.prometheus.ask('count by (__name__) ({__name__=~"telnyx_proxy_.*|gen_ai_.*"})')
    spilled = await here.prometheus.ask('count by (__name__) ({__name__=~".*", tenant="other"})')
    extra = {sample.labels["__name__"]: sample.value for sample in spilled}
    for name, most in caps().items():
        for sample in names:
            if sample.labels["__name__"] == name:
                assert sample.value <= most * SERIES * WORKERS + extra.get(name, 0), sample
    for label in ("model", "gen_ai_request_model", "gen_ai_response_model"):
        values = await here.prometheus.get(f"label/{label}/values")
        assert not [value for value in values if value.startswith("evil")], label


def caps() -> dict[str, int]:
    """Name of a series -> how many of them one label set makes: a histogram has its buckets, +Inf included."""
    counts = {row.name: 1 for row in METRICS if row.type != "histogram"}
    buckets = {f"{row.name}_bucket": len(row.buckets) + 1 for row in METRICS if row.type == "histogram"}
    return counts | buckets
