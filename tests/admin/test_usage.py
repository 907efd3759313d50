from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from proxy.admin import usage
from proxy.admin.asking import COLUMNS
from proxy.admin.usage import ChangesReport, LatencyReport, UsageReport
from tests.admin.bureau import NOW
from tests.admin.listener import TOKEN, Listener
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, MINUTE, a_request, keep

USAGE = "/admin/v1/usage"
MIDNIGHT = NOW - 8 * HOUR
DROPPED, RENAMED = ("user", "dropped"), ("max_completion_tokens", "renamed")


@pytest.fixture
async def busy(admin: Listener) -> Listener:
    """Two tenants, two days, three models of which one has no price."""
    await keep(
        admin.bureau.store.database,
        [
            a_request(NOW - DAY, changes=(DROPPED,), seconds=4, cached_input_tokens=50),
            a_request(NOW - 60, model=LLAMA, changes=(DROPPED, RENAMED), stream=1, first_token=0.5),
            a_request(NOW - 50, model="x/unknown", cost_micros=None, charged_micros=None, price=""),
            a_request(NOW - 40, status=429, source="none", input_tokens=0, output_tokens=0, cost_micros=0),
            a_request(NOW - 30, tenant="beta", key_id="beta/web", stream_end="client_disconnected", end_user="ab12"),
        ],
    )
    return admin


async def ask(admin: Listener, path: str = "", token: str = TOKEN, **query: Any) -> Any:
    return await admin.done("GET", f"{USAGE}{path}?{urlencode(query, doseq=True)}", token=token)


async def test_all_of_a_week_in_one_row(busy: Listener) -> None:
    report = await ask(busy)
    UsageReport.model_validate(report, strict=True)
    assert {name: report[name] for name in ("object", "start", "end", "width", "group_by")} == {
        "object": "usage",
        "start": MIDNIGHT - 6 * DAY,
        "end": NOW,
        "width": "all",
        "group_by": [],
    }
    (row,) = report["data"]
    assert {name: row[name] for name in report["totals"]} == report["totals"]
    assert (row["start"], row["end"], row["tenant"], row["key_name"]) == (report["start"], NOW, None, None)
    assert (row["requests"], row["streams"], row["aborted"], row["unpriced"]) == (5, 1, 1, 1)
    assert (row["input_tokens"], row["cached_share"]) == (400, 0.125)
    assert (row["cost_usd"], row["charged_usd"]) == ("0.000900", "0.001320")
    assert row["mean_seconds"] == 1.6


async def test_by_day_key_and_model(busy: Listener) -> None:
    key = await busy.key("acme", "web")
    await keep(busy.bureau.store.database, [a_request(NOW - 10, key_id=key["id"], service_tier="")])
    report = await ask(busy, width="day", group_by=["key", "service_tier"], **{"model[]": KIMI})
    assert report["group_by"] == ["key", "service_tier"]
    assert [
        (row["start"], row["end"], row["key"], row["key_name"], row["service_tier"], row["requests"])
        for row in report["data"]
    ] == [
        (MIDNIGHT - DAY, MIDNIGHT, "key_1", None, "default", 1),
        (MIDNIGHT, NOW, "beta/web", "web", "default", 1),
        (MIDNIGHT, NOW, key["id"], "web", "", 1),
        (MIDNIGHT, NOW, "key_1", None, "default", 1),
    ]
    assert {row["model"] for row in report["data"]} == {None}


async def test_by_minute_and_end_user_and_status(busy: Listener) -> None:
    minutes = await ask(busy, width="minute", start=NOW - MINUTE, end=NOW)
    assert [(row["start"], row["end"], row["requests"]) for row in minutes["data"]] == [(NOW - MINUTE, NOW, 4)]
    users = await ask(busy, group_by="end_user")
    assert [(row["end_user"], row["requests"]) for row in users["data"]] == [("", 4), ("ab12", 1)]
    refused = await ask(busy, status=[429, 500], group_by="status")
    assert [(row["status"], row["requests"]) for row in refused["data"]] == [(429, 1)]


async def test_what_there_is_none_of_is_an_empty_list(admin: Listener) -> None:
    report = await ask(admin, start="2020-01-01", end="2021-01-01T00:00:00Z")
    UsageReport.model_validate(report, strict=True)
    assert report["data"] == []
    assert report["totals"]["requests"] == 0


