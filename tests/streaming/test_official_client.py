"""What we send, read by the official client itself: over a socket, by its own parser, and by its own types."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openai import APIError, AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.errors import ProxyError
from tests.streaming import transcripts
from tests.streaming.transcripts import Transcript

COMPLETE = [transcript for transcript in transcripts.ALL if transcript.about["ended"] == "complete"]
BROKEN = [transcript for transcript in transcripts.ALL if transcript.about["ended"] != "complete"]
FOR_TYPES = [transcript for transcript in COMPLETE if not transcript.about.get("expects", {}).get("custom_tools")]
"""The client's types know no call of a custom tool in a stream, not even OpenAI's own."""


@asynccontextmanager
async def client_of(transcript: Transcript, size: int) -> AsyncIterator[AsyncOpenAI]:
    """The official client, in front of a server that sends what a ChatStream makes of the transcript."""

    async def chat(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        stream, upstream = transcript.stream(), transcript.upstream
        for at in range(0, len(upstream), size):
            await response.write(stream.feed(upstream[at : at + size]))
        await response.write(stream.finish())
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    async with (
        TestServer(app) as server,
        AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key="sk-test", max_retries=0) as client,
    ):
        yield client


async def asked(transcript: Transcript, size: int = 100) -> ChatCompletion:
    """The answer as the client's own `stream()` helper adds it up.

    The snapshot, because the helper's final completion is an exception for an answer that was cut off.
    """
    async with (
        client_of(transcript, size) as client,
        client.chat.completions.stream(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}]) as stream,
    ):
        async for _ in stream:
            pass
        return stream.current_completion_snapshot


@pytest.mark.parametrize("transcript", FOR_TYPES, ids=lambda transcript: transcript.name)
def test_every_chunk_is_of_the_official_type(transcript: Transcript) -> None:
    received = transcripts.chunks(transcript.client)
    assert received
    for chunk in received:
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


@pytest.mark.parametrize("transcript", FOR_TYPES, ids=lambda transcript: transcript.name)
async def test_the_stream_helper_adds_up_every_complete_stream(transcript: Transcript) -> None:
    completion = await asked(transcript)
    assert completion.object == "chat.completion"
    assert all(choice.message.role == "assistant" for choice in completion.choices)
    assert all(choice.finish_reason for choice in completion.choices)
    rows = [row for chunk in transcripts.chunks(transcript.client) for row in chunk["choices"]]
    for choice in completion.choices:
        said = "".join(row["delta"].get("content") or "" for row in rows if row["index"] == choice.index)
        assert (choice.message.content or "") == said
    if transcript.about.get("expects", {}).get("include_usage"):
        assert completion.usage is not None


@pytest.mark.parametrize("transcript", BROKEN, ids=lambda transcript: transcript.name)
async def test_every_broken_stream_is_an_exception_at_the_client(transcript: Transcript) -> None:
    stream = transcript.stream()
    transcripts.play(stream, [transcript.upstream])
    assert isinstance(stream.error, ProxyError)
    with pytest.raises(APIError) as caught:
        await asked(transcript)
    assert caught.value.message == stream.error.message
    assert caught.value.code == stream.error.code


def named(name: str) -> Transcript:
    return next(transcript for transcript in transcripts.ALL if transcript.name == name)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("tools", [("call_a", "f", '{"x":1}'), ("call_b", "g", "{}")]),
        ("tools-repeating", [("call_a", "f", '{"x":1}')]),
        ("tools-null", [("call_a", "f", '{"x":1}')]),
        ("tools-no-index", [("call_a", "f", '{"x":1}'), ("call_b", "g", '{"y":2}')]),
        ("tools-index-0-always", [("call_a", "f", "{}"), ("call_b", "f", '{"x":1}')]),
        ("tools-index-from-1", [("call_a", "f", "{}"), ("call_b", "g", "{}")]),
        ("tools-name-late", [("call_a", "f", '{"x":1}')]),
        ("tools-no-arguments", [("call_a", "f", "{}")]),
        ("tools-single", [("call_a", "f", "{}")]),
    ],
)
async def test_tool_calls_arrive_once_and_whole(name: str, calls: list[tuple[str, str, str]]) -> None:
    completion = await asked(named(name), size=7)
    message = completion.choices[0].message
    assert message.tool_calls is not None
    got = [
        (call.id, call.function.name, call.function.arguments) for call in message.tool_calls if call.type == "function"
    ]
    assert got == calls
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_a_custom_tools_call_arrives_as_it_was_declared() -> None:
    """Read as raw chunks: the helper knows functions only."""
    async with client_of(named("tools-custom"), 50) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.index for call in calls] == [0, 1]
    assert calls[1].model_dump(exclude_none=True) == {
        "index": 1, "id": "call_a", "type": "custom", "custom": {"name": "shell", "input": "ls -l"},
    }  # fmt: skip


async def test_functions_arrive_in_the_older_shape() -> None:
    completion = await asked(named("tools-legacy"))
    call = completion.choices[0].message.function_call
    assert call is not None
    assert (call.name, call.arguments) == ("f", '{"x":1}')
    assert completion.choices[0].finish_reason == "function_call"


@pytest.mark.parametrize("name", ["usage-asked", "usage-on-every-chunk", "usage-on-the-finish", "usage-missing"])
async def test_usage_arrives_once(name: str) -> None:
    transcript = named(name)
    async with client_of(transcript, 100) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        usages = [chunk.usage for chunk in [chunk async for chunk in stream] if chunk.usage]
    assert [[usage.prompt_tokens, usage.completion_tokens] for usage in usages] == [transcript.about["usage"][:2]]
