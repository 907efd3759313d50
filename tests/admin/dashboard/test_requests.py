import hashlib
import re
from typing import Any

import pytest

from proxy.admin.dashboard.requests import SHOWN
from tests.admin.dashboard.records import Seen, Visitor, keep, request
from tests.admin.dashboard.visitors import visiting_as, visitor

__all__ = ["visitor"]

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def shown(page: Seen) -> list[str]:
    return re.findall(r'href="/dashboard/requests/([^"]+)"', page.text)


async def test_the_newest_come_first_with_their_figures(visitor: Visitor) -> None:
    await keep(
        visitor.admin,
        request("req_old", ago=600, model_asked="gpt-4o", model="moonshotai/Kimi-K2.6", input_tokens=1200),
        request("req_new", ago=5, status=429, error_code="rate_limit_exceeded", source="none"),
        request("req_dear", ago=60, cost_micros=None, stream=1, stream_end="complete", first_token_us=812_000),
    )
    page = await visitor.see("/requests")
    assert page.status == 200
    assert shown(page) == ["req_new", "req_dear", "req_old"]
    assert "! refused 429 rate_limit_exceeded" in page.words
    assert "price unknown 812 ms 1.20 s" in page.words
    assert "moonshotai/Kimi-K2.6 asked as gpt-4o ✓ served 200 1,200 / 5 $0.000007" in page.words
    assert page.headers["cache-control"] == "no-store"
    assert '<time datetime="2027-01-15T07:50:00+00:00">2027-01-15 07:50:00</time>' in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tenant": "beta"}, ["req_b"]),
        ({"key": "acme/job"}, ["req_j"]),
        ({"model": "zai-org/GLM"}, ["req_m"]),
        ({"endpoint": "embeddings"}, ["req_e"]),
        ({"status": "5xx"}, ["req_s"]),
        ({"status": "503"}, ["req_s"]),
        ({"error": "upstream_unavailable"}, ["req_s"]),
        ({"end": "truncated"}, ["req_t"]),
        ({"user": "ada"}, ["req_u"]),
        ({"range": "1h", "tenant": "acme", "status": "2xx"}, ["req_u", "req_t", "req_e", "req_m", "req_j"]),
        ({"range": "custom", "from": "2027-01-14T09:00", "to": "2027-01-14T10:00"}, ["req_y"]),
    ],
    ids=str,
)
async def test_filters(visitor: Visitor, query: dict[str, str], found: list[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"tenant": "beta", "key_id": "beta/app"},
        {"key_id": "acme/job"},
        {"model": "zai-org/GLM"},
        {"endpoint": "embeddings"},
        {"status": 503, "error_code": "upstream_unavailable"},
        {"stream_end": "truncated"},
        {"end_user": hashlib.sha256(b"ada").hexdigest()[:16]},
        {"ago": 82_000},
    ]
    names = ["req_b", "req_j", "req_m", "req_e", "req_s", "req_t", "req_u", "req_y"]
    await keep(
        visitor.admin,
        *(
            request(name, **{"ago": 100 - at, **values})
            for at, (name, values) in enumerate(zip(names, rows, strict=True))
        ),
    )
    page = await visitor.see("/requests", **query)
    assert shown(page) == found


