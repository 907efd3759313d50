import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.admin import organization as types
from pydantic import BaseModel

from proxy.admin.organization import usage
from proxy.admin.organization.usage import COLUMNS, FILTERS, KINDS, SAME
from tests.admin.bureau import NOW
from tests.admin.organization.official import Official, read, refused
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, MINUTE, a_request, keep

PARAMS = Path(openai.__file__).parent / "types" / "admin" / "organization"
MIDNIGHT = NOW - 8 * HOUR
TOKENS = {"input_tokens": 1000, "cached_input_tokens": 400, "cache_write_tokens": 100, "output_tokens": 50}
EMPTY = [name for name, kind in KINDS.items() if not kind.endpoints]


def camel(name: str) -> str:
    return name.title().replace("_", "")


def response(name: str) -> type[BaseModel]:
    return getattr(types, f"Usage{camel(name)}Response")  # type: ignore[no-any-return]


def result_type(name: str) -> type[BaseModel]:
    module = import_module(f"{types.__name__}.usage_{name}_response")
    return getattr(module, f"DataResultOrganizationUsage{camel(name)}Result")  # type: ignore[no-any-return]


@pytest.fixture
async def busy(api: Official) -> Official:
    await keep(
        api.bureau.store.database,
        [
            a_request(NOW - 2 * DAY, **TOKENS),
            a_request(NOW - 90, tenant="beta", key_id="beta/web", model=LLAMA, end_user="ab12", **TOKENS),
            a_request(NOW - 30, endpoint="responses", service_tier="flex", client="batch"),
            a_request(NOW - 20, endpoint="embeddings", model="thenlper/gte-large", output_tokens=0),
            a_request(NOW - 10, endpoint="audio.speech", characters=77, input_tokens=0),
            a_request(NOW - 10, endpoint="audio.transcriptions", audio_ms=1_500),
            a_request(NOW - 5, status=429, source="none", input_tokens=0, output_tokens=0),
        ],
    )
    return api


async def pages(api: Official, name: str, **query: Any) -> list[Any]:
    """Every page of a kind, read strictly, each result by the SDK's type of its name."""
    found = []
    call = getattr(api.organization.usage.with_raw_response, name)
    while True:
        raw = await call(**query)
        page: Any = read(response(name), raw.content)
        for bucket in raw.http_response.json()["data"]:
            for result in bucket["results"]:
                read(result_type(name), result)
                assert set(result) <= set(result_type(name).model_fields)
        found.append(page)
        if not page.has_more:
            assert page.next_page is None
            return found
        query["page"] = page.next_page


async def results(api: Official, name: str = "completions", **query: Any) -> list[Any]:
    query.setdefault("start_time", MIDNIGHT)
    return [each for page in await pages(api, name, **query) for bucket in page.data for each in bucket.results]


async def test_a_scripted_week_day_by_day(busy: Official) -> None:
    found = await pages(busy, "completions", start_time=NOW - 6 * DAY, limit=3)
    assert [len(page.data) for page in found] == [3, 3, 1]
    buckets = [bucket for page in found for bucket in page.data]
    assert (buckets[0].start_time, buckets[-1].end_time) == (NOW - 6 * DAY, NOW)
    assert [one.end_time for one in buckets[:-1]] == [other.start_time for other in buckets[1:]]
    assert [len(bucket.results) for bucket in buckets] == [0, 0, 0, 0, 1, 0, 1]
    today = buckets[-1].results[0].to_dict()
    assert today == {
        "object": "organization.usage.completions.result",
        "input_tokens": 1100,
        "input_cached_tokens": 400,
        "input_cache_write_tokens": 100,
        "input_uncached_tokens": 600,
        "output_tokens": 70,
        "input_text_tokens": None,
        "output_text_tokens": None,
        "input_image_tokens": None,
        "output_image_tokens": None,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": 2,
        **dict.fromkeys(("project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source")),
    }


async def test_results_are_kept_apart_by_all_that_openai_knows(busy: Official) -> None:
    found = await results(busy, group_by=[*COLUMNS, *SAME])
    assert [
        (each.project_id, each.user_id, each.api_key_id, each.model, each.service_tier, each.batch, each.api_source)
        for each in found
    ] == [
        ("acme", "", "key_1", KIMI, "flex", True, "unlabeled"),
        ("beta", "ab12", "beta/web", LLAMA, "default", False, "unlabeled"),
    ]


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ({"project_ids": ["beta"]}, 1),
        ({"project_ids": ["beta", "acme"]}, 2),
        ({"user_ids": ["ab12"]}, 1),
        ({"api_key_ids": ["key_1"]}, 1),
        ({"models": [LLAMA, "none"]}, 1),
        ({"models": ["none"]}, 0),
        ({"batch": False}, 1),
        ({"batch": True}, 1),
        ({"batch": True, "project_ids": ["beta"]}, 0),
        ({"batch": True, "start_time": NOW - 2 * DAY, "bucket_width": "1d"}, 1),
        ({"bucket_width": "1h", "start_time": NOW - HOUR}, 2),
        ({"bucket_width": "1m", "start_time": NOW - MINUTE}, 1),
        ({"end_time": NOW - 60}, 1),
        ({"start_time": NOW - 60}, 1),
    ],
)
async def test_filters_and_widths(busy: Official, query: dict[str, Any], requests: int) -> None:
    assert sum(each.num_model_requests for each in await results(busy, **query)) == requests


