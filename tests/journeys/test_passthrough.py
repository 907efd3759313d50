"""Telnyx's own AI routes: for tenants that may use them, as they are, and nothing else."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from proxy import codec
from tests.conftest import Build
from tests.world import CREDENTIAL, HELLO, KEY, MODEL, OTHER_KEY, TENANTS, World

PASSING: Any = [
    {**TENANTS[0], "passthrough": ["ai/*", "usage_reports/options"], "models": ["moonshotai/*"]},
    TENANTS[1],
]
BEARER = {"Authorization": f"Bearer {KEY}"}
SOUND = bytes(range(256)) * 400
JOBS = "/telnyx/ai/fine_tuning/jobs"


def call(here: World, method: str, path: str, **options: Any) -> Any:
    """One request with a path as it is spelled."""
    headers = {**BEARER, **options.pop("headers", {})}
    url = URL(here.url(path), encoded=True)
    return here.session.request(method, url, headers=headers, allow_redirects=False, **options)


def asked(here: World) -> list[Any]:
    """What Telnyx was asked, but for the model lists, which the proxy fetches when it likes."""
    return [request for request in here.telnyx.state.requests if not request.path.endswith("/models")]


async def test_request_and_answer_go_on_as_they_are(build: Build) -> None:
    here = await build(tenants=PASSING)
    body = {"model": MODEL, "messages": HELLO, "temperature": 0.5}
    headers = {"Idempotency-Key": "once", "Cookie": "a=b", "X-Other": "c"}
    path = "/telnyx/ai/openai/chat/completions?x=1&y=a%2Fb"
    async with call(here, "POST", path, json=body, headers=headers) as answer:
        value = await answer.json()
        assert (answer.status, value["object"]) == (200, "chat.completion")
        assert answer.headers["x-request-id"].startswith("req_")
    [sent] = asked(here)
    assert (sent.body, sent.query) == (body, "x=1&y=a/b"), "as the emulator reads it"
    assert sent.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert sent.headers["idempotency-key"] == "once"
    assert not {"cookie", "x-other"} & set(sent.headers)
    [line] = here.lines()
    assert (line["endpoint"], line["model"], line["status"]) == ("telnyx", MODEL, 200)
    assert line["input_tokens"] == value["usage"]["prompt_tokens"]
    assert line["cost_usd"] > 0


async def test_errors_are_telnyxs_own(build: Build) -> None:
    here = await build("rate-limited", {"retry_after": 9}, tenants=PASSING)
    async with call(here, "POST", "/telnyx/ai/chat/completions", json={"model": MODEL, "messages": HELLO}) as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "9")
        assert (await answer.json())["errors"][0]["code"] == "10011"
    async with call(here, "DELETE", "/telnyx/ai/nothing/here") as answer:
        assert (answer.status, (await answer.json())["errors"][0]["code"]) == (404, "10005")
    assert [request.method for request in asked(here)] == ["POST", "DELETE"]


async def test_a_credential_that_telnyx_refuses_is_the_operators_matter(build: Build) -> None:
    here = await build("unauthorized", {"where": "all"}, tenants=PASSING)
    async with call(here, "GET", JOBS) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (502, "upstream_auth_failed")


async def test_a_stream_is_handed_on_piece_by_piece(build: Build) -> None:
    here = await build(tenants=PASSING)
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    async with call(here, "POST", "/telnyx/ai/openai/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")
    [line] = here.lines()
    assert (line["stream"], line["stream_end"]) == (True, "complete")


async def test_a_stream_that_tells_its_usage_is_metered(build: Build) -> None:
    here = await build(tenants=PASSING)
    body = {"model": MODEL, "messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    async with call(here, "POST", "/telnyx/ai/openai/chat/completions", json=body) as answer:
        usage = codec.decode((await answer.read()).split(b"data: ")[-2])["usage"]
    [line] = here.lines()
    assert (
        (line["input_tokens"], line["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"]) != (0, 0)
    )


async def test_who_may_not_is_told_which_setting_it_is(build: Build) -> None:
    here = await build(tenants=PASSING)
    for key, path in ((OTHER_KEY, "ai/openai/models"), (KEY, "usage_reports"), (KEY, "balance"), (KEY, "AI/openai")):
        async with call(here, "GET", f"/telnyx/{path}", headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 403
            assert "tenants[].passthrough" in (await answer.json())["error"]["message"]
    async with call(here, "GET", "/telnyx/usage_reports/options?product=inference") as answer:
        assert answer.status == 200
    async with call(here, "GET", JOBS, headers={"Authorization": "Bearer nobody"}) as answer:
        assert answer.status == 401
    assert len(asked(here)) == 1


TWOFOLD = [
        "/telnyx/ai/../balance", "/telnyx/ai/%2e%2e/balance", "/telnyx/ai/..%2fbalance", "/telnyx/ai%2Fclusters",
        "/telnyx//ai/clusters", "/telnyx/ai//clusters", "/telnyx/ai/clusters/", "/telnyx/ai/.", "/telnyx/ai/...",
        "/telnyx/ai/%252e%252e/balance", "/telnyx/ai/a%5c..%5cb", "/telnyx/ai/a%00b", "/telnyx/ai/a%20b",
        "/telnyx/ai/a;b", "/telnyx/ai/%C3%A9", "/telnyx/ai/a%3Fb", "/telnyx/ai/a%23b", "/telnyx/https://evil.example/ai",
        "/telnyx/ai/" + "a" * 1100,
    ]  # fmt: skip


async def test_paths_that_could_be_read_in_two_ways_are_refused(shared: World) -> None:
    for path in TWOFOLD:
        async with call(shared, "GET", path) as answer:
            assert answer.status in {400, 404}, path
    assert asked(shared) == []


@pytest.fixture
async def shared(build: Build) -> World:
    """A world whose tenant may call everything under `ai/`."""
    return await build(tenants=PASSING)


async def test_it_is_not_under_v1_and_not_for_every_method(shared: World) -> None:
    async with call(shared, "GET", "/v1/telnyx/ai/openai/models") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unknown_url")
    for method in ("TRACE", "OPTIONS"):
        async with call(shared, method, JOBS) as answer:
            assert answer.status == 405
            assert CREDENTIAL not in await answer.text()
    async with call(shared, "HEAD", JOBS) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert [request.method for request in asked(shared)] == ["GET"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"model": "zai-org/GLM-5.2"}}, 403),
        ({"data": b'{"model":"zai-org/GLM-5.2"}', "headers": {"Content-Type": "text/plain"}}, 403),
        ({"data": b'{"model":"zai-org/GLM-5.2"}', "headers": {"Content-Type": "Application/JSON; a=b"}}, 403),
        ({"json": {"api_key_ref": "another-tenants"}}, 400),
        ({"data": b'{"model":', "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": '{"model":"x"}'.encode("utf-16"), "headers": {"Content-Type": "application/vnd.x+json"}}, 400),
    ],
)
async def test_models_and_foreign_keys_are_what_they_are_elsewhere(shared: World, sent: Any, status: int) -> None:
    async with call(shared, "POST", "/telnyx/ai/openai/chat/completions", **sent) as answer:
        assert answer.status == status
    assert asked(shared) == []


async def test_limits_hold(build: Build) -> None:
    limited = {**PASSING[0], "limits": [{"requests_per_minute": 1}], "budgets": [{"usd": 5, "per": "day"}]}
    here = await build(tenants=[limited])
    statuses = []
    for _ in range(2):
        async with call(here, "GET", JOBS) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 429]


async def test_bytes_of_any_kind_go_both_ways_and_secrets_do_not(build: Build, aiohttp_raw_server: Any) -> None:
    async def telnyx(request: web.BaseRequest) -> web.StreamResponse:
        got = await request.read()
        if request.path.endswith("/echo"):
            said = {"got": request.headers["Authorization"], "type": request.headers["Content-Type"], "size": len(got)}
            return web.json_response(said, status=201, headers={"x-request-id": "telnyx-9", "set-cookie": "a=b"})
        if request.path.endswith("/gone"):
            assert request.rel_url.raw_query_string == "y=a%2Fb&z"
            return web.Response(status=204)
        return web.Response(body=got, content_type="audio/mpeg", headers={"x-secret": "inside"})

    server = await aiohttp_raw_server(telnyx)
    here = await build(tenants=[{**PASSING[0], "models": ["*"]}], upstream={"base_url": str(server.make_url("/v2"))})
    kind = {"Content-Type": "audio/mpeg", "Accept": "audio/*"}
    async with call(here, "PUT", "/telnyx/ai/speech", data=SOUND, headers=kind) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "audio/mpeg", SOUND)
        assert "x-secret" not in answer.headers
    async with call(here, "POST", "/telnyx/ai/echo", data=b"a=b", headers={"Content-Type": "multipart/x"}) as answer:
        assert answer.status == 201
        assert await answer.json() == {"got": "Bearer [redacted]", "type": "multipart/x", "size": 3}
        assert answer.headers["x-telnyx-request-id"] == "telnyx-9"
        assert "set-cookie" not in answer.headers
    async with call(here, "DELETE", "/telnyx/ai/gone?y=a%2Fb&z") as answer:
        assert (answer.status, await answer.read()) == (204, b"")


@pytest.mark.parametrize("kind", ["text/html", "text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("cut", [0, 1, 9, len(CREDENTIAL)])
async def test_a_key_that_telnyx_repeats_is_taken_out_of_every_kind_of_answer(
    build: Build, aiohttp_raw_server: Any, kind: str, cut: int
) -> None:
    async def telnyx(request: web.BaseRequest) -> web.StreamResponse:
        got = request.headers["Authorization"]
        at = len("Bearer ") + cut
        answer = web.StreamResponse(headers={"Content-Type": f"{kind}; got={CREDENTIAL}", "retry-after": CREDENTIAL})
        await answer.prepare(request)
        for piece in ("<pre>", got[:at], got[at:], "</pre>"):
            await answer.write(piece.encode())
            await asyncio.sleep(0)
        return answer

    server = await aiohttp_raw_server(telnyx)
    here = await build(tenants=PASSING, upstream={"base_url": str(server.make_url("/v2"))})
    for method in ("GET", "HEAD"):
        async with call(here, method, "/telnyx/ai/echo") as answer:
            assert (answer.status, await answer.read()) == (
                200,
                b"" if method == "HEAD" else b"<pre>Bearer [redacted]</pre>",
            )
            assert CREDENTIAL not in repr(answer.headers)
            assert answer.headers["content-type"] == f"{kind}; got=[redacted]"


async def test_a_body_that_is_too_large_is_refused_before_telnyx_hears_of_it(build: Build) -> None:
    here = await build(tenants=PASSING, limits={"body": 1024})
    async with call(here, "POST", "/telnyx/ai/x", data=b"x" * 2000, headers={"Content-Type": "audio/wav"}) as answer:
        assert (answer.status, codec.decode(await answer.read())["error"]["code"]) == (413, "request_too_large")
    assert asked(here) == []
