"""The field table is complete, and what comes out of it is what Telnyx takes."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import response_create_params as openai_params

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation import chat
from proxy.translation.chat import Translated
from proxy.translation.responses import request as responses
from proxy.translation.responses.outline import Outline
from proxy.translation.responses.request import FIELDS, Asked, native, translate
from proxy.translation.rules import Policy, Verdict
from tests.translation import chat_requests, telnyx_schema
from tests.translation.responses import response_requests
from tests.translation.responses.cases import ACCEPTED, MODEL, REFUSED, ask, asking, read, refusal
from tests.trying import examples

CONFORMS = telnyx_schema.validator()


# What every request becomes


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    case = read(path)
    translated, _ = case.run()
    upstream, header = case.expected
    assert translated.body == json.loads(upstream)
    assert translated.changes.header() == header
    for change in translated.changes:
        assert change.reason.endswith("."), change
    if not case.native:
        CONFORMS.validate(translated.body)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_request_is_refused_as_its_golden_file_says(path: Path) -> None:
    case = read(path)
    with pytest.raises(InvalidRequest) as fault:
        case.run()
    assert fault.value.envelope() == json.loads(case.expected[0])
    assert fault.value.status == 400


# The table is complete


def test_every_field_of_openai_has_a_row() -> None:
    fields = set(openai_params.ResponseCreateParamsBase.__annotations__) | set(
        openai_params.ResponseCreateParamsStreaming.__annotations__
    )
    assert {name for name in fields if name not in FIELDS} == set()
    assert len(fields) >= 33


def test_every_field_of_telnyx_that_chat_takes_has_a_row() -> None:
    """But for those that make a choice among several answers: a response is one."""
    assert {row.name for row in chat.FIELDS.rows if row.name not in FIELDS} == {
        "n", "logprobs", "modalities", "audio", "prediction", "web_search_options",
    }  # fmt: skip


def test_every_row_but_a_plain_one_has_a_reason() -> None:
    for row in FIELDS.rows:
        assert row.verdict is Verdict.KEEP or row.reason.endswith("."), row.name


def test_every_row_has_a_golden_file() -> None:
    told = {name for path in ACCEPTED + REFUSED for name in read(path).request}
    assert [row.name for row in FIELDS.rows if row.name not in told] == []


# Whatever a client sends

REQUESTS = (
    response_requests.likely_requests() | response_requests.spoiled_requests() | response_requests.anything_at_all
)
WAYS = st.sampled_from(["bridge", "native"])
QUICK = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])


def outcome(request: dict[str, Any], policy: Policy, **known: Any) -> tuple[Translated, Outline] | InvalidRequest:
    """A translation or a refusal, for what may end in either; anything else is a fault."""
    speak = native if known.pop("native", False) else translate
    try:
        return speak(request, MODEL, policy, asking(request, **known))
    except InvalidRequest as fault:
        return fault


@QUICK
@given(response_requests.likely_requests(), chat_requests.policies)
def test_whatever_is_sent_conforms_to_the_published_schema(request: dict[str, Any], policy: Policy) -> None:
    result = outcome(request, policy, unsupported_tools="drop")
    if not isinstance(result, InvalidRequest):
        CONFORMS.validate(result[0].body)


@QUICK
@given(REQUESTS, chat_requests.policies, WAYS, st.sampled_from([None, "Opened."]))
def test_any_request_is_translated_or_refused_and_never_written_to(
    request: dict[str, Any], policy: Policy, way: str, opened: str | None
) -> None:
    request = codec.decode(codec.encode(request))
    before = copy.deepcopy(request)
    result = outcome(request, policy, native=way == "native", open=lambda sealed: opened)
    assert request == before
    if isinstance(result, InvalidRequest):
        assert result.code
        assert result.param is not None
        return
    translated, outline = result
    assert codec.decode(codec.encode(translated.body)) == translated.body
    assert codec.decode(codec.encode(outline.response("completed", [])))["object"] == "response"
    assert translated.changes.header().isascii()


@QUICK
@given(st.lists(chat_requests.anything(), max_size=4), WAYS)
def test_whatever_lies_in_the_store_is_translated_or_refused(items: list[Any], way: str) -> None:
    asked = Asked("resp_1", 1, "s", history=items, input=items)
    request = {"model": "gpt-5", "previous_response_id": "resp_0"}
    with suppress(InvalidRequest):
        (native if way == "native" else translate)(request, MODEL, Policy(), asked)


@QUICK
@given(response_requests.likely_requests(), st.randoms(use_true_random=False))
def test_the_order_of_the_fields_does_not_matter(request: dict[str, Any], random: Any) -> None:
    shuffled = dict(random.sample(list(request.items()), len(request)))
    one, other = outcome(request, Policy()), outcome(shuffled, Policy())
    if isinstance(one, InvalidRequest) or isinstance(other, InvalidRequest):
        assert type(one) is type(other)
    else:
        assert (one[0].body, one[0].expects, one[1].echo) == (other[0].body, other[0].expects, other[1].echo)


# What is told apart from the body


def test_the_outline_carries_what_the_edge_knows() -> None:
    _, outline = ask({"include": ["reasoning.encrypted_content"]}, seal=lambda text: f"<{text}>")
    assert (outline.id, outline.created_at, outline.suffix, outline.model) == ("resp_1", 1_700_000_000, "s", MODEL)
    assert outline.encrypt
    assert outline.seal("hm") == "<hm>"
    assert not outline.logprobs


def test_logprobs_are_for_those_who_include_them() -> None:
    assert ask({"include": ["message.output_text.logprobs"]})[1].logprobs


@pytest.mark.parametrize(
    ("fields", "policy", "told"),
    [
        ({}, Policy(), "summary"),
        ({"reasoning": {"summary": "auto"}}, Policy(), "summary"),
        ({"reasoning": {"summary": "auto"}}, Policy(reasoning="hide"), "none"),
        ({}, Policy(reasoning="hide"), "none"),
    ],
)
def test_reasoning_is_told_as_the_client_and_the_operator_want(
    fields: dict[str, Any], policy: Policy, told: str
) -> None:
    assert ask(fields, policy)[1].reasoning == told


def test_reasoning_as_text_is_told_as_a_summary_where_one_is_asked_for() -> None:
    assert ask({}, reasoning="text")[1].reasoning == "text"
    assert ask({"reasoning": {"summary": "auto"}}, reasoning="text")[1].reasoning == "summary"


def test_sealed_reasoning_cannot_open_to_more_than_any_model_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "OPENED", 10)
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    fields = {"input": [sealed, sealed, {"role": "user", "content": "a"}]}
    with pytest.raises(InvalidRequest, match="more than 10 characters"):
        ask(fields, open=lambda _: "x" * 6)
    ask(fields, open=lambda _: "x" * 5)


def test_a_stream_always_expects_its_usage() -> None:
    translated, _ = ask({"stream": True})
    assert translated.expects.stream
    assert translated.expects.include_usage
    assert not ask({"stream": False})[0].expects.stream


def test_tags_and_the_end_user_are_for_the_ledger() -> None:
    expects = ask({"metadata": {"team": "red"}, "user": "u"})[0].expects
    assert (expects.metadata, expects.end_user) == ({"team": "red"}, "u")


def test_custom_tools_and_namespaces_find_their_way_back() -> None:
    members = [{"type": "custom", "name": "note"}, {"type": "function", "name": "find"}]
    _, outline = ask({"tools": [{"type": "namespace", "name": "crm", "description": "", "tools": members}]})
    assert outline.custom_tools == {"crm__note"}
    assert outline.namespaces == {"crm__note": ("crm", "note"), "crm__find": ("crm", "find")}


@pytest.mark.parametrize("name", ["api_key_ref", "openai_api_key"])
def test_a_clients_key_is_never_repeated(name: str) -> None:
    assert "sk-very-secret" not in str(refusal({name: "sk-very-secret"}, Policy(api_key_ref="acme")).envelope())


def test_what_is_asked_for_shows_neither_seal_nor_opener() -> None:
    assert "lambda" not in repr(asking({"input": "a"}, seal=lambda text: text, open=lambda text: text))


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "place",
    [
        lambda value: {"tools": [{"type": "function", "name": "f", "parameters": value}]},
        lambda value: {"tools": [{"type": "function", "name": "f", "x": value}]},
        lambda value: {"tools": [{"type": "web_search", "x": value}]},
        lambda value: {
            "tools": [{"type": "custom", "name": "f"}],
            "tool_choice": {"type": "custom", "name": "f", "x": value},
        },
        lambda value: {"text": {"format": {"type": "json_schema", "name": "f", "schema": value}}},
        lambda value: {"input": [{"role": "user", "content": "a", "x": value}]},
    ],
    ids=["parameters", "tools", "web_search", "tool_choice", "text", "input"],
)
def test_what_is_nested_too_deeply_to_be_sent_or_repeated_is_refused(place: Any) -> None:
    translated, outline = ask(place(nested(200)))
    codec.encode([translated.body, outline.response("completed", [])])
    assert "nested too deeply" in refusal(place(nested(250))).message
