"""A whole answer from Telnyx becomes OpenAI's: the golden files, and what must hold for anything."""

import copy
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from proxy.errors import InsufficientQuota, ProxyError, UpstreamFailed
from proxy.translation import answers
from proxy.translation.answers import LATEST, Answer, Identity, answer, content_text, head, unix_time
from proxy.translation.rules import Expectation
from tests.trying import examples

IDENTITY = Identity(id="chatcmpl-made-up", created=1_750_000_000)
MODEL = "moonshotai/Kimi-K2.6"
GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "answers").glob("*.txt"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_client_gets_what_the_golden_file_says(path: Path) -> None:
    """First line: what is expected, and `why`. Then upstream's answer, a line of dashes, the client's."""
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    upstream, _, client = rest.partition("-----\n")
    about, raw = json.loads(first), upstream.encode()
    wishes = dict(about.get("expects", {}))
    if "custom_tools" in wishes:
        wishes["custom_tools"] = frozenset(wishes["custom_tools"])
    got = answer(raw, Expectation(**wishes), IDENTITY, MODEL)
    assert got.body.decode().rstrip("\n") == client.rstrip("\n")
    assert (got.body is raw) == (upstream == client)
    assert got.violations == about.get("violations", 0)
    assert got.model == about.get("model", MODEL) == json.loads(got.body)["model"]
    assert got.estimated == (got.usage.source == "estimated")
    if "usage" in about:
        assert [got.usage.input, got.usage.output, got.usage.source] == about["usage"]
    ChatCompletion.model_validate_json(got.body, strict=True)


def reply(**more: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "Hi"}}], **more}).encode()


def take(raw: bytes, **wishes: Any) -> Any:
    return json.loads(answer(raw, Expectation(**wishes), IDENTITY, MODEL).body)


def test_bytes_are_relayed_but_for_a_byte_order_mark() -> None:
    golden = next(path for path in GOLDEN if path.stem == "plain").read_text(encoding="utf-8").partition("-----\n")[2]
    raw = golden.encode()
    spaced = b"\n " + raw
    assert answer(spaced, Expectation(), IDENTITY, MODEL).body is spaced
    assert answer(b"\xef\xbb\xbf" + raw, Expectation(), IDENTITY, MODEL).body == raw.strip()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty body"),
        (b" \n", "empty body"),
        (b"\xef\xbb\xbf", "empty body"),
        (b"<html><body>502</body></html>", "HTML"),
        (b'{"choices":[{"message":{"content":"H', "not JSON"),
        (b"Bad gateway", "not JSON"),
        (b'{"a":1} {"a":2}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"null", "without a single choice"),
        (b"[]", "without a single choice"),
        (b'"Hi"', "without a single choice"),
        (b"{}", "without a single choice"),
        (b'{"choices":null}', "without a single choice"),
        (b'{"choices":[]}', "without a single choice"),
        (b'{"choices":{"0":{}}}', "without a single choice"),
        (b'{"choices":["Hi"]}', "not an object"),
        (b'{"choices":[{}]}', "no message"),
        (b'{"choices":[{"message":"Hi"}]}', "no message"),
        (b'{"choices":[{"message":{"tool_calls":{"id":"a"}}}]}', "not a list"),
        (b'{"choices":[{"message":{"tool_calls":["f"]}}]}', "not a list"),
        (b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"error"}]}', "broke off"),
        (b'{"error":{"message":"Boom.","type":null,"code":null}}', "Boom"),
        (b'{"error":"Boom."}', "Boom"),
        (b'{"errors":[{"code":"10007","title":"Boom."}]}', "Boom"),
        (b'{"detail":"Boom."}', "Boom"),
        (b'{"message":"Boom."}', "Boom"),
        (b'{"error":{"message":"Boom."},"choices":[{"message":{"content":"Hi"}}]}', "Boom"),
    ],
)
def test_what_is_no_answer_is_never_a_200(raw: bytes, words: str) -> None:
    with pytest.raises(UpstreamFailed, match=words) as caught:
        answer(raw, Expectation(), IDENTITY, MODEL)
    assert caught.value.status >= 400


def test_an_error_sent_as_200_is_judged_like_any_other() -> None:
    with pytest.raises(InsufficientQuota):
        answer(b'{"errors":[{"code":"20100","title":"Insufficient funds"}]}', Expectation(), IDENTITY, MODEL)


def test_nothing_unknown_is_lost() -> None:
    message = {"content": "Hi", "annotations": [1], "x": {"y": None}}
    raw = reply(choices=[{"message": message, "stop_reason": 7}], service_tier="flex", z=[1.5])
    got = take(raw)
    assert got["service_tier"] == "flex"
    assert got["z"] == [1.5]
    assert got["choices"][0]["stop_reason"] == 7
    assert got["choices"][0]["message"].items() >= {"annotations": [1], "x": {"y": None}}.items()


def test_a_null_error_is_taken_out() -> None:
    assert "error" not in take(reply(error=None))


