"""The older completions with the official client, through proxy and emulated Telnyx."""

import asyncio
from collections import defaultdict
from typing import Any

import openai
import pytest

from proxy.translation.completions import CONTINUE
from tests.conftest import Build
from tests.world import KEY, MODEL, World

INSTRUCT = "gpt-3.5-turbo-instruct"


@pytest.fixture
async def around(build: Build) -> World:
    return await build()


async def line_of(around: World) -> dict[str, Any]:
    """The log line of the only request. It is written when the last byte has been, which the client may see before."""
    async with asyncio.timeout(10):
        while not (lines := around.lines()):  # noqa: ASYNC110 - a file tells nobody when it grows
            await asyncio.sleep(0.01)
    (line,) = lines
    return line


async def test_a_text_is_continued(around: World) -> None:
    client = await around.openai()
    raw = await client.completions.with_raw_response.create(model=INSTRUCT, prompt="Once upon", echo=True)
    made = raw.parse()
    assert (made.object, made.id[:5], made.model) == ("text_completion", "cmpl-", MODEL)
    assert made.choices[0].text == "Once uponYou said: Once upon"
    assert "emulated=prompt,echo" in raw.headers["x-telnyx-proxy-changes"]
    (sent,) = around.sent()
    assert [message["content"] for message in sent["messages"]] == [CONTINUE, "Once upon"]
    assert (sent["max_tokens"], sent["enable_thinking"]) == (16, False)


async def test_several_texts_are_continued_in_their_order(around: World) -> None:
    client = await around.openai()
    prompts = ["one", "two", "three", "four", "five", "six"]
    made = await client.completions.create(model=INSTRUCT, prompt=prompts, n=2, max_tokens=50, user="u")
    assert [choice.index for choice in made.choices] == list(range(12))
    assert [choice.text for choice in made.choices[::2]] == [f"You said: {prompt}" for prompt in prompts]
    assert len(around.sent()) == len(prompts)
    (line,) = around.lines()
    assert made.usage is not None
    figures = (line["endpoint"], line["input_tokens"], line["output_tokens"])
    assert figures == ("completions", made.usage.prompt_tokens, made.usage.completion_tokens)


async def test_a_stream_of_one_text(around: World) -> None:
    client = await around.openai()
    options = {"include_usage": True}
    stream = await client.completions.create(
        model=INSTRUCT, prompt="Hi", stream=True, echo=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "HiYou said: Hi"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert around.sent()[0]["stream_options"] == options


async def test_a_stream_of_several_texts(around: World) -> None:
    client = await around.openai()
    prompts = ["one", "two", "three", "four", "five", "six"]
    texts: dict[int, str] = defaultdict(str)
    ends: list[tuple[int, str | None]] = []
    stream = await client.completions.create(model=INSTRUCT, prompt=prompts, stream=True, max_tokens=50)
    async for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            ends.append((choice.index, choice.finish_reason))
    assert dict(texts) == {index: f"You said: {prompt}" for index, prompt in enumerate(prompts)}
    assert sorted(index for index, reason in ends if reason is not None) == list(range(6))
    line = await line_of(around)
    assert (line["stream_end"], line["output_tokens"]) == ("complete", 18)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_by_telnyx_is_one_whatever_was_asked_for(around: World, *, stream: bool) -> None:
    around.telnyx.state.choose("rate-limited")
    body = {"model": INSTRUCT, "prompt": ["a", "b"], "stream": stream}
    async with around.post(body, path="/v1/completions") as answer:
        assert (answer.status, "retry-after" in answer.headers) == (429, True)
    assert around.lines()[0]["status"] == 429


async def test_a_stream_that_breaks_ends_with_one_error(around: World) -> None:
    around.telnyx.state.choose("cut-mid-stream", {"after": 2})
    body = {"model": INSTRUCT, "prompt": ["a", "b", "c", "d", "e"], "stream": True}
    async with around.post(body, path="/v1/completions") as answer:
        text = await answer.text()
    assert text.count('"error"') == 1
    assert "[DONE]" not in text
    assert (await line_of(around))["stream_end"] == "truncated"


async def test_errors_name_the_fields_of_this_endpoint(around: World) -> None:
    client = await around.openai()
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.completions.create(model=INSTRUCT, prompt=[1, 2])
    assert refusal.value.param == "prompt"
    around.telnyx.state.choose("context-length")
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.completions.create(model=INSTRUCT, prompt="Hi")
    assert (refusal.value.param, refusal.value.code) == ("prompt", "context_length_exceeded")


async def test_a_missing_usage_is_estimated_and_told(around: World) -> None:
    around.telnyx.state.choose("usage-missing")
    async with around.post({"model": INSTRUCT, "prompt": ["a", "b"]}, path="/completions", key=KEY) as answer:
        assert "estimated=usage" in answer.headers["x-telnyx-proxy-changes"]
