"""Limits and budgets, as an application with the official client meets them."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import Build
from tests.journeys.operating import CHAT, Operator, eventually, kept, operated
from tests.world import HELLO, KEY, MODEL, OTHER_CREDENTIAL, World

BOUNDED: list[dict[str, Any]] = [
    {
        "id": "acme",
        "upstream_api_key": {"value": OTHER_CREDENTIAL},
        "keys": [{"name": "web", "secret": {"value": KEY}}],
    }
]


def bounded(**rules: Any) -> list[dict[str, Any]]:
    """One declared tenant with limits or budgets."""
    return [{**BOUNDED[0], **rules}]


async def statuses(here: World, count: int, body: Any = None) -> list[int]:
    """What callers get who all come at the same time."""

    async def one() -> int:
        async with here.post(body or CHAT) as answer:
            await answer.read()
            return int(answer.status)

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


async def refused(here: World, limit: str, times: int) -> bool:
    return await here.metric("telnyx_proxy_limit_refusals_total", tenant="acme", limit=limit) >= times


async def nothing_under_way(here: World) -> bool:
    return not await here.metric("telnyx_proxy_in_flight_requests")


async def test_requests_per_minute_hold_with_many_callers_and_are_told(build: Build) -> None:
    here = await build(tenants=bounded(limits=[{"requests_per_minute": 10}]))
    assert (await statuses(here, 60)).count(200) == 10
    with pytest.raises(openai.RateLimitError) as caught:
        await (await here.openai()).chat.completions.create(**CHAT)
    fault = caught.value
    assert (fault.code, fault.type) == ("rate_limit_exceeded", "requests")
    assert "tenant acme on requests per min (RPM): Limit 10, Used 10, Requested 1" in fault.message
    headers = fault.response.headers
    assert 50 <= int(headers["retry-after"]) <= 61
    assert int(headers["retry-after"]) * 1000 >= float(headers["retry-after-ms"])
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("10", "0")
    assert len(here.sent()) == 10, "nothing that was refused went to Telnyx"
    assert await here.metric("telnyx_proxy_limit_refusals_total", tenant="acme", limit="requests") == 51


async def test_every_success_says_how_the_limits_stand(build: Build) -> None:
    here = await build(tenants=bounded(limits=[{"requests_per_minute": 5, "tokens_per_minute": 100_000}]))
    client = await here.openai()
    for left in (4, 3):
        raw = await client.chat.completions.with_raw_response.create(**CHAT, max_tokens=100)
        assert raw.headers["x-ratelimit-limit-requests"] == "5"
        assert raw.headers["x-ratelimit-remaining-requests"] == str(left)
        assert raw.headers["x-ratelimit-reset-requests"].startswith(("1m", "59"))
        assert raw.headers["x-ratelimit-limit-tokens"] == "100000"
    stream = await client.chat.completions.with_raw_response.create(**CHAT, stream=True)
    assert stream.headers["x-ratelimit-remaining-requests"] == "2"
    assert [chunk async for chunk in stream.parse()]


async def test_tokens_are_reserved_with_their_cap_and_settled_with_what_was_used(build: Build) -> None:
    here = await build(tenants=bounded(limits=[{"tokens_per_minute": 1000}]))
    capped = {**CHAT, "max_tokens": 800}
    for _ in range(5):  # one after the other: each is settled to some 20 tokens before the next
        assert await statuses(here, 1, capped) == [200]
    assert (await statuses(here, 4, capped)).count(200) == 1, "at the same time only one cap fits"
    with pytest.raises(openai.RateLimitError) as caught:
        await (await here.openai()).chat.completions.create(**CHAT, max_tokens=5000)
    assert "Request too large for tenant acme on tokens per min (TPM): Limit 1000" in caught.value.message
    assert caught.value.response.headers["x-should-retry"] == "false"


async def test_a_stream_that_is_given_up_settles_what_it_had_consumed(build: Build) -> None:
    here = await build("default", {"words": 100}, tenants=bounded(limits=[{"output_tokens_per_minute": 9000}]))
    client = await here.openai()
    for _ in range(3):  # three reservations of 8192 would not fit
        async with await client.chat.completions.create(**CHAT, stream=True) as stream:
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
        await eventually(lambda: nothing_under_way(here))


async def test_concurrent_requests_wait_in_a_short_queue(build: Build) -> None:
    here = await build("slow-headers", tenants=bounded(limits=[{"concurrent": 2, "queue": 3}]))

    async def released() -> None:
        await eventually(lambda: refused(here, "concurrent", 3))
        here.telnyx.state.release.set()

    found, _ = await asyncio.gather(statuses(here, 8), released())
    assert found == [200] * 5 + [429] * 3
    assert await statuses(here, 2) == [200, 200], "the places are free again"


PRICE = {"input": 1, "output": 10}


async def test_a_budget_that_is_spent_ends_it_for_good(build: Build) -> None:
    tenants = bounded(budgets=[{"usd": "0.002", "per": "day", "soft": 10}])
    here = await build(tenants=tenants, models={"profiles": {MODEL: {"price": PRICE}}})
    client = await here.openai()
    raw = await client.chat.completions.with_raw_response.create(**CHAT, max_tokens=150)
    assert raw.headers["x-telnyx-proxy-budget"].startswith("tenant acme: $0.0015")
    assert (await statuses(here, 30, {**CHAT, "max_tokens": 150})).count(200) == 1
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(**CHAT, max_tokens=250)
    fault = caught.value
    assert (fault.code, fault.type) == ("insufficient_quota", "insufficient_quota")
    assert fault.response.headers["x-should-retry"] == "false"
    assert "budget of tenant acme per day" in fault.message


async def test_without_a_price_a_budget_lets_nothing_pass(build: Build) -> None:
    here = await build(tenants=bounded(budgets=[{"usd": 5, "per": "total"}]))
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await (await here.openai()).chat.completions.create(model="nobody/knows", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("price_unknown", "model")
    listed = await (await here.openai()).chat.completions.create(**CHAT)
    assert listed.model == MODEL, "Telnyx's own list has a price for this one"


async def test_one_tenant_cannot_take_what_telnyx_allows_all(build: Build) -> None:
    other = {
        **BOUNDED[0],
        "id": "beta",
        "keys": [{"name": "app", "secret": {"value": "sk-another-key-of-an-app-0003"}}],
    }
    pools = {MODEL: {"output": 1000}}
    here = await build(tenants=[*bounded(), other], upstream={"budgets": pools, "sharing": {"reserve": 0.2}})
    greedy = {**CHAT, "max_tokens": 100}
    here.telnyx.state.choose("slow-headers")

    async def newcomer() -> int:
        await eventually(lambda: refused(here, "share", 1))
        here.telnyx.state.release.set()
        async with here.post(greedy, "sk-another-key-of-an-app-0003") as answer:
            return int(answer.status)

    found, newcomers = await asyncio.gather(statuses(here, 20, greedy), newcomer())
    assert found.count(200) == 8, "all but what is held back"
    assert newcomers == 200


async def test_limits_set_through_the_api_hold_at_once_and_go_with_their_key(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    identity, key = await operator.key()
    made = await operator.do("PUT", "limits", {"key": identity, "requests_per_minute": 2})
    client = await here.openai(key)
    for _ in range(2):
        await client.chat.completions.create(**CHAT)
    with pytest.raises(openai.RateLimitError, match="key web"):
        await client.chat.completions.create(**CHAT)
    _, other = await operator.key(name="other")
    assert (await (await here.openai(other)).chat.completions.create(**CHAT)).choices
    await operator.do("DELETE", f"limits/{made['id']}")
    assert (await client.chat.completions.create(**CHAT)).choices


async def test_what_a_budget_had_spent_is_known_after_a_restart(build: Build, tmp_path: Path) -> None:
    prices = {"models": {"profiles": {MODEL: {"price": PRICE}}}}
    here, operator = await operated(build, tmp_path, **prices)
    await operator.tenant()
    _, key = await operator.key()
    await operator.do("PUT", "budgets", {"tenant": "shop", "usd": "1", "per": "month"})
    await (await here.openai(key)).chat.completions.create(**CHAT)
    spent = (await operator.do("GET", "budgets"))["data"][0]["spent_usd"]
    assert float(spent) > 0
    await here.stack.aclose()
    again = await build(**kept(tmp_path, **prices))
    assert (await Operator(again).do("GET", "budgets"))["data"][0]["spent_usd"] == spent


async def test_a_budget_of_a_key_that_is_rotated_goes_on_where_it_was(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path, models={"profiles": {MODEL: {"price": PRICE}}})
    await operator.tenant()
    identity, key = await operator.key()
    await operator.do("PUT", "budgets", {"key": identity, "usd": "1", "per": "total"})
    await (await here.openai(key)).chat.completions.create(**CHAT)
    limiter = here.proxy.services.admission.limiter

    async def written() -> bool:
        with closing(sqlite3.connect(tmp_path / "proxy.db")) as database:
            return bool(database.execute("SELECT 1 FROM spent").fetchall())

    await eventually(written)
    rotated = await operator.do("POST", f"keys/{identity}/rotate", {"grace_seconds": 60})
    spent = limiter.budgets()[f"key:{identity}:total", 0]
    assert spent > 0
    assert limiter.budgets()[f"key:{rotated['id']}:total", 0] == spent


async def test_a_key_that_is_revoked_while_it_waits_is_not_served(build: Build, tmp_path: Path) -> None:
    here, operator = await operated(build, tmp_path)
    await operator.tenant()
    _, first = await operator.key()
    identity, second = await operator.key(name="other")
    await operator.do("PUT", "limits", {"tenant": "shop", "concurrent": 1, "queue": 1})
    here.telnyx.state.choose("slow-headers")
    limiter: Any = here.proxy.services.admission.limiter

    async def status(key: str) -> int:
        async with here.post(CHAT, key) as answer:
            return int(answer.status)

    async def waits() -> bool:
        return bool(limiter.waiting("tenant:shop:*:concurrent"))

    async def under_way() -> bool:
        return here.telnyx.state.paused == 1

    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(status(first))
        await eventually(under_way)
        waiting = tasks.create_task(status(second))
        await eventually(waits)
        await operator.do("POST", f"keys/{identity}/revoke")
        here.telnyx.state.release.set()
    assert (served.result(), waiting.result()) == (200, 401)
    assert len(here.sent()) == 1
    assert await status(first) == 200, "the place is free again"


TOOLED = {
    **CHAT,
    "max_tokens": 5,
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
}


async def test_a_repair_that_takes_the_cap_away_takes_no_more_than_is_left(build: Build) -> None:
    here = await build("default", {"words": 4000}, tenants=bounded(limits=[{"output_tokens_per_minute": 10_000}]))
    assert await statuses(here, 1) == [200]
    here.telnyx.state.choose("cap-with-tools-refused")
    assert await statuses(here, 1, TOOLED) == [429], "without its cap it may put out 8192 tokens"
    assert [request.status for request in here.telnyx.state.requests if request.method == "POST"] == [200, 400]


async def test_a_price_that_has_not_come_yet_is_waited_for(build: Build) -> None:
    here = await build(tenants=bounded(budgets=[{"usd": 5, "per": "total"}]))
    here.proxy.services.catalogue._shelves.clear()  # as just after the start
    assert await statuses(here, 3) == [200] * 3
