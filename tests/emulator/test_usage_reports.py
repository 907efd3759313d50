"""Usage reports: in the published shape, and equal to what was served."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import pytest
from telnyx import AsyncTelnyx

from proxy.emulator.behaviour import Behaviour
from proxy.emulator.catalogue import MODELS
from proxy.emulator.failures import Refused
from proxy.emulator.scenarios import SCENARIOS, resolve
from proxy.emulator.usage_reports import VARIANTS, Served

PATH = "/v2/usage_reports"
KEY, OTHER = "KEY_one", "KEY_two"
LLAMA, KIMI = "meta-llama/Llama-3.3-70B-Instruct", "moonshotai/Kimi-K2.6"
NOON = datetime(2026, 11, 20, 12, 34, tzinfo=UTC).timestamp()
DAY = {"start_date": "2026-11-20T00:00:00Z", "end_date": "2026-11-21T00:00:00Z"}
ASK = {"product": "inference", "dimensions": "model", "metrics": "cost,count", **DAY}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 400}}

TEXTS = {"type": "array", "items": {"type": "string"}}
LISTS = {"product_dimensions": TEXTS, "product_metrics": TEXTS}
OPTIONS = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "product": {"type": "string"},
                    **LISTS,
                    "record_types": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"record_type": {"type": "string"}, **LISTS}},
                    },
                },
            },
        }
    },
}
REPORT = {
    "type": "object",
    "required": ["data", "meta"],
    "properties": {
        "data": {"type": "array", "items": {"type": "object"}},
        "meta": {
            "type": "object",
            "properties": {
                name: {"type": "integer"} for name in ("page_number", "page_size", "total_pages", "total_results")
            },
            "required": ["page_number", "page_size", "total_pages", "total_results"],
        },
    },
}
"""Both written down from Telnyx's OpenAPI of January 2026."""

Get = Callable[..., Awaitable[Any]]


@pytest.fixture
def get(caller: Any) -> Get:
    async def got(path: str = "", key: str | None = KEY, **query: str) -> Any:
        return await caller.send("GET", PATH + path, key=key, params=query)

    return got


@pytest.fixture
def served() -> Served:
    """Two answers of one model and one of another at noon, and one of somebody else."""
    made = Served(lambda: NOON)
    for key, model in ((KEY, LLAMA), (KEY, LLAMA), (KEY, KIMI), (OTHER, KIMI)):
        made.note(key, MODELS[model], USAGE)
    return made


def rows(served: Served, key: str = KEY, variant: str = "plain", **query: str) -> Any:
    return served.report(variant, key, {**ASK, **query})["data"]


def refusal(served: Served, **query: str | None) -> Any:
    given = {name: value for name, value in {**ASK, **query}.items() if value is not None}
    with pytest.raises(Refused) as caught:
        served.report("plain", KEY, given)
    assert caught.value.failure.status == 400
    return caught.value.failure.body.decode()


async def test_the_official_client_reads_what_was_served(caller: Any) -> None:
    given = {"prompt": 0, "completion": 0}
    for text in ("one two", "three", "four five six"):
        usage = (await caller.chat(text, key=KEY)).json["usage"]
        given = {name: given[name] + usage[f"{name}_tokens"] for name in given}
    await caller.chat("of somebody else", key=OTHER)
    client = AsyncTelnyx(api_key=KEY, base_url=caller.emulator.base_url, max_retries=0)
    async with client:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        page = await client.usage_reports.list(
            product="inference",
            dimensions=["record_type", "model"],
            metrics=["count", "prompt_tokens", "completion_tokens"],
            start_date=f"{today - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
            end_date=f"{today + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}",
        )
        options = await client.usage_reports.get_options(product="inference")
    assert page.data == [
        {
            "record_type": "inference",
            "model": LLAMA,
            "count": 3,
            "prompt_tokens": given["prompt"],
            "completion_tokens": given["completion"],
        }
    ]
    assert options.data is not None
    assert options.data[0].product_metrics == ["cost", "count", "prompt_tokens", "completion_tokens"]


async def test_both_answers_have_the_published_shape(caller: Any, get: Get) -> None:
    await caller.chat(key=KEY)
    for name in SCENARIOS:
        if name == "default" or name.startswith("reports-"):
            await caller.choose(name)
            jsonschema.validate((await get("/options")).json, OPTIONS)
            page = await get(product="inference", dimensions="date", metrics="cost", date_range="today")
            jsonschema.validate(page.json, REPORT)


@pytest.mark.parametrize("key", [None, "sk-of-openai", "KEY_invalid"])
async def test_a_bad_key_is_refused(get: Get, key: str | None) -> None:
    answers = [await get(key=key, **ASK), await get("/options", key=key)]
    assert [(answer.status, answer.json["errors"][0]["code"]) for answer in answers] == [(401, "10009")] * 2


