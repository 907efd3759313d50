from typing import Any

import pytest
from openai.types.admin.organization import UsageCostsResponse
from openai.types.admin.organization.usage_costs_response import DataResultOrganizationCostsResult

from tests.admin.bureau import NOW
from tests.admin.organization.official import Official, read, refused
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, a_request, keep

MIDNIGHT = NOW - 8 * HOUR
NOTHING: dict[str, Any] = {"cost_micros": None, "charged_micros": None, "price": ""}
WARNINGS = "x-telnyx-proxy-warnings"


@pytest.fixture
async def busy(api: Official) -> Official:
    """Two days; today one model has no price at all, and another got one in the course of the day."""
    await keep(
        api.bureau.store.database,
        [
            a_request(NOW - 2 * DAY, charged_micros=5),
            a_request(NOW - 50, charged_micros=1_000_000),
            a_request(NOW - 50, charged_micros=500_000, tenant="beta", key_id="beta/web", end_user="ab12"),
            a_request(NOW - 40, charged_micros=250_000, model=LLAMA),
            a_request(NOW - 40, model=LLAMA, **NOTHING),
            a_request(NOW - 30, model="x/unknown", **NOTHING),
            a_request(NOW - 30, model="x/unknown", **NOTHING),
            a_request(NOW - 20, model="voice", characters=77, input_tokens=0, output_tokens=0, charged_micros=7),
            a_request(NOW - 20, model="ear", audio_ms=1_500, input_tokens=0, output_tokens=0, charged_micros=8),
            a_request(NOW - 10, status=429, source="none", input_tokens=0, output_tokens=0, charged_micros=0),
        ],
    )
    return api


async def costs(api: Official, **query: Any) -> list[Any]:
    """The results of today, read strictly by the SDK's types."""
    raw = await api.organization.usage.with_raw_response.costs(**{"start_time": MIDNIGHT, **query})
    page: Any = read(UsageCostsResponse, raw.content)
    (bucket,) = page.data
    assert (bucket.start_time, bucket.end_time) == (MIDNIGHT, MIDNIGHT + DAY)
    return [read(DataResultOrganizationCostsResult, each.to_dict()) for each in bucket.results]


def told(results: list[Any], *names: str) -> list[tuple[Any, ...]]:
    return [(*(getattr(each, name) for name in names), each.amount.value) for each in results]


async def test_day_by_day_in_dollars(busy: Official) -> None:
    raw = await busy.organization.usage.with_raw_response.costs(start_time=NOW - 2 * DAY, limit=2)
    first: Any = read(UsageCostsResponse, raw.content)
    assert WARNINGS not in raw.headers
    assert [(each.start_time, each.end_time) for each in first.data] == [
        (MIDNIGHT - 2 * DAY, MIDNIGHT - DAY),
        (MIDNIGHT - DAY, MIDNIGHT),
    ]
    assert first.data[0].results[0].to_dict() == {
        "object": "organization.costs.result",
        "amount": {"value": 0.000005, "currency": "usd"},
        **dict.fromkeys(("project_id", "user_id", "api_key_id", "api_source", "line_item")),
        "quantity": None,
        "quantity_unit": None,
    }
    assert first.data[1].results == []
    rest = await busy.organization.usage.costs(start_time=NOW - 2 * DAY, limit=2, page=first.next_page)
    assert (len(rest.data), rest.has_more) == (1, False)


async def test_a_price_that_is_not_known_does_not_look_free(busy: Official) -> None:
    raw = await busy.organization.usage.with_raw_response.costs(start_time=MIDNIGHT)
    assert raw.headers[WARNINGS] == "The price of 3 requests is not known: they are not in these amounts."
    found = await costs(busy)
    assert told(found, "line_item", "quantity") == [(None, None, 1.750015), ("price unknown", 3.0, 0.0)]
    assert sum(each.amount.value for each in found) == 1.750015


async def test_line_items_are_models(busy: Official) -> None:
    found = await costs(busy, group_by=["line_item"])
    assert sorted(told(found, "line_item", "quantity", "quantity_unit"), key=str) == [
        ("ear", 1.5, "duration_seconds", 0.000008),
        ("meta-llama/Llama-3.3-70B-Instruct", None, None, 0.25),
        ("meta-llama/Llama-3.3-70B-Instruct, price unknown", 1.0, None, 0.0),
        ("moonshotai/Kimi-K2.6", 240.0, "tokens", 1.5),
        ("voice", 77.0, "characters", 0.000007),
        ("x/unknown, price unknown", 2.0, None, 0.0),
    ]


async def test_by_project_key_and_user(busy: Official) -> None:
    found = await costs(busy, group_by=["project_id", "api_key_id", "user_id", "api_source"], line_items=[KIMI])
    assert told(found, "project_id", "api_key_id", "user_id", "api_source", "line_item") == [
        ("acme", "key_1", "", "unlabeled", None, 1.0),
        ("beta", "beta/web", "ab12", "unlabeled", None, 0.5),
    ]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ({"project_ids": ["beta"]}, [0.5]),
        ({"api_key_ids": ["beta/web", "none"]}, [0.5]),
        ({"line_items": [LLAMA]}, [0.25]),
        ({"line_items": ["x/unknown, price unknown"]}, [0.0]),
        ({"line_items": [KIMI, LLAMA]}, [1.75]),
        ({"line_items": ["none"]}, []),
        ({"end_time": NOW, "limit": 180, "extra_query": {"project_ids[]": "beta"}}, [0.5]),  # as LiteLLM asks
    ],
)
async def test_filters(busy: Official, query: dict[str, Any], values: list[float]) -> None:
    found = await costs(busy, **query)
    assert [each.amount.value for each in found] == values
    assert {each.amount.currency for each in found} <= {"usd"}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"bucket_width": "1h"}, "bucket_width"),
        ({"limit": 181}, "limit"),
        ({"group_by": ["model"]}, "group_by"),
        ({"extra_query": {"models": "m"}}, "models"),
    ],
)
async def test_what_is_asked_wrongly_is_told_by_name(api: Official, query: dict[str, Any], param: str) -> None:
    await refused(api.organization.usage.costs(start_time=0, **query), 400, "invalid_value", param)


async def test_a_tenant_admin_sees_its_own_costs_alone(api: Official) -> None:
    mine, other = await api.project("mine"), await api.project("other")
    await keep(api.bureau.store.database, [a_request(NOW - 1, tenant=each) for each in (mine, other, other)])
    theirs = await api.as_token("tenant_admin", mine)
    page: Any = await theirs.usage.costs(start_time=MIDNIGHT, group_by=["project_id"])
    assert told(page.data[0].results, "project_id") == [("mine", 0.00033)]