async def test_too_many_rows_are_refused(busy: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_ROWS", 1)
    for path in ("", "/latency"):
        answer = await busy.send("GET", f"{USAGE}{path}?group_by=model")
        assert (answer.status, answer.error["param"]) == (400, "group_by")


async def test_a_broken_stream_is_told_apart(busy: Listener) -> None:
    broken = a_request(NOW - 20, stream=1, stream_end="truncated", model="x/broken")
    await keep(busy.bureau.store.database, [broken])
    for width in ("all", "minute"):  # from sums, and from single requests
        report = await ask(busy, width=width, start=NOW - HOUR, end=NOW, group_by="model")
        assert {row["model"] for row in report["data"] if row["broken"]} == {"x/broken"}
        assert (report["totals"]["broken"], report["totals"]["aborted"]) == (1, 1)


@pytest.mark.parametrize("width", ["all", "day", "minute"])
@pytest.mark.parametrize("group_by", [[], ["model", "status", "key"], list(COLUMNS)])
async def test_rows_in_pages_are_the_same_rows(
    busy: Listener, monkeypatch: pytest.MonkeyPatch, width: str, group_by: list[str]
) -> None:
    asked: dict[str, Any] = {"width": width, "group_by": group_by, "start": NOW - 2 * DAY, "end": NOW}
    whole = await ask(busy, **asked)
    assert (whole["has_more"], whole["next_page"]) == (False, None)
    monkeypatch.setattr(usage, "MOST_ROWS", 1)
    page = await ask(busy, **asked, limit=1)
    found = page["data"]
    while page["has_more"]:
        UsageReport.model_validate(page, strict=True)
        page = await ask(busy, **asked, limit=1, page=page["next_page"])
        found += page["data"]
    assert page["next_page"] is None
    assert found == whole["data"]


@pytest.mark.parametrize(
    "place",
    [
        b"no JSON", b"7", b"{}", b"[]", b'["x","a",200]', b'[0,"a"]', b"[0,7,200]", b'[0,"a","200"]',
        b'[true,"a",200]',
        b'[0,"a",40000]', b'[-1,"a",200]', b'[99999999999999,"a",200]', b'[0,"\\u0000",200]',
        b'[0,"%s",200]' % (b"a" * 257),
    ],
)  # fmt: skip
async def test_a_page_of_another_question_is_refused(busy: Listener, place: bytes) -> None:
    query = {"group_by": ["model", "status"], "width": "day", "page": urlsafe_b64encode(place)}
    answer = await busy.send("GET", f"{USAGE}?{urlencode(query, doseq=True)}")
    assert (answer.status, answer.error["param"]) == (400, "page")


@pytest.mark.parametrize("query", ["page=%C3%A9", "page=a", "page=WzBd", "page=WzBd&page=WzBd&width=day"])
async def test_what_names_no_page_is_refused(busy: Listener, query: str) -> None:
    """Neither text nor base64 of ours; a beginning that is not this range's; two."""
    answer = await busy.send("GET", f"{USAGE}?{query}")
    assert (answer.status, answer.error["param"]) == (400, "page")


async def test_percentiles_of_latency(busy: Listener) -> None:
    report = await ask(busy, "/latency", group_by="model", percentile=["50", "99.9"])
    LatencyReport.model_validate(report, strict=True)
    assert (report["object"], report["measure"], report["width"]) == ("latency", "duration", "all")
    found = {row["model"]: (row["requests"], row["seconds"]) for row in report["data"]}
    assert set(found) == {KIMI, LLAMA, "x/unknown"}  # of the answered ones
    assert found[KIMI] == (1, {"p50": pytest.approx(4, rel=0.1), "p99.9": pytest.approx(4, rel=0.1)})


async def test_percentiles_of_the_first_token(busy: Listener) -> None:
    report = await ask(busy, "/latency", measure="first_token", width="hour")
    (row,) = report["data"]
    assert (row["start"], row["end"], row["requests"]) == (NOW - HOUR, NOW, 1)
    assert row["seconds"] == dict.fromkeys(("p50", "p90", "p99"), pytest.approx(0.5, rel=0.1))


@pytest.mark.parametrize("given", ["-1", "101", "x", "", ".5", "5.", "1e1", "²", "5.5.5"])
async def test_other_percentiles_are_refused(admin: Listener, given: str) -> None:
    answer = await admin.send("GET", f"{USAGE}/latency?{urlencode({'percentile': given})}")
    assert (answer.status, answer.error["param"]) == (400, "percentile")


async def test_there_are_only_so_many_percentiles_of_thousands_of_rows(busy: Listener) -> None:
    for count, status in ((usage.MOST_PERCENTILES, 200), (usage.MOST_PERCENTILES + 1, 400)):
        query = urlencode({"percentile": range(count)}, doseq=True)
        assert (await busy.send("GET", f"{USAGE}/latency?{query}")).status == status


async def test_there_is_one_measure_at_a_time(admin: Listener) -> None:
    for query in ("measure=size", "measure=duration&measure=first_token"):
        answer = await admin.send("GET", f"{USAGE}/latency?{query}")
        assert (answer.status, answer.error["param"]) == (400, "measure")


async def test_what_apps_send_that_telnyx_ignores(busy: Listener) -> None:
    report = await ask(busy, "/changes", group_by=["tenant", "key"])
    ChangesReport.model_validate(report, strict=True)
    assert "width" not in report
    assert report["data"] == [
        {
            "field": field,
            "verdict": verdict,
            "tenant": "acme",
            "key": "key_1",
            "key_name": None,
            "model": None,
            "requests": requests,
        }
        for (field, verdict), requests in ((DROPPED, 2), (RENAMED, 1))
    ]
    assert [row["requests"] for row in (await ask(busy, "/changes", model=KIMI))["data"]] == [1]


@pytest.mark.parametrize(("path", "query"), [("/changes", "group_by=status"), ("/changes", "width=day"), ("", "q=1")])
async def test_what_is_not_known_is_refused(admin: Listener, path: str, query: str) -> None:
    answer = await admin.send("GET", f"{USAGE}{path}?{query}")
    assert (answer.status, answer.error["param"]) == (400, query.partition("=")[0])


async def test_a_tenant_admin_sees_its_own_tenant_alone(busy: Listener) -> None:
    token = await busy.token("tenant_admin", "beta")
    report = await ask(busy, token=token, group_by="tenant")
    assert [(row["tenant"], row["requests"]) for row in report["data"]] == [("beta", 1)]
    assert report["totals"]["requests"] == 1
    assert (await ask(busy, token=token, tenant=["acme", "gamma"]))["data"] == []
    assert (await ask(busy, token=token, key="key_1"))["data"] == []
    assert (await ask(busy, "/changes", token=token))["data"] == []
    assert (await ask(busy, "/latency", token=token, group_by="tenant"))["data"] == []
    for path in ("", "/latency", "/changes"):
        answer = await busy.send("GET", f"{USAGE}{path}?tenant=acme", token=token)
        assert (answer.status, answer.error["code"]) == (404, "not_found")
