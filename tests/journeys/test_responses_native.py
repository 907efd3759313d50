"""The Responses API over Telnyx's own, with the official client: what holds over chat holds there, too."""

from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tests.conftest import Build
from tests.journeys.test_responses import TENANTS, WEATHER, keeping, round_trip
from tests.world import MODEL, World

NATIVE: Any = {"profiles": {"*": {"responses": "native"}}}
PATH = "/v2/ai/openai/responses"


async def native(build: Build, folder: Path, scenario: str = "default", options: Any = None) -> World:
    """A proxy that asks Telnyx's own Responses API; the first tenant may search a bucket."""
    tenants = [{**TENANTS[0], "buckets": ["papers"]}, TENANTS[1]]
    return await keeping(build, folder, scenario, options, models=NATIVE, tenants=tenants)


async def events_of(client: Any, **asked: Any) -> list[Any]:
    return [event async for event in await client.responses.create(**{"model": MODEL, "stream": True, **asked})]


class City(BaseModel):
    name: str
    people: int


async def test_whole_and_gone_on_from(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    first = await client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.", temperature=0.5)
    assert (first.status, first.output_text, first.instructions) == ("completed", "You said: Hello there", "Be brief.")
    assert [item.type for item in first.output] == ["reasoning", "message"]
    assert first.usage is not None
    assert first.usage.output_tokens_details.reasoning_tokens > 0
    assert here.sent()[-1]["instructions"] == "Be brief."
    again = await client.responses.retrieve(first.id)
    assert again.to_dict() == first.to_dict()
    second = await client.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)
    assert second.output_text == "You said: And now?"
    sent = here.sent()[-1]
    assert [item["type"] for item in sent["input"]] == ["message", "reasoning", "message", "message"]
    assert not {"previous_response_id", "instructions", "store"} & sent.keys(), "Telnyx keeps nothing for us"
    assert {request.path for request in here.telnyx.state.requests if request.method == "POST"} == {PATH}


ODD = (
    "default", "responses-done", "responses-no-parts", "responses-unnamed", "responses-untyped", "odd-slices",
    "responses-empty-end", "responses-sample", "responses-minimal", "responses-other-names", "responses-summaries",
    "usage-missing", "responses-unannounced", "crlf", "ping-event",
)  # fmt: skip
"""Scenarios in which a whole answer comes, in one form or another."""


