"""What a client is told of a response in events: read, checked, and added up by the official client's own code."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openresponses_types as open_responses
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from proxy.streaming.native_responses import NativeResponsesStream
from proxy.streaming.responses import ResponsesStream
from proxy.translation.answers import Identity
from proxy.translation.responses.outline import Outline
from proxy.translation.rules import Expectation

IDENTITY = Identity(id="chatcmpl-made-up", created=1_750_000_000)
MODEL = "moonshotai/Kimi-K2.6"
NOW = 1_760_000_009
ECHO: dict[str, Any] = {
    "instructions": None, "metadata": {}, "tools": [], "tool_choice": "auto", "temperature": 1.0, "top_p": 1.0,
    "parallel_tool_calls": True, "max_output_tokens": None, "max_tool_calls": None,
    "text": {"format": {"type": "text"}, "verbosity": "medium"}, "reasoning": {"effort": None, "summary": None},
    "truncation": "disabled", "previous_response_id": None, "conversation": None, "store": True, "background": False,
    "service_tier": "default", "user": None, "safety_identifier": None, "prompt_cache_key": None, "top_logprobs": 0,
    "presence_penalty": 0.0, "frequency_penalty": 0.0,
}  # fmt: skip
DONE = b"data: [DONE]\n\n"
Either = ResponsesStream | NativeResponsesStream

_OFFICIAL: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_OPEN: dict[str, type[BaseModel]] = {
    str(next(iter(model.model_fields["type"].annotation))): model
    for name, model in vars(open_responses).items()
    if name.endswith("StreamingEvent")
}
ONLY_OFFICIAL = frozenset({
    "response.reasoning_text.delta", "response.reasoning_text.done",
    "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done",
})  # fmt: skip
"""Events that Open Responses does not know: it calls the first two otherwise, and has no custom tools."""


def outline(*, echo: dict[str, Any] | None = None, **more: Any) -> Outline:
    """A response before it has an output. `sealed`: reasoning is sealed, by turning it around."""
    if more.pop("sealed", False):
        more["encrypt"] = True
        more["seal"] = lambda text: text[::-1]
    for name in ("custom_tools",):
        if name in more:
            more[name] = frozenset(more[name])
    return Outline("resp_1", 1_760_000_000, MODEL, {**ECHO, **(echo or {})}, "abc", **more)


def expectation(**wishes: Any) -> Expectation:
    if "custom_tools" in wishes:
        wishes["custom_tools"] = frozenset(wishes["custom_tools"])
    return Expectation(stream=True, **wishes)


def open_stream(
    wishes: dict[str, Any] | None = None, *, native: bool = False, limit: int = 4 << 20, **more: Any
) -> Any:
    kind = NativeResponsesStream if native else ResponsesStream
    return kind(
        expectation(**(wishes or {})), IDENTITY, MODEL, event_limit=limit, outline=outline(**more), now=lambda: NOW
    )


def play(stream: Either, pieces: Iterable[bytes]) -> bytes:
    """All that the client gets."""
    made = b"".join(stream.feed(piece) for piece in pieces) + stream.finish()
    assert stream.ended is not None
    assert stream.feed(b"data: {}\n\n") + stream.finish() + stream.heartbeat() == b""
    return made + stream.conclude(kept=True)


def events(client: bytes) -> list[dict[str, Any]]:
    """The events, whole and of one line, numbered, the first ones and the last one as they have to be."""
    assert client.endswith(b"\n\n" + DONE)
    found = []
    for number, block in enumerate(client.removesuffix(DONE)[:-2].split(b"\n\n")):
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == number
        assert "obfuscation" not in event
        found.append(event)
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"] or (
        [event["type"] for event in found[:3]] == ["response.created", "response.queued", "response.in_progress"]
    )
    ends = {"response.completed", "response.incomplete", "response.failed"}
    assert [event["type"] in ends for event in found] == [False] * (len(found) - 1) + [True]
    return found


def expect_valid(found: list[dict[str, Any]]) -> None:
    """Every event is of the types of OpenAI and of Open Responses, and the client's own code adds them up."""
    for event in found:
        _OFFICIAL.validate_python(event)
        custom = "custom_tool_call" in json.dumps(event)
        if event["type"] not in ONLY_OFFICIAL and not custom:
            _OPEN[event["type"]].model_validate(event)


def expect_valid_response(response: dict[str, Any]) -> None:
    Response.model_validate(response)
    if not any(item["type"] == "custom_tool_call" for item in response["output"]):
        open_responses.ResponseResource.model_validate(response)


def added_up(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The final response, and what the official client's `stream()` makes of the events on the way to it."""
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in found:
        state.handle_event(_OFFICIAL.validate_python(event))
    final = found[-1]["response"]
    if found[-1]["type"] == "response.completed":
        assert state._completed_response is not None
        assert [getattr(item, "id", None) for item in state._completed_response.output] == [
            item["id"] for item in final["output"]
        ]
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    if found[-1]["type"] != "response.failed":
        assert len(done) == len(final["output"])
    for told, item in zip(done, final["output"], strict=False):
        assert {**told, "status": ""} == {**item, "status": ""}
    expect_deltas_add_up(found, final)
    return dict(final)


def expect_deltas_add_up(found: list[dict[str, Any]], final: dict[str, Any]) -> None:
    """The deltas of each item are the texts of that item."""
    texts: dict[str, str] = {}
    deltas = any(event["type"].endswith(".delta") for event in found)
    for event in found:
        if event["type"].endswith(".delta"):
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
    for item in final["output"]:
        parts = [*item.get("summary", ()), *item.get("content", ())]
        whole = "".join(part.get("text", "") + part.get("refusal", "") for part in parts)
        whole += item.get("arguments", "") + item.get("input", "")
        assert texts.get(item["id"], "" if deltas else whole) == whole


@dataclass(frozen=True)
class Dialogue:
    """One file of `tests/golden/responses-streams`: what upstream sends, what the client must get.

    The first line is JSON: `why`, `ended`, and where they matter `expects`, `outline`, `native`.
    """

    name: str
    about: dict[str, Any]
    upstream: bytes
    client: bytes

    def stream(self) -> Any:
        about = self.about
        return open_stream(about.get("expects"), native=about.get("native", False), **about.get("outline", {}))


def read(path: Path) -> Dialogue:
    first, _, rest = path.read_bytes().decode().partition("\n")
    upstream, _, client = rest.partition("-----\n")
    return Dialogue(path.stem, json.loads(first), upstream.encode(), client.encode())


FOLDER = Path(__file__).parents[1] / "golden" / "responses-streams"
ALL = [read(path) for path in sorted(FOLDER.glob("*.txt"))]
BRIDGED = [dialogue for dialogue in ALL if not dialogue.about.get("native")]
NATIVE = [dialogue for dialogue in ALL if dialogue.about.get("native")]
