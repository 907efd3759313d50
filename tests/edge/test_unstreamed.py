"""What is a stream, what is none, and what becomes of it."""

import pytest

from proxy.edge.unstreamed import is_stream
from proxy.upstream.fields import Fields
from proxy.upstream.incoming import Incoming
from tests.conftest import Build
from tests.world import HELLO, MODEL

JSON = {b"content-type": b"application/json"}
STREAMS = (
    b"data: {}\n\n",
    b"data:{}",
    b": hello\n\n",
    b"event: ping\n",
    b"\xef\xbb\xbfdata: 1",
    b"\r\n\nid: 4\n",
    b"retry:9",
)
OTHERS = (b"", b"\n", b'{"data": 1}', b"<html>data:", b"[]", b"database: gone", b"upstream connect error")


@pytest.mark.parametrize("body", STREAMS)
def test_events_are_a_stream_whatever_they_are_called(body: bytes) -> None:
    assert is_stream(Incoming(None, 200, Fields(JSON), [body]))


@pytest.mark.parametrize("body", OTHERS)
def test_what_came_whole_and_has_no_events_is_none(body: bytes) -> None:
    assert not is_stream(Incoming(None, 200, Fields({b"content-type": b"text/event-stream"}), [body]))


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        (b"text/event-stream", True),
        (b"text/plain", True),
        (b"", True),
        (b"application/jsonl", True),
        (b"application/json; charset=utf-8", False),
        (b"Application/Problem+JSON", False),
        (b"text/html", False),
    ],
)
def test_of_what_has_yet_to_come_the_type_decides(name: bytes, streams: bool) -> None:  # noqa: FBT001 - a row
    answer = Incoming(None, 200, Fields({b"content-type": name}))
    answer.whole = None
    assert is_stream(answer) is streams


async def test_a_completion_that_came_whole_is_streamed_and_accounted_for(build: Build) -> None:
    here = await build("stream-ignored")
    client = await here.openai()
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == "You said: Hello there"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    (line,) = here.lines()
    assert (line["status"], line["stream_end"], line["tokens_source"]) == (200, "complete", "upstream")
    assert (line["input_tokens"], line["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)


async def test_so_it_is_for_responses_and_for_several_prompts(build: Build) -> None:
    here = await build("stream-ignored")
    client = await here.openai()
    events = [event async for event in await client.responses.create(model=MODEL, input="Hello there", stream=True)]
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "You said: Hello there"
    texts = ["", ""]
    async for chunk in await client.completions.create(model=MODEL, prompt=["one", "two"], stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert ["one" in texts[0], "two" in texts[1]] == [True, True]


async def test_one_that_is_large_comes_in_pieces_all_the_same(build: Build) -> None:
    """Its head comes first: what it is, only its type tells by then."""
    here = await build("stream-ignored+huge-answer", {"bytes": 300_000})
    client = await here.openai()
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    sizes = [len(chunk.choices[0].delta.content or "") async for chunk in stream if chunk.choices]
    assert sum(sizes) == 300_000


async def test_of_a_message_no_stream_is_made(build: Build) -> None:
    here = await build("stream-ignored")
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 9, "stream": True}
    async with here.post(asked, path="/v1/messages") as answer:
        assert answer.status == 502
        assert "in one piece" in (await answer.json())["error"]["message"]
    (line,) = here.lines()
    assert line["tokens_source"] == "upstream"
