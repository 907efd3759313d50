"""Errors as client libraries expect them, whatever went wrong and wherever."""

import asyncio
from typing import Any

import openai
import pytest

from tests.conftest import Build
from tests.world import CREDENTIAL, HELLO, KEY, MODEL, OTHER_KEY, World

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}

# scenario of Telnyx -> (status, type, code, x-should-retry, has retry-after)
UPSTREAM = {
    "rate-limited": (429, "rate_limit_error", "rate_limit_exceeded", None, True),
    "rate-limited-bare": (429, "rate_limit_error", "rate_limit_exceeded", None, True),
    "rate-limited-long": (429, "rate_limit_error", "rate_limit_exceeded", None, True),
    "unauthorized": (502, "server_error", "upstream_auth_failed", "false", False),
    "forbidden": (502, "server_error", "upstream_auth_failed", "false", False),
    "spend-limit": (429, "insufficient_quota", "insufficient_quota", "false", False),
    "payment-required": (429, "insufficient_quota", "insufficient_quota", "false", False),
    "insufficient-funds": (429, "insufficient_quota", "insufficient_quota", "false", False),
    "model-not-found": (404, "invalid_request_error", "model_not_found", None, False),
    "not-found-html": (502, "server_error", "upstream_error", None, False),
    "model-unavailable": (503, "server_error", "upstream_unavailable", None, True),
    "server-error-html": (502, "server_error", "upstream_error", None, False),
    "server-error-empty": (502, "server_error", "upstream_error", None, False),
    "unavailable": (503, "server_error", "upstream_unavailable", None, True),
    "gateway-timeout": (504, "server_error", "upstream_timeout", None, False),
    "redirect": (502, "server_error", "upstream_error", None, False),
    "context-length": (400, "invalid_request_error", "context_length_exceeded", None, False),
    "error-in-200": (502, None, None, None, False),
    "html-200": (502, "server_error", "upstream_error", None, False),
    "empty-200": (502, "server_error", "upstream_error", None, False),
    "truncated-json-200": (502, "server_error", "upstream_error", None, False),
    "deep-json": (502, "server_error", "upstream_error", None, False),
    "reset-before-answer": (502, "server_error", "upstream_error", None, False),
    "cut-mid-body": (502, "server_error", "upstream_error", None, False),
}


async def ask(here: World, body: Any = None, **options: Any) -> tuple[int, dict[str, Any], Any]:
    """Status, the error object and the headers of an answer; every non-2xx has OpenAI's envelope and a request id."""
    async with here.post(CHAT if body is None else body, **options) as answer:
        value = await answer.json()
        assert answer.headers["x-request-id"].startswith("req_")
        assert set(value) == {"error"}
        assert set(value["error"]) == {"message", "type", "param", "code"}
        assert value["error"]["message"]
        return answer.status, value["error"], answer.headers


@pytest.mark.parametrize("scenario", UPSTREAM)
async def test_what_telnyx_says_becomes_the_error_a_client_expects(build: Build, scenario: str) -> None:
    status, kind, code, should_retry, waits = UPSTREAM[scenario]
    here = await build(scenario)
    got, error, headers = await ask(here)
    assert got == status
    assert kind is None or error["type"] == kind
    assert code is None or error["code"] == code
    assert headers.get("x-should-retry") == should_retry
    assert ("retry-after" in headers) == waits
    if waits:
        assert 1 <= int(headers["retry-after"]) <= 60
        assert 1000 <= int(headers["retry-after-ms"]) <= 60_000
    assert CREDENTIAL not in str(error)
    assert await here.metric("telnyx_proxy_upstream_errors_total") == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"])
async def test_an_error_sent_as_a_success_has_a_status_where_a_stream_was_asked_for(
    build: Build, path: str, subtests: pytest.Subtests
) -> None:
    here = await build()
    words = {"messages": HELLO, "max_tokens": 9} if "messages" in path else {"messages": HELLO}
    asked = {"/v1/completions": {"prompt": "Hello"}, "/v1/responses": {"input": "Hello"}}.get(path, words)
    for scenario in ("error-in-200", "errors-in-200", "html-200", "empty-200", "truncated-json-200"):
        here.telnyx.state.choose(scenario)
        with subtests.test(scenario):
            messages = []
            for stream in (False, True):
                async with here.post({"model": MODEL, **asked, "stream": stream}, path=path) as answer:
                    assert (answer.status, answer.content_type) == (502, "application/json")
                    messages.append((await answer.json())["error"]["message"])
            assert messages[0] == messages[1]