def test_made_up_call_ids_differ() -> None:
    calls = [{"function": {"name": "f"}}] * 2
    got = take(reply(choices=[{"message": {"tool_calls": calls}}, {"message": {"tool_calls": calls}}]))
    ids = [call["id"] for choice in got["choices"] for call in choice["message"]["tool_calls"]]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_760_000_000, 1_760_000_000),
        (1_760_000_000.9, 1_760_000_000),
        ("1760000000", 1_760_000_000),
        ("2026-01-02T03:04:05Z", 1_767_323_045),
        ("2026-01-02T03:04:05.678+00:00", 1_767_323_045),
        ("2026-01-02T05:04:05+02:00", 1_767_323_045),
        ("2026-01-02T03:04:05", 1_767_323_045),
        ("2026-01-02", 1_767_312_000),
        (1_760_000_000_000, None),  # milliseconds
        ("1760000000000", None),
        (LATEST, None),
        (0, None),
        (-1, None),
        (True, None),
        ("", None),
        ("yesterday", None),
        ("9" * 400, None),
        (None, None),
        ([], None),
    ],
)
def test_times_are_whole_seconds(value: Any, seconds: int | None) -> None:
    assert unix_time(value) == seconds


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", "Hi"),
        ("", ""),
        (None, None),
        ([], ""),
        ([{"type": "text", "text": "H"}, "i", {"type": "image"}, {"text": None}, 5], "Hi"),
        ({"a": 1}, '{"a":1}'),
        (5, "5"),
        (False, "false"),
    ],
)
def test_content_is_one_text(content: Any, text: str | None) -> None:
    assert content_text(content) == text


def test_names_of_an_answer() -> None:
    names = {"id": "chatcmpl-1", "object": "k", "created": 1, "model": "m"}
    assert head({**names, "object": "x", "extra": 1}, IDENTITY, MODEL, "k") == names
    assert head({"id": "", "created": 0, "model": 5}, IDENTITY, MODEL, "k") == {
        "id": IDENTITY.id, "object": "k", "created": IDENTITY.created, "model": MODEL,
    }  # fmt: skip


texts = st.sampled_from(["", "Hi", "<think>a</think>b", '{"x":1}'])
odd: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(0, 2) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "x"]), inner, max_size=2),
    max_leaves=4,
)
functions = st.fixed_dictionaries({}, optional={"name": st.sampled_from(["f", "shell"]) | odd, "arguments": odd})
calls_given = st.lists(
    st.fixed_dictionaries({}, optional={"id": odd, "type": odd, "function": functions | odd}), max_size=3
)
messages = st.fixed_dictionaries({}, optional={
    "role": odd, "content": odd, "reasoning": odd, "reasoning_content": texts, "tool_calls": calls_given | odd,
})  # fmt: skip
choices = st.fixed_dictionaries({}, optional={
    "index": odd, "message": messages | odd, "delta": messages, "text": odd,
    "finish_reason": odd | st.sampled_from(["stop", "tool_calls", "length"]),
})  # fmt: skip
bodies = st.fixed_dictionaries({}, optional={
    "id": odd, "object": odd, "created": odd, "model": odd, "choices": st.lists(choices, max_size=2) | odd,
    "usage": odd, "error": st.none() | odd, "message": odd,
})  # fmt: skip
wishes = st.fixed_dictionaries({
    "legacy_functions": st.booleans(), "named_choice": st.booleans(), "single_call": st.booleans(),
    "hide_reasoning": st.booleans(), "json_text": st.booleans(), "schema": st.sampled_from([None, {"type": "object"}]),
    "custom_tools": st.sampled_from([frozenset(), frozenset({"shell"})]),
})  # fmt: skip


