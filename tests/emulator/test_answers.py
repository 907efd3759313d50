"""What the emulated model says."""

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import pytest

from proxy.emulator.answers import Completion, compose
from proxy.emulator.catalogue import MODELS
from proxy.emulator.scenarios import resolve

KIMI = "moonshotai/Kimi-K2.6"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
AS_PERSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": PERSON}}]


def composed(
    text: Any = "hello there", *, model: str = LLAMA, scenario: str = "default", options: Any = None, **fields: Any
) -> Completion:
    request = {"messages": [{"role": "user", "content": text}], **fields}
    return compose(request, MODELS[model], resolve(scenario, options), identity="one", created=5)


def said(completion: Completion, index: int = 0) -> str:
    return "".join(completion.replies[index].content)


def test_it_repeats_the_last_word_of_the_user() -> None:
    messages = [{"role": "user", "content": "first"}, {"role": "user", "content": "second"}]
    assert said(composed(messages=messages)) == "You said: second"
    assert said(composed(messages=[{"role": "system", "content": "be kind"}])) == "You said: nothing"
    assert composed().created == 5


def test_it_says_what_came_with_the_text() -> None:
    image = {"type": "image_url", "image_url": "https://example.com/a.png"}
    sound = {"type": "audio_url", "audio_url": {"url": "data:"}}
    text = {"type": "text", "text": "look"}
    assert said(composed([text, image])) == "You said: look [1 image]"
    assert said(composed([text, image, image, sound])) == "You said: look [2 images] [1 recording]"


def test_it_says_where_it_was_told_to_look() -> None:
    tools = [{"type": "retrieval", "retrieval": {"bucket_ids": ["manuals", "faq"]}}]
    assert said(composed(tools=tools)) == "You said: hello there [looked up in manuals, faq]"


def test_it_repeats_what_tools_answered() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": []}
    results = [{"role": "tool", "content": "sunny", "tool_call_id": "a"}, {"role": "tool", "content": "10 C"}]
    completion = composed(messages=[{"role": "user", "content": "weather"}, call, *results], tools=TOOLS)
    assert said(completion) == "The tool answered: sunny 10 C"
    assert said(composed(messages=results)) == "The tool answered: sunny 10 C"


def test_choices_differ() -> None:
    completion = composed(n=3)
    assert [said(completion, index) for index in range(3)] == [
        "You said: hello there",
        "You said: hello there (choice 2)",
        "You said: hello there (choice 3)",
    ]
    assert completion.usage["completion_tokens"] == 4 + 6 + 6


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({}, 2),
        ({"enable_thinking": True}, 2),
        ({"enable_thinking": False}, 0),
        ({"reasoning_effort": "none"}, 0),
        ({"reasoning_effort": "low"}, 1),
        ({"reasoning_effort": "max"}, 5),
        ({"reasoning_effort": "max", "enable_thinking": False}, 0),
    ],
)
def test_models_that_reason_think_as_long_as_they_are_told(fields: dict[str, Any], sentences: int) -> None:
    completion = composed(model=KIMI, **fields)
    (reply,) = completion.replies
    assert "".join(reply.reasoning).count(".") == sentences
    assert completion.usage["completion_tokens_details"]["reasoning_tokens"] == len(reply.reasoning)
    assert composed(model=LLAMA, **fields).replies[0].reasoning == ()


def test_thoughts_can_stand_in_the_content() -> None:
    (reply,) = composed(model=KIMI, scenario="think-tags").replies
    assert reply.reasoning == ()
    assert re.fullmatch(r"<think>\n.+\n</think>\n\nYou said: hello there", "".join(reply.content))
    assert said(composed(model=LLAMA, scenario="think-tags")) == "You said: hello there"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_cap_cuts_and_is_spent_on_thoughts_first(name: str) -> None:
    three: dict[str, Any] = {name: 3}
    (cut,) = composed(**three).replies
    assert ("".join(cut.content), cut.finish) == ("You said: hello", "length")
    four: dict[str, Any] = {name: 4}
    (exact,) = composed(**four).replies
    assert exact.finish == "stop"
    (thinking,) = composed(model=KIMI, **three).replies
    assert (thinking.content, thinking.finish, len(thinking.reasoning)) == ((), "length", 3)
    assert composed(model=KIMI, **three).usage["completion_tokens"] == 3


def test_the_default_cap_is_that_of_the_schema() -> None:
    (reply,) = composed("word " * 9000).replies
    assert (len(reply.content), reply.finish) == (8192, "length")
    (longer,) = composed("word " * 9000, max_tokens=20_000).replies
    assert (len(longer.content), longer.finish) == (9003, "stop")
    (capped,) = composed(
        "word " * 70_000, model="moonshotai/Kimi-K3", max_tokens=100_000, enable_thinking=False
    ).replies
    assert (len(capped.content), capped.finish) == (64_000, "length")


