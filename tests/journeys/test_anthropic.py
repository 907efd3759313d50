"""What applications of Anthropic's do with the official client: told another base URL and key, they cannot tell."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message

from tests.conftest import Build
from tests.world import KEY, MODEL, OTHER_KEY, TENANTS, World

WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
HELLO: Any = [{"role": "user", "content": "Hello there"}]
MANNERS = ["default", "crlf+odd-slices", "one-byte", "minimal-answer+minimal-chunks", "no-done"]
Open = Callable[..., AsyncAnthropic]


def posted(here: World) -> list[Any]:
    """What Telnyx was asked to do. The lists of models are fetched when the proxy likes."""
    return [request for request in here.telnyx.state.requests if request.method == "POST"]


@pytest.fixture
async def client() -> AsyncIterator[Open]:
    """Makes official clients for a world."""
    async with AsyncExitStack() as stack:
        made: list[AsyncAnthropic] = []

        def open_client(here: World, **options: Any) -> AsyncAnthropic:
            given = {"api_key": KEY, "max_retries": 0, **options}
            made.append(AsyncAnthropic(base_url=here.proxy.addresses.openai, **given))
            stack.push_async_callback(made[-1].close)
            return made[-1]

        yield open_client


async def ask(official: AsyncAnthropic, *, stream: bool, **fields: Any) -> Message:
    """One message, whole or put together by the client from its stream."""
    wanted: dict[str, Any] = {"model": MODEL, "max_tokens": 300, **fields}
    if not stream:
        message: Message = await official.messages.create(**wanted)
        return message
    async with official.messages.stream(**wanted) as events:
        return await events.get_final_message()


Ask = Callable[..., Awaitable[Message]]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("manner", MANNERS)
async def test_a_conversation_and_tools_with_a_round_trip(
    build: Build, client: Open, manner: str, *, stream: bool
) -> None:
    here = await build(manner)
    official = client(here)
    first = await ask(official, stream=stream, messages=HELLO, system="Be brief.", model="claude-sonnet-5")
    [block] = first.content
    assert (block.type, getattr(block, "text", ""), first.stop_reason) == ("text", "You said: Hello there", "end_turn")
    assert first.usage.input_tokens > 0 < first.usage.output_tokens
    question = {"role": "user", "content": "get_weather, please"}
    asked = await ask(official, stream=stream, messages=[question], tools=[WEATHER])
    call = asked.content[-1]
    assert call.type == "tool_use"
    assert (call.name, asked.stop_reason) == ("get_weather", "tool_use")
    assert isinstance(call.input["city"], str)
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]}
    turns = [question, {"role": "assistant", "content": [call.model_dump()]}, result]
    told = await ask(official, stream=stream, messages=turns, tools=[WEATHER])
    assert [getattr(part, "text", "") for part in told.content] == ["The tool answered: sunny"]
    line = here.lines()[0]
    assert (line["endpoint"], line["status"], line["model"]) == ("messages", 200, MODEL)
    assert (line["input_tokens"], line["output_tokens"]) == (first.usage.input_tokens, first.usage.output_tokens)


async def test_what_is_whole_goes_on_as_it_came_and_tells_its_id(build: Build, client: Open) -> None:
    here = await build(options={"cached_tokens": 2})
    raw = await client(here).messages.with_raw_response.create(
        model="claude-haiku-4-5", max_tokens=50, messages=HELLO, metadata={"user_id": "jane"},
        thinking={"type": "enabled", "budget_tokens": 1024}, extra_headers={"anthropic-beta": "new-2026"},
    )  # fmt: skip
    message = await raw.parse()
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.cache_read_input_tokens == 2
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    assert raw.headers["x-telnyx-proxy-changes"] == (
        "aliased=claude-haiku-4-5>zai-org/GLM-5.3-Flash; dropped=metadata,anthropic-beta"
    )
    [sent] = posted(here)
    assert (sent.path, sent.body["model"]) == ("/v2/ai/anthropic/v1/messages", "zai-org/GLM-5.3-Flash")
    assert "metadata" not in sent.body
    assert not {"x-api-key", "anthropic-version", "anthropic-beta"} & set(sent.headers)
    [line] = here.lines()
    assert line["input_tokens"] == message.usage.input_tokens + 2
    assert len(line["end_user"]) == 16


async def test_a_key_may_come_as_older_clients_send_it(build: Build) -> None:
    here = await build()
    body = {"model": MODEL, "max_tokens": 9, "messages": HELLO}
    options: Any = {"key": None, "path": "/v1/messages"}
    async with here.post(body, headers={"x-api-key": KEY}, **options) as answer:
        assert answer.status == 200
        assert (await answer.json())["type"] == "message"
    async with here.post(body, headers={"x-api-key": f"{KEY}x"}, **options) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (401, "authentication_error")
    async with here.post(body, **options) as answer:
        assert (answer.status, (await answer.json())["type"]) == (401, "error")


async def test_errors_are_anthropics_whatever_is_wrong(build: Build, client: Open) -> None:
    here = await build()
    with pytest.raises(anthropic.AuthenticationError) as stranger:
        await client(here, api_key=f"{KEY}-wrong").messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    assert (stranger.value.type, stranger.value.error_code) == ("authentication_error", "invalid_api_key")
    assert (stranger.value.request_id or "").startswith("req_")
    official = client(here)
    with pytest.raises(anthropic.BadRequestError) as bad:
        await official.messages.create(model=MODEL, max_tokens=0, messages=HELLO)
    assert (bad.value.type, bad.value.error_code) == ("invalid_request_error", "integer_below_min_value")
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await official.messages.create(model="no/such-model", max_tokens=9, messages=HELLO)
    assert (unknown.value.type, unknown.value.error_code) == ("not_found_error", "model_not_found")
    with pytest.raises(anthropic.PermissionDeniedError) as forbidden:
        await client(here, api_key=OTHER_KEY).messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    assert forbidden.value.type == "permission_error"
    with pytest.raises(anthropic.NotFoundError) as unserved:
        await official.messages.batches.list()
    assert unserved.value.error_code == "unsupported_endpoint"
    async with here.session.put(here.url("/v1/messages")) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (405, "invalid_request_error")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
    ],
)
async def test_a_mistake_in_a_block_is_the_clients_and_named(
    build: Build, client: Open, fields: dict[str, Any], path: str
) -> None:
    here = await build()
    official = client(here).messages
    wanted: dict[str, Any] = {"model": MODEL, "messages": HELLO, **fields}
    for asked in (official.create(max_tokens=9, **wanted), official.count_tokens(**wanted)):
        with pytest.raises(anthropic.BadRequestError) as bad:
            await asked
        assert (bad.value.type, bad.value.status_code) == ("invalid_request_error", 400)
        assert f"'{path}'" in str(bad.value)
    assert posted(here) == []


async def test_a_block_that_only_telnyx_can_judge_is_refused_by_it(build: Build, client: Open) -> None:
    here = await build()
    strange: Any = [{"role": "user", "content": [{"type": "zz"}]}]
    with pytest.raises(anthropic.BadRequestError) as bad:
        await client(here).messages.create(model=MODEL, max_tokens=9, messages=strange)
    assert bad.value.type == "invalid_request_error"
    assert "messages[0].content[0]" in str(bad.value)
    assert len(posted(here)) == 1


REFUSED = [
    ("rate-limited", anthropic.RateLimitError, "rate_limit_error"),
    ("insufficient-funds", anthropic.PaymentRequiredError, "billing_error"),
    ("unauthorized", anthropic.InternalServerError, "api_error"),
    ("anthropic-error", anthropic.ServiceUnavailableError, "overloaded_error"),
    ("model-unavailable", anthropic.ServiceUnavailableError, "overloaded_error"),
    ("gateway-timeout", anthropic.GatewayTimeoutError, "timeout_error"),
]
ERROR_IN_200 = ("errors-in-200", anthropic.InternalServerError, "api_error")
"""Of whole answers only: a stream says 200 first, whatever comes."""


@pytest.mark.parametrize(
    ("stream", "scenario", "kind", "said"),
    [*((stream, *row) for stream in (False, True) for row in REFUSED), (False, *ERROR_IN_200)],
)
async def test_what_telnyx_refuses_is_told_in_anthropics_words(
    build: Build, client: Open, scenario: str, kind: type[anthropic.APIStatusError], said: str, *, stream: bool
) -> None:
    here = await build(scenario)
    with pytest.raises(kind) as caught:
        await ask(client(here), stream=stream, messages=HELLO)
    assert caught.value.type == said
    assert "KEY" not in str(caught.value)


@pytest.mark.parametrize(
    ("scenario", "end"),
    [
        ("cut-mid-stream", "truncated"),
        ("reset-mid-stream", "upstream_reset"),
        ("error-mid-stream-anthropic", "upstream_error"),
        ("error-mid-stream-telnyx", "upstream_error"),
        ("non-json-event", "malformed"),
    ],
)
async def test_a_stream_that_breaks_never_looks_complete(build: Build, client: Open, scenario: str, end: str) -> None:
    here = await build(scenario, {"after": 4})
    with pytest.raises(anthropic.APIStatusError) as caught:
        await ask(client(here), stream=True, messages=HELLO)
    assert caught.value.status_code == 200
    assert caught.value.type in {"api_error", "overloaded_error"}
    [line] = here.lines()
    assert line["stream_end"] == end


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_usage_that_telnyx_does_not_report_is_estimated(build: Build, client: Open, *, stream: bool) -> None:
    here = await build("usage-missing")
    message = await ask(client(here), stream=stream, messages=HELLO)
    assert message.usage.input_tokens > 0 < message.usage.output_tokens
    assert here.lines()[0]["tokens_source"] == "estimated"


async def test_tokens_are_counted_beforehand_by_estimate(build: Build, client: Open) -> None:
    here = await build()
    counted = client(here).messages.with_raw_response.count_tokens
    raw = await counted(model="claude-opus-5", messages=HELLO, system="Be brief.", tools=[WEATHER])
    assert (await raw.parse()).input_tokens > 20
    assert raw.headers["x-telnyx-proxy-changes"] == f"aliased=claude-opus-5>{MODEL}; estimated=input_tokens"
    assert posted(here) == []
    with pytest.raises(anthropic.BadRequestError):
        await counted(model=MODEL, messages=[])
    with pytest.raises(anthropic.PermissionDeniedError):
        await client(here, api_key=OTHER_KEY).messages.count_tokens(model=MODEL, messages=HELLO)


async def test_limits_budgets_and_the_key_hold_here_too(build: Build, client: Open) -> None:
    narrow = {"name": "chat", "secret": {"value": "sk-for-chat-alone-000001"}, "endpoints": ["chat.completions"]}
    limited = {**TENANTS[0], "limits": [{"requests_per_minute": 1}], "keys": [*TENANTS[0]["keys"], narrow]}
    here = await build(tenants=[limited])
    official = client(here)
    raw = await official.messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=HELLO)
    assert raw.headers["x-ratelimit-limit-requests"] == "1"
    with pytest.raises(anthropic.RateLimitError) as caught:
        await official.messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    assert caught.value.type == "rate_limit_error"
    assert int(caught.value.response.headers["retry-after"]) >= 1
    with pytest.raises(anthropic.PermissionDeniedError):
        await client(here, api_key="sk-for-chat-alone-000001").messages.create(
            model=MODEL, max_tokens=9, messages=HELLO
        )


async def test_nothing_is_repaired_that_was_seen_at_chats_only(build: Build, client: Open) -> None:
    """The cap belongs to a Messages request: without it there is none."""
    here = await build("cap-with-tools-refused")
    with pytest.raises(anthropic.BadRequestError):
        await client(here).messages.create(model=MODEL, max_tokens=9, messages=HELLO, tools=[WEATHER])
    assert len(posted(here)) == 1


async def test_thinking_that_only_we_ruled_out_is_left_out_where_it_is_refused(build: Build, client: Open) -> None:
    quiet = {**TENANTS[0], "defaults": {"enable_thinking": False}}
    here = await build("enable-thinking-refused", tenants=[quiet, *TENANTS[1:]])
    official = client(here)
    for repaired in (True, False):
        raw = await official.messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=HELLO)
        assert (await raw.parse()).content
        assert "repaired=thinking" in raw.headers["x-telnyx-proxy-changes"]
        assert here.lines()[-1].get("repairs", []) == (["thinking"] if repaired else [])
    assert ["thinking" in request.body for request in posted(here)] == [True, False, False], "and it is remembered"
    with pytest.raises(anthropic.BadRequestError, match="thinking"):
        await official.messages.create(
            model=MODEL, max_tokens=2000, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024}
        )
