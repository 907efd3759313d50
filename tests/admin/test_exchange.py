import asyncio
import gzip
import logging
import re
from pathlib import Path

import pytest

from proxy.admin import exchange
from proxy.admin.exchange import BODY_LIMIT, expected_revision
from proxy.errors import InvalidRequest, Stale
from tests.admin.listener import TOKEN, Listener, listener

TENANTS = "/admin/v1/tenants"


@pytest.mark.parametrize(
    ("header", "revision"),
    [(None, None), ("*", None), (" * ", None), ('"3"', 3), ('W/"3"', 3), (' "12" ', 12)],
)
def test_an_etag_is_a_revision(header: str | None, revision: int | None) -> None:
    assert expected_revision(header) == revision


@pytest.mark.parametrize("header", ["3", '"3', '"1", "2"', "", "W/3"])
def test_what_is_no_etag_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        expected_revision(header)
    assert refused.value.param == "If-Match"


@pytest.mark.parametrize("header", ['"abc"', '""', '"-1"', '"12345678901"', '"٣"'])
def test_an_etag_of_somebody_else_is_stale(header: str) -> None:
    with pytest.raises(Stale):
        expected_revision(header)


async def test_of_two_who_change_the_same_one_is_told(admin: Listener) -> None:
    answers = await asyncio.gather(
        *(admin.send("PATCH", f"{TENANTS}/acme", {"name": f"n{n}"}, If_Match='"1"') for n in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7
    assert {answer.error["code"] for answer in answers if answer.status == 412} == {"stale_revision"}
    assert (await admin.done("GET", f"{TENANTS}/acme"))["revision"] == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "line 1, column"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'{"id": "a", "id": "b"}', "'id' stands twice"),
        (b'{"id": "\xff"}', "JSON object"),
        (b'{"a":' * 2000, "JSON object"),
    ],
    ids=str,
)
async def test_what_is_no_json_object_is_refused(admin: Listener, body: bytes, told: str) -> None:
    answer = await admin.send("POST", TENANTS, body)
    assert (answer.status, answer.error["code"]) == (400, "invalid_json")
    assert told in answer.error["message"]


async def test_a_body_has_a_bound_also_when_it_is_packed(admin: Listener) -> None:
    large = b'{"id": "gamma", "name": "%s"}' % (b"x" * BODY_LIMIT)
    for body, headers in ((large, {}), (gzip.compress(large, mtime=0), {"Content_Encoding": "gzip"})):
        answer = await admin.send("POST", TENANTS, body, **headers)
        assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    packed = gzip.compress(b'{"id": "gamma"}', mtime=0)
    assert (await admin.send("POST", TENANTS, packed, Content_Encoding="gzip")).status == 201


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b'{"id": "gamma"}', mtime=0)[:-3], "gzip"),
        (gzip.compress(b'{"id": "gamma"}', mtime=0) + b"more", "deflate"),
        (b'{"id": "gamma"}', "rot13"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_refused(admin: Listener, body: bytes, encoding: str) -> None:
    answer = await admin.send("POST", TENANTS, body, Content_Encoding=encoding)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


async def test_a_body_that_does_not_arrive_is_not_waited_for(admin: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_TIMEOUT", 0.01)
    host, port = admin.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {TENANTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n"
    writer.write(head.encode())
    try:
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    finally:
        writer.close()
        await writer.wait_closed()


async def test_answers_are_not_kept_by_anybody_and_have_an_id(admin: Listener) -> None:
    for path, token in ((TENANTS, TOKEN), (f"{TENANTS}/nobody", TOKEN), (TENANTS, "wrong")):
        answer = await admin.send("GET", path, token=token)
        assert answer.headers["cache-control"] == "no-store"
        assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_head_is_get_without_a_body(admin: Listener) -> None:
    got = await admin.send("GET", f"{TENANTS}/acme")
    headed = await admin.send("HEAD", f"{TENANTS}/acme")
    assert (headed.status, headed.text) == (200, "")
    for name in ("etag", "content-length", "content-type"):
        assert headed.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", TENANTS, "GET, HEAD, POST"),
        ("OPTIONS", f"{TENANTS}/acme", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/admin/v1/keys/key_1/revoke", "POST"),
    ],
)
async def test_a_wrong_method_learns_the_right_ones(admin: Listener, method: str, path: str, allowed: str) -> None:
    answer = await admin.send(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/admin/v1", "/admin/v1/", "/admin/v1/nothing", "/admin/v1/tenants/", "/admin/v1/tenants/a/b"]
)
async def test_an_unknown_path_is_said_to_be_unknown(admin: Listener, path: str) -> None:
    answer = await admin.send("GET", path)
    assert (answer.status, answer.error["code"]) == (404, "unknown_url")
    assert (await admin.send("GET", path, token=None)).status == 401  # who is nobody learns nothing


async def test_ids_are_decoded(admin: Listener) -> None:
    assert (await admin.done("GET", f"{TENANTS}/%61cme"))["id"] == "acme"
    for odd in ("a%00b", "%ff", "%0a", "a" * 300, "%ED%A0%80"):
        assert (await admin.send("GET", f"{TENANTS}/{odd}")).status == 404


async def test_a_body_where_none_belongs_is_refused(admin: Listener) -> None:
    assert (await admin.send("POST", "/admin/v1/keys/key_1/revoke", {"now": True})).status == 400
    assert (await admin.send("POST", "/admin/v1/keys/key_1/revoke", b"")).status == 404


async def test_many_warnings_fit_into_a_header(admin: Listener) -> None:
    admin.bureau.models.add("a/b")
    body = {"tenant": "acme", "name": "web", "models": [f"{n}{'é' * 200}" for n in range(100)]}
    answer = await admin.send("POST", "/admin/v1/keys", body)
    assert len(answer.value["warnings"]) == 100
    assert len(answer.headers["x-telnyx-proxy-warnings"]) < 7000


async def test_without_a_store_it_is_said_what_to_set(tmp_path: Path) -> None:
    async with listener(tmp_path, with_api=False) as opened:
        for path in (TENANTS, "/v1/organization/projects"):
            answer = await opened.send("GET", path)
            assert answer.status == 404
            assert "storage.url" in answer.error["message"]
        assert (await opened.send("GET", "/admin/docs", token=None)).status == 200


async def test_no_secret_is_in_a_refusal_or_in_the_log(admin: Listener, caplog: pytest.LogCaptureFixture) -> None:
    canary = "sk-canary-of-these-tests"
    caplog.set_level(logging.DEBUG)
    texts = [
        (await admin.send(method, path, body, token, **headers)).text
        for method, path, body, token, headers in (
            ("GET", TENANTS, None, canary, {}),
            ("POST", "/admin/v1/keys", {"tenant": "acme", "name": canary + " ", "owner": [canary]}, TOKEN, {}),
            ("POST", "/admin/v1/keys/import", {"tenant": "acme", "keys": [{"name": "a", "sha256": canary}]}, TOKEN, {}),
            ("POST", "/admin/v1/credentials", {"tenant": "nobody", "secret": canary}, TOKEN, {}),
            ("POST", "/admin/v1/credentials", {"tenant": "acme", "secret": [canary]}, TOKEN, {}),
            ("POST", TENANTS, b'{"id": "' + canary.encode(), TOKEN, {}),
            ("PATCH", f"{TENANTS}/acme", {"name": "x"}, TOKEN, {"If_Match": canary}),
            ("GET", f"{TENANTS}?limit={canary}", None, TOKEN, {}),
        )
    ]
    assert len(texts) == 8
    assert canary not in "".join(texts)
    assert canary not in caplog.text.replace(f"?limit={canary}", "")