def test_the_cap_cuts_tool_calls_too() -> None:
    whole = composed(tools=TOOLS).replies[0].calls[0]
    (cut,) = composed(tools=TOOLS, max_tokens=2).replies
    assert cut.finish == "length"
    assert cut.calls[0].pieces == whole.pieces[:2]
    (none,) = composed(model=KIMI, tools=TOOLS, max_tokens=1).replies
    assert (none.calls, none.finish) == ((), "length")


@pytest.mark.parametrize("stop", [" there", ["nowhere", " there"], ["", " there"]])
def test_it_stops_before_a_stop_sequence(stop: Any) -> None:
    (reply,) = composed(stop=stop).replies
    assert ("".join(reply.content), reply.finish) == ("You said: hello", "stop")


def test_the_first_stop_sequence_in_the_text_counts() -> None:
    assert said(composed(stop=["there", "hello"])) == "You said: "


@pytest.mark.parametrize(
    ("fields", "scenario"),
    [
        ({"response_format": AS_PERSON}, "default"),
        ({"guided_json": PERSON}, "dialect-2026-06"),
    ],
)
def test_an_answer_by_schema_conforms(fields: dict[str, Any], scenario: str) -> None:
    jsonschema.validate(json.loads(said(composed(scenario=scenario, **fields))), PERSON)


def test_json_mode_answers_an_object() -> None:
    echo = {"answer": "You said: hello there"}
    assert json.loads(said(composed(response_format={"type": "json_object"}))) == echo
    unschemed = {"type": "json_schema", "json_schema": {"name": "anything"}}
    assert json.loads(said(composed(response_format=unschemed))) == echo
    assert said(composed(response_format={"type": "text"})) == "You said: hello there"


@pytest.mark.parametrize(
    "words", ["It must conform to this JSON schema: {}", "match the json_schema:\n\n{}\n\nNo more."]
)
def test_a_schema_in_words_is_followed_too(words: str) -> None:
    system = {"role": "system", "content": words.replace("{}", json.dumps(PERSON))}
    messages = [system, {"role": "user", "content": "hello"}]
    jsonschema.validate(json.loads(said(composed(messages=messages))), PERSON)


def test_a_schema_in_words_must_be_one() -> None:
    for text in ("a JSON schema", "a JSON schema {broken"):
        messages = [{"role": "system", "content": text}, {"role": "user", "content": "hello"}]
        assert said(composed(messages=messages)) == "You said: hello"


def test_guides_guide() -> None:
    assert said(composed(guided_choice=["red", "green"])) == "red"
    assert said(composed(guided_choice=[])) == "You said: hello there"
    assert re.fullmatch(r"\d{3}-[a-z]+", said(composed(guided_regex=r"\d{3}-[a-z]+")))


def test_json_mode_can_go_wrong() -> None:
    fenced = said(composed(response_format=AS_PERSON, scenario="fenced-json"))
    assert fenced.startswith("```json\n{")
    assert fenced.endswith("}\n```")
    violated = json.loads(said(composed(response_format=AS_PERSON, scenario="schema-violated")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(violated, PERSON)


def test_answers_can_be_given_a_text_or_a_length() -> None:
    assert said(composed(options={"answer": "as told"})) == "as told"
    assert len(composed(options={"words": 100}).replies[0].content) == 100
    assert len(composed(options={"words": 10_000}).replies[0].content) == 10_000
    assert len(said(composed(scenario="huge-answer", options={"bytes": 3000}))) == 3000
    assert len(composed(scenario="huge-answer", options={"bytes": 3000}).replies[0].content) == 3
    (one,) = composed(scenario="huge-event", options={"bytes": 3000}).replies[0].content
    assert len(one) == 3000


def test_tokens_are_counted() -> None:
    image = {"type": "image_url", "image_url": "https://example.com/a.png"}
    completion = composed([{"type": "text", "text": "one two three"}, image], options={"cached_tokens": 2})
    assert completion.usage == {
        "prompt_tokens": 3 + 3 + 85 + 1,
        "completion_tokens": 7,
        "total_tokens": 99,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    assert composed(tools=TOOLS).usage["prompt_tokens"] > composed().usage["prompt_tokens"]


def test_a_seed_has_a_fingerprint_that_depends_on_it() -> None:
    assert composed().fingerprint is None
    first, again, other = (composed(seed=seed).fingerprint for seed in (0, 0, 1))
    assert first is not None
    assert first.startswith("fp_")
    assert first == again != other


def test_probabilities_are_given_when_asked() -> None:
    assert composed().top_logprobs is None
    assert composed(logprobs=False, top_logprobs=2).top_logprobs is None
    assert composed(logprobs=True).top_logprobs == 0
    assert composed(logprobs=True, top_logprobs=2).top_logprobs == 2