async def test_pages_follow_one_another_without_gaps(visitor: Visitor) -> None:
    names = [f"req_{number:03}" for number in range(SHOWN * 2 + 5)]
    await keep(visitor.admin, *(request(name, ago=1000 - at // 3, model="a/b") for at, name in enumerate(names)))
    seen: list[str] = []
    path = "/requests?model=a%2Fb"
    for _ in range(3):
        page = await visitor.see(path)
        seen += shown(page)
        older = [link for link in page.links() if "after=" in link]
        path = older[0].removeprefix("/dashboard") if older else ""
    assert path == ""
    assert sorted(seen) == names
    assert len(seen) == len(set(seen))
    assert "Newest" in page.words
    assert "model=a%2Fb" in next(link for link in page.links() if "range=24h&model" in link)


async def test_nothing_at_all_teaches_how_to_make_a_request(visitor: Visitor) -> None:
    page = await visitor.see("/requests")
    assert "No requests in the last 24 hours" in page.words
    assert "curl" in page.words
    assert "/dashboard/keys" in page.links()


async def test_no_match_says_what_to_loosen(visitor: Visitor) -> None:
    await keep(visitor.admin, request())
    page = await visitor.see("/requests", model="nope", status="5xx")
    assert "No request suits these filters" in page.words
    assert "/dashboard/requests?range=24h&status=5xx" in page.links()
    assert "/dashboard/requests?range=24h&model=nope" in page.links()
    assert "/dashboard/requests?model=nope&status=5xx&range=30d" in page.links()


async def test_the_page_after_the_last(visitor: Visitor) -> None:
    await keep(visitor.admin, request())
    assert "No older requests" in (await visitor.see("/requests", after="17.req_1")).words


async def test_filters_offer_what_there_was(visitor: Visitor) -> None:
    await keep(visitor.admin, *(request(f"req_{n}", model="a/b") for n in range(3)), request("req_9", model="c/d"))
    text = (await visitor.see("/requests", status="418", model="other")).text
    offered = re.search(r'<datalist id="o-model">(.*?)</datalist>', text)
    assert offered is not None
    assert re.findall(r'value="([^"]*)"', offered[1]) == ["a/b", "c/d"]
    assert '<option value="200">200</option>' in text
    assert '<option value="418" selected>418</option>' in text  # what was asked for stays chosen
    assert 'value="other"' in text


async def test_a_tenant_admin_sees_its_own_and_what_it_is_charged(visitor: Visitor) -> None:
    await keep(
        visitor.admin,
        request("req_mine", cost_micros=1_000_000, charged_micros=1_500_000),
        request("req_theirs", tenant="beta", key_id="beta/app", model="their/secret"),
    )
    async with visiting_as(visitor.admin, "tenant_admin", "acme") as tom:
        page = await tom.see("/requests")
        assert shown(page) == ["req_mine"]
        assert "$1.50" in page.words
        assert "$1.00" not in page.words
        assert "their/secret" not in page.text
        assert "beta" not in page.words
        assert (await tom.see("/requests", tenant="beta")).status == 404
        assert shown(await tom.see("/requests", key="beta/app")) == []


@pytest.mark.parametrize(
    ("name", "value"), [("range", "1y"), ("status", "x"), ("end", "x"), ("after", "x"), ("from", "x")]
)
async def test_what_is_wrong_in_the_address_is_said(visitor: Visitor, name: str, value: str) -> None:
    page = await visitor.see("/requests", **{"range": "custom", "from": "2027-01-01", name: value})
    assert page.status == 400
    assert f"'{name}'" in page.words


async def test_what_clients_sent_is_never_markup(visitor: Visitor) -> None:
    fields = ("tenant", "key_id", "key", "end_user", "model_asked", "model", "error_code", "endpoint", "client")
    others = ("provider", "service_tier", "region", "upstream_request_id", "client_request_id", "trace_id", "price")
    evil: dict[str, Any] = dict.fromkeys((*fields, *others), EVIL)
    await keep(
        visitor.admin,
        request(
            "req_evil",
            **evil,
            tags={EVIL: EVIL},
            changes=((EVIL, EVIL),),
            repairs=(EVIL,),
            stream=1,
            stream_end=EVIL,
            status=418,
            source=EVIL[:16],
        ),
    )
    query = dict.fromkeys(("tenant", "key", "model", "endpoint", "error", "user"), EVIL)
    for page in (
        await visitor.see("/requests"),
        await visitor.see("/requests", **query),
        await visitor.see("/requests/req_evil"),
        await visitor.see("/requests/" + "%22%3E%3Cscript%3Ealert(1)"),
    ):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
    assert "alert(1)" in (await visitor.see("/requests")).words
