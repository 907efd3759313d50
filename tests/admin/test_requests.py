from typing import Any
from urllib.parse import urlencode

import pytest

from proxy.admin.requests import Request, RequestStory
from proxy.storage.ledger import LedgerStore
from tests.admin.bureau import NOW
from tests.admin.listener import TOKEN, Listener
from tests.storage.kept import KIMI, LLAMA, a_request, keep

REQUESTS = "/admin/v1/requests"


@pytest.fixture
async def busy(admin: Listener) -> Listener:
    await keep(
        admin.bureau.store.database,
        [
            a_request(NOW - 5.5, id="req_a", tags={"team": "search"}, changes=(("user", "dropped"),), repairs=("q",)),
            a_request(NOW - 4, id="req_b", model=LLAMA, stream=1, stream_end="complete", first_token=0.25),
            a_request(NOW - 3, id="req_c", status=502, error_code="upstream_error", cost_micros=None, price=""),
            a_request(NOW - 2, id="req_d", tenant="beta", key_id="beta/web", end_user="ab12", charged_micros=None),
        ],
    )
    return admin


async def found(admin: Listener, token: str = TOKEN, **query: Any) -> Any:
    return await admin.done("GET", f"{REQUESTS}?{urlencode(query, doseq=True)}", token=token)


async def ids(admin: Listener, token: str = TOKEN, **query: Any) -> list[str]:
    return [row["id"].removeprefix("req_") for row in (await found(admin, token, **query))["data"]]


async def test_newest_first_and_page_by_page(busy: Listener) -> None:
    first = await found(busy, limit=3)
    for row in first["data"]:
        Request.model_validate(row, strict=True)
    assert (first["object"], first["first_id"], first["last_id"], first["has_more"]) == ("list", "req_d", "req_b", True)
    rest = await found(busy, limit=3, after="req_b")
    assert [row["id"] for row in rest["data"]] == ["req_a"]
    assert rest["has_more"] is False


async def test_a_page_has_a_thousand_for_whoever_takes_them_all(admin: Listener) -> None:
    await keep(admin.bureau.store.database, [a_request(NOW - 5, id=f"req_{number:04}") for number in range(1002)])
    page = await found(admin, limit=1000)
    assert (len(page["data"]), page["last_id"], page["has_more"]) == (1000, "req_0002", True)
    assert len((await found(admin))["data"]) == 20


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tenant": "acme"}, ["c", "b", "a"]),
        ({"tenant": ["acme", "beta"], "status": 200}, ["d", "b", "a"]),
        ({"key": "beta/web"}, ["d"]),
        ({"model": [KIMI, "none"]}, ["d", "c", "a"]),
        ({"endpoint": "embeddings"}, []),
        ({"status": [502, 499]}, ["c"]),
        ({"error_code": "upstream_error"}, ["c"]),
        ({"error_code": ""}, ["d", "b", "a"]),
        ({"stream_end": "complete"}, ["b"]),
        ({"end_user": "ab12"}, ["d"]),
        ({"start": NOW - 4, "end": "2027-01-15T07:59:58Z"}, ["c", "b"]),
        ({"end": NOW - 5}, ["a"]),
    ],
)
async def test_filters(busy: Listener, query: dict[str, Any], expected: list[str]) -> None:
    assert await ids(busy, **query) == expected


async def test_one_request_has_its_whole_story(busy: Listener) -> None:
    figures = {"input": 600_000, "output": 2_500_000}
    price = {"version": "p1", "model": KIMI, "figures": figures, "seen_at": NOW}
    await LedgerStore(busy.bureau.store.database).note_prices([price])
    story = await busy.done("GET", f"{REQUESTS}/req_a")
    RequestStory.model_validate(story, strict=True)
    assert story["price"] == figures
    assert {name: story[name] for name in ("object", "started_at", "key", "key_name", "tags", "repairs")} == {
        "object": "request",
        "started_at": NOW - 5.5,
        "key": "key_1",
        "key_name": "web",
        "tags": {"team": "search"},
        "repairs": ["q"],
    }
    assert story["changes"] == [{"field": "user", "verdict": "dropped"}]
    assert (story["cost_usd"], story["charged_usd"], story["price_version"]) == ("0.000300", "0.000330", "p1")
    assert (story["seconds"], story["first_token_seconds"], story["overhead_seconds"]) == (1.0, None, 0.0009)
    assert (story["stream"], story["model_asked"]) == (False, "kimi")


async def test_an_unknown_price_is_null_and_a_first_token_is_told(busy: Listener) -> None:
    unknown, streamed = [await busy.done("GET", f"{REQUESTS}/req_{name}") for name in "cb"]
    assert (unknown["cost_usd"], unknown["price"], unknown["error_code"]) == (None, None, "upstream_error")
    assert (streamed["stream"], streamed["stream_end"], streamed["first_token_seconds"]) == (True, "complete", 0.25)


async def test_a_key_that_was_renamed_goes_by_its_new_name(busy: Listener) -> None:
    key = await busy.key("acme", "new")
    await keep(busy.bureau.store.database, [a_request(NOW, id="req_e", key_id=key["id"], key="old")])
    assert (await busy.done("GET", f"{REQUESTS}/req_e"))["key_name"] == "new"


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("start=5&end=5", 400, "start"),
        ("end=0", 400, "start"),
        ("status=x", 400, "status"),
        ("limit=1001", 400, "limit"),
        ("after=req_none", 404, "after"),
        ("group_by=model", 400, "group_by"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(admin: Listener, query: str, status: int, param: str) -> None:
    answer = await admin.send("GET", f"{REQUESTS}?{query}")
    assert (answer.status, answer.error["param"]) == (status, param)


async def test_a_tenant_admin_sees_its_own_requests_alone(busy: Listener) -> None:
    token = await busy.token("tenant_admin", "beta")
    assert await ids(busy, token) == ["d"]
    assert await ids(busy, token, tenant=["acme", "gamma"]) == []
    assert (await busy.done("GET", f"{REQUESTS}/req_d", token=token))["id"] == "req_d"
    theirs = await busy.send("GET", f"{REQUESTS}/req_a", token=token)
    nobodys = await busy.send("GET", f"{REQUESTS}/req_0", token=token)
    assert theirs.text.replace("req_a", "req_0") == nobodys.text
    assert (theirs.status, nobodys.status) == (404, 404)
    for query in ("tenant=acme", "after=req_a"):
        assert (await busy.send("GET", f"{REQUESTS}?{query}", token=token)).status == 404