async def test_a_failure_of_everything_is_one_of_reports_too(caller: Any, get: Get) -> None:
    await caller.choose("unavailable", where="all")
    assert (await get("/options")).status == 503


async def test_what_is_refused_is_not_counted(caller: Any, get: Get) -> None:
    await caller.chat(key=KEY, model="no/such-model")
    assert (await get(product="inference", dimensions="model", metrics="cost", date_range="today")).json["data"] == []


def test_sums_are_kept_apart_by_credential_and_dimension(served: Served) -> None:
    assert rows(served) == [
        {"model": LLAMA, "cost": pytest.approx(2 * 1200 * 0.88e-6), "count": 2},
        {"model": KIMI, "cost": pytest.approx((600 * 0.665 + 400 * 0.08 + 200 * 4.0) * 1e-6), "count": 1},
    ]
    assert [row["count"] for row in rows(served, OTHER)] == [1]
    assert rows(served, "KEY_nobody") == []
    apart = rows(served, dimensions="date,date_time,record_type,currency", metrics="count")
    whole = {"date": "2026-11-20", "date_time": "2026-11-20T12:00:00Z", "record_type": "inference", "currency": "USD"}
    assert apart == [{**whole, "count": 3}]


def test_filters_and_ranges_leave_out_the_rest(served: Served) -> None:
    assert [row["model"] for row in rows(served, **{"filter[model]": KIMI})] == [KIMI]
    assert rows(served, start_date="2026-11-20T13:00:00Z") == []
    assert rows(served, start_date="2026-11-20T00:00:00Z", end_date="2026-11-20T12:00:00Z") == []
    assert len(rows(served, start_date="2026-11-20T06:00:00-06:00")) == 2
    assert len(rows(served, date_range="today")) == 2
    assert rows(served, date_range="yesterday") == []


def test_other_names_tell_the_same_in_texts(served: Served) -> None:
    (row, _) = rows(served, variant="other-names", dimensions="model_name", metrics="requests,input_tokens,cost")
    assert row == {"model_name": LLAMA, "requests": 2, "input_tokens": "2000", "cost": "0.002112"}
    every = ",".join(VARIANTS["other-names"].metrics)
    kimi = rows(served, OTHER, "other-names", dimensions="model_name", metrics=every)
    assert kimi[0] | {"cost": ""} == {
        "model_name": KIMI,
        "cost": "",
        "requests": 1,
        "input_tokens": "1000",
        "cached_input_tokens": "400",
        "output_tokens": "200",
    }
    (options,) = served.options("other-names", {})["data"]
    assert options["product_metrics"] == []
    assert options["record_types"][0]["product_dimensions"][-1] == "model_name"


def test_where_only_the_cost_is_told_there_is_one_row(served: Served) -> None:
    (row,) = rows(served, variant="cost-only", dimensions="record_type", metrics="cost")
    assert row.keys() == {"record_type", "cost"}
    assert "model" not in served.options("cost-only", {"product": "inference"})["data"][0]["product_dimensions"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"product": None}, "Product invalid value"),
        ({"product": "messaging"}, "Product invalid value"),
        ({"dimensions": None}, "Dimensions invalid values"),
        ({"dimensions": "model,colour"}, "Dimensions invalid values"),
        ({"metrics": ""}, "Metrics invalid values"),
        ({"metrics": "tokens"}, "Metrics invalid values"),
        ({"format": "csv"}, "format"),
        ({"filter[currency]": "USD"}, "Filter invalid values"),
        ({"start_date": None}, "start_date"),
        ({"start_date": "2026-11-20"}, "start_date"),
        ({"end_date": "yesterday"}, "end_date"),
        ({"end_date": "2026-11-19T00:00:00Z"}, "range"),
        ({"start_date": "2026-10-01T00:00:00Z"}, "31 days"),
        ({"date_range": "last_3_weeks"}, "emulated"),
        ({"page[size]": "0"}, "page[size]"),
        ({"page[number]": "x"}, "page[number]"),
    ],
)
def test_what_cannot_be_meant_is_refused(served: Served, query: Mapping[str, str | None], told: str) -> None:
    assert told in refusal(served, **query)


def test_options_of_another_product_are_refused(served: Served) -> None:
    with pytest.raises(Refused):
        served.options("plain", {"product": "messaging"})


def test_reports_come_in_pages(served: Served) -> None:
    query = {**ASK, "page[size]": "1", "page[number]": "2"}
    page = served.report("plain", KEY, query)
    assert [row["model"] for row in page["data"]] == [KIMI]
    assert page["meta"] == {"page_number": 2, "page_size": 1, "total_pages": 2, "total_results": 2}
    assert served.report("plain", KEY, {**ASK, "page[number]": "9"})["data"] == []


def test_every_variant_has_a_scenario() -> None:
    assert {resolve(name).reports for name in SCENARIOS} == set(VARIANTS)
    assert Behaviour().reports == "plain"