async def test_our_bad_credential_is_not_the_clients_fault(build: Build) -> None:
    here = await build("unauthorized")
    client = await here.openai(max_retries=2)
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(**CHAT)
    assert caught.value.code == "upstream_auth_failed"
    assert len(here.sent()) == 1, "x-should-retry: false keeps the client from trying again"
    assert caught.value.request_id is not None


async def test_the_client_retries_what_may_pass(build: Build) -> None:
    here = await build("flaky")
    client = await here.openai(max_retries=1)
    completion = await client.chat.completions.create(**CHAT)
    assert completion.choices[0].message.content == "You said: Hello there"
    assert [line.get("retry_count", 0) for line in here.lines()] == [0, 1]


async def test_a_422_becomes_a_bad_request_with_param(build: Build) -> None:
    here = await build("strict-schema")
    client = await here.openai()
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(**CHAT, extra_body={"guided_regex": "a+"})
    assert caught.value.param == "guided_regex"
    assert caught.value.code == "unknown_parameter"


async def test_an_unknown_model_names_the_nearest(build: Build) -> None:
    here = await build()
    async with here.session.get(here.url("/v1/models"), headers={"Authorization": f"Bearer {KEY}"}) as answer:
        assert answer.status == 200
    status, error, _ = await ask(here, {**CHAT, "model": "moonshotai/Kimi-K2.7"})
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "moonshotai/Kimi-K2.6" in error["message"]


async def test_a_model_of_another_kind_is_no_suggestion_for_itself(build: Build) -> None:
    here = await build(models={"aliases": {"text-embedding-3-small": "thenlper/gte-large"}})
    async with here.session.get(here.url("/v1/models"), headers={"Authorization": f"Bearer {KEY}"}) as answer:
        assert answer.status == 200
    for name in ("thenlper/gte-large", "gte-large", "text-embedding-3-small"):
        status, error, _ = await ask(here, {**CHAT, "model": name})
        assert (status, error["code"]) == (404, "model_not_found")
        assert "not for this endpoint" in error["message"]
        suggested = error["message"].partition("Did you mean")[2]
        assert "gte" not in suggested
        assert "embedding" not in suggested