async def test_streams_are_told_whatever_is_odd_about_them(
    build: Build, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """The library adds up the events by itself: what it makes of them is what the last one says, and what is kept."""
    here = await native(build, tmp_path)
    client = await here.openai()
    for scenario in ODD:
        here.telnyx.state.choose(scenario)
        with subtests.test(scenario):
            await _told(client, pieces=scenario != "responses-unannounced")


async def _told(client: AsyncOpenAI, *, pieces: bool) -> None:
    async with client.responses.stream(model=MODEL, input="Hello there") as stream:
        events: list[Any] = [event async for event in stream]
        final: Any = await stream.get_final_response()
    for kind in ("output_text", "reasoning_summary_text") if pieces else ():
        told = [event.delta for event in events if event.type == f"response.{kind}.delta"]
        assert "".join(told) == said(final)[kind]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (final.status, final.output_text, final.model) == ("completed", "You said: Hello there", MODEL)
    assert [(item.type, getattr(item, "status", "")) for item in final.output] == [
        ("reasoning", "completed"), ("message", "completed")
    ]  # fmt: skip
    assert len({item.id for item in final.output}) == 2
    assert final.usage is not None
    assert final.usage.output_tokens > 0
    assert (await client.responses.retrieve(final.id)).output_text == final.output_text
    whole = await client.responses.create(model=MODEL, input="Hello there")
    assert shape(whole) == shape(final)


def said(response: Response) -> dict[str, str]:
    """Kind of text -> the text."""
    [thought] = [item for item in response.output if item.type == "reasoning"]
    [summary] = thought.summary
    return {"output_text": "You said: Hello there", "reasoning_summary_text": summary.text}


def shape(response: Response) -> list[dict[str, Any]]:
    """The items but for their names."""
    items: list[dict[str, Any]] = [item.to_dict() for item in response.output]
    for item in items:
        del item["id"]
        for part in item.get("content", ()):
            part.pop("parsed", None)  # the library's own
    return items


async def test_tools_make_a_round_trip(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path, "responses-sample+responses-no-parts")
    client = await here.openai()
    first = await client.responses.create(model=MODEL, input="What is the weather in Paris?", tools=[WEATHER])
    second = await round_trip(client, first, previous_response_id=first.id)
    assert second.output_text == "The tool answered: 22 degrees"
    sent = here.sent()[-1]
    assert [item["type"] for item in sent["input"]] == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent["tools"][0]["name"] == "get_weather"
    async with client.responses.stream(
        model=MODEL, input="What is the weather in Paris?", tools=[WEATHER], store=False
    ) as stream:
        done = [event async for event in stream if event.type == "response.function_call_arguments.done"]
        final = await stream.get_final_response()
    call = next(item for item in final.output if item.type == "function_call")
    assert [event.arguments for event in done] == [call.arguments]
    assert (await round_trip(client, final, input=[*final.output, output_of(call)])).output_text == (
        "The tool answered: 9 degrees"
    )


def output_of(call: Any) -> Any:
    return {"type": "function_call_output", "call_id": call.call_id, "output": "9 degrees"}


async def test_custom_tools_and_namespaces_come_back_as_they_were_declared(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    tools: Any = [
        {"type": "custom", "name": "shell", "description": "Runs a command."},
        {"type": "file_search", "vector_store_ids": ["papers"]},
        {"type": "namespace", "name": "city", "description": "Cities.", "tools": [WEATHER]},
    ]
    asked: Any = {"model": MODEL, "input": "both, please", "tools": tools}
    final = await client.responses.create(**asked)
    streamed = (await events_of(client, **asked))[-1].response
    for response in (final, streamed):
        kinds = [item.type for item in response.output if item.type != "reasoning"]
        assert kinds == ["custom_tool_call", "function_call"]
        assert response.output[-1].to_dict()["namespace"] == "city"
    custom, call = final.output[-2:]
    outputs: Any = [
        {"type": "custom_tool_call_output", "call_id": custom.to_dict()["call_id"], "output": "done"}, output_of(call)
    ]  # fmt: skip
    answer = await client.responses.create(model=MODEL, tools=tools, input=outputs, previous_response_id=final.id)
    assert answer.output_text == "The tool answered: done 9 degrees"
    found = await client.responses.create(model=MODEL, tools=tools, input="Look", tool_choice="none")
    assert found.output_text == "You said: Look [looked up in papers]"


async def test_structured_output_is_parsed(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    parsed = await client.responses.parse(model=MODEL, input="A city, please", text_format=City)
    assert isinstance(parsed.output_parsed, City)
    async with client.responses.stream(model=MODEL, input="A city, please", text_format=City) as stream:
        assert isinstance((await stream.get_final_response()).output_parsed, City)


async def test_reasoning_is_sealed_here_and_opened_for_telnyx(build: Build, tmp_path: Path) -> None:
    """What Telnyx sealed itself is of no use: nobody is asked to open it."""
    here = await native(build, tmp_path)
    client = await here.openai()
    asked: Any = {"model": MODEL, "store": False, "include": ["reasoning.encrypted_content"]}
    first = await client.responses.create(input="Hello there", **asked)
    [thought] = [item for item in first.output if item.type == "reasoning"]
    assert thought.encrypted_content
    assert thought.encrypted_content.startswith("tpr1_")
    sealed: Any = {"type": "reasoning", "id": thought.id, "summary": [], "encrypted_content": thought.encrypted_content}
    await client.responses.create(input=[sealed, {"role": "user", "content": "And?"}], **asked)
    assert here.sent()[-1]["input"][0]["content"][0]["text"] == thought.summary[0].text


async def test_probabilities_and_a_cap(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    asked: Any = {"model": "meta-llama/Llama-3.3-70B-Instruct", "input": "Hello there"}
    probable: Any = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    whole: Any = await client.responses.create(**asked, **probable)
    streamed = (await events_of(client, **asked, **probable))[-1].response
    assert shape(whole) == shape(streamed)
    assert [each.token for each in whole.output[0].content[0].logprobs] == ["You", " said:", " Hello", " there"]
    cut = await client.responses.create(**asked, max_output_tokens=2)
    assert (cut.status, cut.output_text) == ("incomplete", "You said:")
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"
    last = (await events_of(client, **asked, max_output_tokens=2))[-1]
    assert (last.type, shape(last.response)) == ("response.incomplete", shape(cut))


BROKEN = {
    "cut-mid-stream": "truncated",
    "reset-mid-stream": "upstream_reset",
    "responses-no-end": "truncated",
    "responses-no-end+responses-done": "truncated",
    "responses-error-event": "upstream_error",
    "responses-failed-event": "upstream_error",
    "error-mid-stream": "upstream_error",
    "error-mid-stream-telnyx": "upstream_error",
    "non-json-event": "malformed",
}
"""Scenario -> how its stream ends."""


async def test_a_stream_that_breaks_has_failed_and_is_kept_as_that(
    build: Build, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    for scenario, end in BROKEN.items():
        here.telnyx.state.choose(scenario)
        with subtests.test(scenario):
            events = await events_of(client, input="Hello there")
            last = events[-1]
            assert (last.type, [event.type for event in events].count("response.failed")) == ("response.failed", 1)
            assert last.response.error is not None
            ends = [line["stream_end"] for line in here.lines() if line["endpoint"] == "responses"]
            assert ends[-1] == end
            kept = await client.responses.retrieve(last.response.id)
            assert (kept.status, kept.error) == ("failed", last.response.error)
            assert ("The model stopped." in last.response.error.message) == (end == "upstream_error")


ERRORS = {
    "rate-limited": (openai.RateLimitError, "rate limit"),
    "server-error": (openai.InternalServerError, "An unexpected error"),
    "response-failed-200": (openai.InternalServerError, "The model stopped."),
    "error-in-200": (openai.InternalServerError, "The provider gave up."),
    "empty-200": (openai.InternalServerError, "not JSON"),
    "truncated-json-200": (openai.InternalServerError, "not JSON"),
    "no-choices-200": (openai.InternalServerError, "without any output"),
    "responses-tools-refused": (openai.BadRequestError, "tools"),
    "responses-format-refused": (openai.BadRequestError, "format"),
    "responses-missing": (openai.NotFoundError, "responses: bridge"),
    "not-found-html": (openai.NotFoundError, "responses: bridge"),
}


async def test_errors_are_told_in_the_clients_terms(build: Build, tmp_path: Path, subtests: pytest.Subtests) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    asked: dict[str, Any] = {"model": MODEL, "input": "Hello JSON", "text": {"format": {"type": "json_object"}}}
    for scenario, (fault, words) in ERRORS.items():
        here.telnyx.state.choose(scenario)
        more = {**asked, "tools": [WEATHER]} if "tools" in scenario else asked
        for stream in (False, True):
            with subtests.test(scenario, stream=stream), pytest.raises(fault, match=words):
                await client.responses.create(**more, stream=stream)


async def test_a_model_that_is_not_there_is_no_missing_route(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path)
    client = await here.openai()
    with pytest.raises(openai.NotFoundError) as caught:
        await client.responses.create(model="moonshotai/Kimi-K9", input="x")
    assert caught.value.code == "model_not_found"


async def test_in_the_background_and_cancelled_while_it_is_told(build: Build, tmp_path: Path) -> None:
    here = await native(build, tmp_path, "stall-mid-stream", {"after": 12})
    client = await here.openai()
    asked: Any = {"model": MODEL, "input": "Hello there", "background": True, "stream": True}
    stream = aiter(await client.responses.create(**asked))
    first: Any = await anext(stream)
    assert (first.type, first.response.status) == ("response.created", "queued")
    await client.responses.cancel(first.response.id)
    *_, last = [event async for event in stream]
    assert last.response.status == "cancelled"
    assert (await client.responses.retrieve(first.response.id)).status == "cancelled"