@given(bodies, wishes)
@settings(max_examples=examples(300))
def test_whatever_upstream_answers_the_client_gets_openais_shape_or_an_error(
    body: dict[str, Any], wish: dict[str, Any]
) -> None:
    raw = json.dumps(body).encode()
    try:
        got = answer(raw, Expectation(**wish), IDENTITY, MODEL)
    except ProxyError:  # never anything else: that would be a bug of ours
        return
    read = ChatCompletion.model_validate_json(got.body)
    assert read.usage is not None
    again = answer(got.body, Expectation(**wish), IDENTITY, MODEL)
    assert again.body == got.body or wish["legacy_functions"] or wish["custom_tools"] or b"think>" in raw
    for choice in read.choices:
        assert len(choice.message.tool_calls or []) <= 1 or not (wish["single_call"] or wish["legacy_functions"])


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_an_answer_or_an_error(raw: bytes) -> None:
    with pytest.raises(ProxyError):
        answer(raw, Expectation(), IDENTITY, MODEL)


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FIGURES = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "m", "usage": FIGURES,
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "logprobs": None,
         "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL]},
         "logprobs": None, "finish_reason": "tool_calls"},
    ],
}  # fmt: skip
TWISTS: dict[str, list[Any]] = {
    "id": ["", None], "object": ["x"], "created": [1.5, True, 0, LATEST, "1760000000"], "model": ["", None],
    "usage": [{**FIGURES, "cached_tokens": 1}, {**FIGURES, "total_tokens": -1}, {"prompt_tokens": 1}, 5, None],
    "error": [None, "Boom."], "errors": [[]], "x": [1.0], "choices": [[], None, ["Hi"]],
    "index": [-1, True, 0.0, 5], "finish_reason": ["length", "tool_calls", "content_filter", "eos", "error", None, 1],
    "logprobs": [{}, ...], "message": [None, "Hi"], "role": ["user", ...], "refusal": ["No.", ...],
    "content": ["\u00e9", "", None, "<think>a</think>b", "\n <think>a", " <b>", '{"x":1}', "[1]", "```json\n{}```", 5,
                ...],
    "tool_calls": [None, [], {}, "x", ["x"], [CALL, CALL], [{**CALL, "id": ""}], [{**CALL, "type": "x"}],
                   [{**CALL, "name": "f"}], [{**CALL, "arguments": "{}"}], [{**CALL, "function": None}],
                   [{**CALL, "function": {"name": "shell", "arguments": "{}"}}],
                   [{**CALL, "function": {"name": 1, "arguments": "{}"}}],
                   [{**CALL, "function": {"name": "f", "arguments": ""}}],
                   [{**CALL, "function": {"name": "f", "arguments": {}}}]],
    "reasoning": ["", "Hm."], "reasoning_content": ["", "Hm."], "reasoning_details": [[1]], "annotations": [[]],
}  # fmt: skip
"""What may stand in a field of an answer, or of a choice, or of its message, instead; `...` takes it away."""
HOLDERS = {
    "message": {"role", "content", "refusal", "tool_calls", "reasoning", "reasoning_content", "reasoning_details",
                "annotations"},
    "choice": {"index", "finish_reason", "logprobs", "message"},
}  # fmt: skip
WISHES: list[dict[str, Any]] = [
    {}, {}, {"legacy_functions": True}, {"named_choice": True}, {"single_call": True}, {"hide_reasoning": True},
    {"json_text": True}, {"schema": {"type": "object"}}, {"custom_tools": frozenset({"shell"})},
    {"tool_schemas": {"f": {"required": ["a"]}}},
]  # fmt: skip


def twisted(name: str, value: Any, place: int) -> dict[str, Any]:
    """An answer that OpenAI might have sent but for one field."""
    made: dict[str, Any] = copy.deepcopy(ANSWER)
    holder = made
    if name in HOLDERS["choice"] | HOLDERS["message"]:
        holder = made["choices"][place]
    if name in HOLDERS["message"]:
        holder = holder["message"]
    holder[name] = value
    if value is ...:
        del holder[name]
    return made


def close_look(raw: bytes, body: Any, expects: Expectation) -> Answer:
    return answers._settled(raw, answers._expect_answer(body), expects, IDENTITY, MODEL)


def outcome(take: Callable[[], Answer]) -> Answer | tuple[type, str]:
    try:
        return take()
    except ProxyError as error:
        return type(error), error.message


def expect_same(body: dict[str, Any], wish: dict[str, Any], lead: bytes = b"") -> None:
    """What is handed on at a glance is exactly what would come out if it were written anew."""
    raw, expects = lead + json.dumps(body).encode(), Expectation(**wish)
    assert outcome(lambda: answer(raw, expects, IDENTITY, MODEL)) == outcome(lambda: close_look(raw, body, expects))


@pytest.mark.parametrize("name", TWISTS)
def test_a_glance_at_an_answer_that_is_nearly_openais_finds_what_a_close_look_finds(name: str) -> None:
    for value, place, wish in itertools.product(TWISTS[name], (0, 1), WISHES):
        expect_same(twisted(name, value, place), wish)


@pytest.mark.parametrize("lead", [b"", b"\n ", b"\xef\xbb\xbf"], ids=["nothing", "space", "byte order mark"])
def test_a_glance_sees_what_stands_before_an_answer(lead: bytes) -> None:
    for wish in WISHES:
        expect_same(ANSWER, wish, lead)


@given(bodies, st.sampled_from(WISHES))
def test_a_glance_at_any_answer_finds_what_a_close_look_finds(body: dict[str, Any], wish: dict[str, Any]) -> None:
    expect_same(body, wish)


USUAL: dict[str, dict[str, Any]] = {
    "a text": {"content": "Hi", "refusal": None},
    "no text": {"content": None, "refusal": "No."},
    "space and a bracket": {"content": " <b>Hi</b>", "refusal": None, "tool_calls": []},
    "thinking beside it": {"content": "Hi", "refusal": None, "reasoning_content": "Hm."},
    "calls": {"content": None, "refusal": None, "tool_calls": [CALL, {**CALL, "index": 1}]},
}


@pytest.mark.parametrize("case", USUAL)
def test_what_openai_might_have_sent_is_not_written_anew(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_settled", None)
    message = {"role": "assistant", **USUAL[case]}
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    raw = json.dumps({**ANSWER, "choices": [choice, choice]}).encode()
    got = answer(raw, Expectation(), IDENTITY, MODEL)
    assert got.body is raw
    assert (got.model, got.violations, got.estimated, got.usage[:2]) == ("m", 0, False, (1, 2))