BAD_BODIES: dict[str, tuple[Any, int, str, str | None]] = {
    "not json": (b'{"model": "x", "messages": [', 400, "invalid_json", None),
    "empty": (b"", 400, "invalid_json", None),
    "not an object": (b"[1, 2]", 400, "invalid_json", None),
    "not utf-8": (b'{"model": "\xff"}', 400, "invalid_json", None),
    "duplicate": (b'{"model": "a", "model": "b", "messages": []}', 400, "duplicate_parameter", "model"),
    "no messages": ({"model": MODEL}, 400, "missing_required_parameter", "messages"),
    "no model": ({"messages": HELLO}, 400, "missing_required_parameter", "model"),
    "model a number": ({"model": 7, "messages": HELLO}, 400, "invalid_type", "model"),
    "temperature hot": ({**CHAT, "temperature": "hot"}, 400, "invalid_type", "temperature"),
    "bad role": ({**CHAT, "messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
    "api_key_ref": ({**CHAT, "api_key_ref": "not-mine"}, 400, "unsupported_parameter", "api_key_ref"),
    "deep": (b'{"model": "x", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "invalid_json", None),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_bad_input_is_a_4xx_that_says_what_and_where(build: Build, name: str) -> None:
    body, status, code, param = BAD_BODIES[name]
    here = await build()
    got, error, _ = await ask(here, body)
    assert (got, error["code"], error["param"]) == (status, code, param)
    assert here.sent() == []


async def test_bad_json_names_the_position(build: Build) -> None:
    here = await build()
    _, error, _ = await ask(here, b'{"model": "x",\n "messages": nope}')
    assert "line 2 column 14" in error["message"]


async def test_a_body_beyond_the_limit_is_413_announced_or_not(build: Build) -> None:
    here = await build(limits={"body": "1KiB"})
    big = b'{"model": "' + b"x" * 2000 + b'"}'
    assert (await ask(here, big))[0] == 413

    async def pieces() -> Any:
        yield big

    headers = {"Authorization": f"Bearer {KEY}"}
    async with here.session.post(here.url("/v1/chat/completions"), data=pieces(), headers=headers) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "request_too_large"


PATHS = {
    ("GET", "/v1/nothing"): (404, "unknown_url"),
    ("GET", "/"): (404, "unknown_url"),
    ("GET", "/v1/chat/completions"): (405, "method_not_allowed"),
    ("POST", "/v1/models"): (405, "method_not_allowed"),
    ("POST", "/v1/images/generations"): (404, "unsupported_endpoint"),
    ("POST", "/v1/moderations"): (404, "unsupported_endpoint"),
    ("GET", "/assistants"): (404, "unsupported_endpoint"),
    ("GET", "/v1/fine_tuning/jobs/ft-1/events"): (404, "unsupported_endpoint"),
}


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_paths_that_are_not_served_say_so(build: Build, method: str, path: str) -> None:
    here = await build()
    async with here.session.request(method, here.url(path), headers={"Authorization": f"Bearer {KEY}"}) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == PATHS[method, path]
    if answer.status == 405:
        assert answer.headers["allow"]


async def test_the_log_tells_which_path_nobody_serves(build: Build) -> None:
    here = await build()
    for method, path in (("GET", "/v1/nothing?key=secret"), ("GET", "/v1/chat/completions"), ("POST", "/v1/models/x")):
        async with here.session.request(method, here.url(path)):
            pass
    lines = here.lines()
    assert [line["endpoint"] for line in lines] == ["unknown", "chat.completions", "models.retrieve"]
    assert (lines[0]["path"], lines[0]["method"]) == ("/v1/nothing", "GET")
    assert "path" not in lines[1]


KEYS = ["", "Bearer", "Bearer ", "Basic abc", "Bearer sk-wrong-key-of-somebody-else", f"Bearer {KEY}x", f"Token {KEY}"]


@pytest.mark.parametrize("authorization", KEYS)
async def test_without_a_known_key_nothing_is_served_and_no_key_is_echoed(build: Build, authorization: str) -> None:
    here = await build()
    status, error, headers = await ask(here, key=None, headers={"Authorization": authorization})
    assert (status, error["code"]) == (401, "invalid_api_key")
    assert "sk-wrong" not in error["message"]
    assert KEY not in error["message"]
    assert "x-should-retry" not in headers
    assert here.sent() == []


async def test_a_model_outside_the_allow_list_is_403(build: Build) -> None:
    here = await build()
    client = await here.openai(OTHER_KEY)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await client.chat.completions.create(**CHAT)
    assert caught.value.code == "model_not_allowed"
    assert here.sent() == []


async def test_bytes_that_are_not_http_get_the_envelope(build: Build) -> None:
    here = await build()
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"x-request-id: req_" in answer.lower()
    assert b'"invalid_http"' in answer


async def test_telnyx_out_of_reach_is_503_and_first_byte_timeout_504(build: Build) -> None:
    here = await build(upstream={"base_url": "http://127.0.0.1:9/v2"})
    status, error, _ = await ask(here)
    assert (status, error["code"]) == (503, "upstream_unavailable")


async def test_the_first_byte_timeout_is_504(build: Build) -> None:
    here = await build("slow-headers", upstream={"timeouts": {"first_byte": 0.1}})
    status, error, _ = await ask(here)
    assert (status, error["code"]) == (504, "upstream_timeout")
    assert "first_byte" in error["message"]


async def test_a_whole_answer_that_stalls_is_504(build: Build) -> None:
    here = await build("stall-mid-body", upstream={"timeouts": {"between_chunks": 0.1}})
    assert (await ask(here))[0] == 504