async def test_batches_are_kept_apart_in_sums_that_are_otherwise_one(busy: Official) -> None:
    database = busy.bureau.store.database
    await keep(database, [a_request(NOW - 40, client=client, input_tokens=7) for client in ("batch", "curl", "other")])
    found = await results(busy, group_by=["batch"])
    assert {each.batch: (each.num_model_requests, each.input_tokens) for each in found} == {
        True: (2, 107),
        False: (3, 1014),
    }
    (line,) = await results(busy, batch=True, group_by=["project_id"])
    assert (line.project_id, line.batch, line.num_model_requests) == ("acme", None, 2)


async def test_each_kind_has_its_own_figures(busy: Official) -> None:
    (embedded,) = await results(busy, "embeddings", group_by=["model"])
    (spoken,) = await results(busy, "audio_speeches")
    (heard,) = await results(busy, "audio_transcriptions")
    assert (embedded.input_tokens, embedded.model, embedded.project_id) == (100, "thenlper/gte-large", None)
    assert (spoken.characters, spoken.num_model_requests) == (77, 1)
    assert heard.seconds == 2


@pytest.mark.parametrize("name", EMPTY)
async def test_what_does_not_exist_here_has_empty_buckets(busy: Official, name: str) -> None:
    (page,) = await pages(busy, name, start_time=NOW - 2 * DAY)
    assert [bucket.results for bucket in page.data] == [[], [], []]


@pytest.mark.parametrize("name", list(KINDS))
def test_every_kind_takes_what_the_sdk_sends(name: str) -> None:
    source = (PARAMS / f"usage_{name}_params.py").read_text()
    fields = set(re.findall(r"^    (\w+):", source, re.MULTILINE))
    (row,) = [row for row in usage.OPERATIONS if row.path.endswith(f"/{name}")]
    assert set(row.query) == fields
    (names,) = re.findall(r"^    group_by:.*?Literal\[(.*?)\]", source, re.MULTILINE | re.DOTALL)
    assert set(KINDS[name].group_by) == set(re.findall(r'"(\w+)"', names))
    assert set(FILTERS) | {"batch"} >= set(KINDS[name].filters) or name in EMPTY


async def test_arrays_may_be_bracketed_or_not(busy: Official) -> None:
    client = await busy.client("an-admin-token-of-the-configuration")
    for brackets in ("", "[]"):
        path = f"/organization/usage/completions?start_time={MIDNIGHT}"
        path += f"&group_by{brackets}=model&group_by{brackets}=project_id&project_ids{brackets}=beta"
        answer: Any = await client.get(path, cast_to=object, options={"security": {"admin_api_key_auth": True}})
        (bucket,) = answer["data"]
        assert [(each["model"], each["project_id"]) for each in bucket["results"]] == [(LLAMA, "beta")]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"group_by": ["colour"]}, "group_by"),
        ({"limit": 32}, "limit"),
        ({"bucket_width": "1w"}, "bucket_width"),
        ({"extra_query": {"colour": "red"}}, "colour"),
        ({"extra_query": {"batch": "maybe"}}, "batch"),
        ({"models": ["m"] * 101}, "models"),
    ],
)
async def test_what_is_asked_wrongly_is_told_by_name(api: Official, query: dict[str, Any], param: str) -> None:
    await refused(api.organization.usage.completions(start_time=NOW - DAY, **query), 400, "invalid_value", param)


async def test_a_page_that_is_too_large_is_refused(busy: Official, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_RESULTS", 1)
    call = busy.organization.usage.completions(start_time=MIDNIGHT, group_by=["model"])
    await refused(call, 400, "invalid_value", "limit")


@pytest.mark.parametrize("wanted", [(), ("mine",), ("mine", "other"), ("other",)])
async def test_a_tenant_admin_sees_its_own_project_alone(api: Official, wanted: Sequence[str]) -> None:
    mine, other = await api.project("mine"), await api.project("other")
    await keep(api.bureau.store.database, [a_request(NOW - 1, tenant=each) for each in (mine, other)])
    theirs = await api.as_token("tenant_admin", mine)
    query: dict[str, Any] = {"project_ids": list(wanted)} if wanted else {}
    page = await theirs.usage.completions(start_time=MIDNIGHT, group_by=["project_id"], **query)
    found = [getattr(each, "project_id", None) for each in page.data[0].results]
    assert found == ([] if wanted == ("other",) else ["mine"])
