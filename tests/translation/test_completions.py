"""The older completions: what a chat model is asked, and what of its answer becomes a completion."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from openai.types import Completion
from openai.types import completion_create_params as params

from proxy import codec
from proxy.errors import InvalidRequest, UpstreamFailed
from proxy.translation import answers, chat, completions
from proxy.translation.answers import Identity
from proxy.translation.completions import FIELDS, OUTPUT, Shape, shape_of
from proxy.translation.rules import Expectation, Policy, Verdict
from proxy.usage import Usage

GOLDEN = Path(__file__).parents[1] / "golden"
ACCEPTED = sorted((GOLDEN / "completions").glob("*.txt"))
REFUSED = sorted((GOLDEN / "completions-refused").glob("*.txt"))
MODEL = "moonshotai/Kimi-K2.6"
IDENTITY = Identity("cmpl-made-up", 1_750_000_000)


def sections(path: Path) -> list[str]:
    return [section.strip() for section in path.read_text(encoding="utf-8").split("\n---\n")]


def translate(request: dict[str, Any], **policy: Any) -> tuple[chat.Translated, Shape]:
    shape = shape_of(request)
    return completions.translate(shape, request, MODEL, Policy(**policy)), shape


def said(*texts: Any, usage: Any = None, **more: Any) -> bytes:
    """A chat answer with these texts."""
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in enumerate(texts)
    ]
    body = {"id": "chatcmpl-7", "object": "chat.completion", "created": 1_760_000_000, "model": MODEL}
    return codec.encode({**body, "choices": choices, "usage": usage, **more})


def figures(given: int, made: int) -> dict[str, int]:
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    client, upstream, header = sections(path)
    request = json.loads(client)
    before = copy.deepcopy(request)
    translated, _ = translate(request)
    assert translated.body == json.loads(upstream)
    assert translated.changes.header() == header
    assert request == before
    assert all(change.reason.endswith(".") for change in translated.changes)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_request_is_refused_as_its_golden_file_says(path: Path) -> None:
    client, envelope = sections(path)
    with pytest.raises(InvalidRequest) as refusal:
        translate(json.loads(client))
    assert refusal.value.envelope() == json.loads(envelope)


def test_every_field_of_openai_has_a_row_and_every_row_a_golden_file() -> None:
    fields = params.CompletionCreateParamsBase.__annotations__ | params.CompletionCreateParamsStreaming.__annotations__
    assert [name for name in fields if name not in FIELDS] == []
    assert len(fields) >= 18
    told = {name for path in ACCEPTED + REFUSED for name in json.loads(sections(path)[0])}
    assert [row.name for row in FIELDS.rows if row.name not in told] == []


def test_every_row_but_a_plain_one_has_a_reason() -> None:
    assert [row.name for row in FIELDS.rows if row.verdict is not Verdict.KEEP and not row.reason.endswith(".")] == []


def test_what_goes_into_the_chat_request_has_a_row_there() -> None:
    assert {name for name in FIELDS.sends() if name not in chat.FIELDS} == set()


def test_what_operators_say_comes_before_the_defaults_of_this_endpoint() -> None:
    plain, _ = translate({"prompt": "Hi"})
    assert (plain.body["max_tokens"], plain.body["enable_thinking"]) == (OUTPUT, False)
    body = translate({"prompt": "Hi"}, defaults={"max_tokens": 300, "reasoning_effort": "low"})[0].body
    assert (body["max_tokens"], body["reasoning_effort"], "enable_thinking" in body) == (300, "low", False)
    assert translate({"prompt": "Hi"}, cap={"max_tokens": 9})[0].body["max_tokens"] == 9


def test_several_prompts_share_what_is_asked_and_count_together() -> None:
    translated, shape = translate({"prompt": ["Hi", "Grüße", ""], "n": 2})
    sizes = [translate({"prompt": prompt})[0].expects.input_bytes for prompt in shape.prompts]
    assert list(shape.sizes) == sizes
    assert translated.expects.input_bytes == sum(sizes)
    assert shape.choices == 2
    assert completions.messages("")[1]["content"] == completions.BEGIN


def test_an_answer_is_a_completion_as_the_official_client_has_it() -> None:
    _, shape = translate({"prompt": "Once", "echo": True})
    raw = said(" upon", None, usage=figures(9, 2), system_fingerprint="fp_1")
    made = completions.answer(shape, raw, Expectation(), IDENTITY, MODEL)
    value = codec.decode(made.body)
    assert Completion.model_validate(value, strict=True).to_dict() == value
    assert value["id"] == "cmpl-7"
    assert [(row["index"], row["text"]) for row in value["choices"]] == [(0, "Once upon"), (1, "Once")]
    assert value["system_fingerprint"] == "fp_1"
    assert (made.usage, made.model, made.estimated) == (Usage(9, 2, source="upstream"), MODEL, False)


def test_answers_to_several_prompts_are_numbered_prompt_by_prompt() -> None:
    _, shape = translate({"prompt": ["a", "b"], "n": 2})
    parts = [
        completions.answer(Shape((text,)), raw, Expectation(input_bytes=8), IDENTITY, MODEL)
        for text, raw in (("a", said("1", "2", usage=figures(5, 1))), ("b", said("3", "4")))
    ]
    assert [part.estimated for part in parts] == [False, True]
    chats = [
        answers.answer(raw, Expectation(input_bytes=8), IDENTITY, MODEL)
        for raw in (said("1", "2", usage=figures(5, 1)), said("3", "4"))
    ]
    made = completions.joined(shape, chats, IDENTITY)
    value = codec.decode(made.body)
    assert [(row["index"], row["text"]) for row in value["choices"]] == [(0, "1"), (1, "2"), (2, "3"), (3, "4")]
    assert (made.usage, made.estimated) == (Usage(7, 2, source="estimated"), True)
    assert value["usage"] == made.usage.openai()
    assert "system_fingerprint" not in value


def test_what_is_no_answer_stays_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        completions.answer(Shape(("a",)), b"{}", Expectation(), IDENTITY, MODEL)


@pytest.mark.parametrize(
    ("reason", "told"),
    [(None, None), ("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "stop")],
)
def test_finish_reasons_are_those_of_completions(reason: str | None, told: str | None) -> None:
    assert completions.choice_of(0, "", reason)["finish_reason"] == told


def test_places_in_the_chat_request_are_the_prompt() -> None:
    places = ("messages[1].content", "messages", "n", None)
    assert [completions.clients_param(place) for place in places] == ["prompt", "prompt", "n", None]
