"""The field table is complete, and what comes out of it is what Telnyx takes."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params as openai_params
from telnyx.types.ai import bucket_ids_param
from telnyx.types.ai.openai import chat_create_completion_params as telnyx_params
from telnyx.types.ai.openai import function_definition_param

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation.chat import FIELDS, Translated, translate
from proxy.translation.rules import FIELD_LIMIT, Policy, Verdict
from tests.translation import chat_requests, telnyx_schema

GOLDEN = Path(__file__).parents[1] / "golden"
ACCEPTED = sorted((GOLDEN / "chat").glob("*.txt"))
REFUSED = sorted((GOLDEN / "chat-refused").glob("*.txt"))
MODEL = "moonshotai/Kimi-K2.6"
HI = [{"role": "user", "content": "Say hi."}]


def golden(path: Path) -> tuple[Policy, list[str]]:
    """The policy of a golden file and its sections."""
    text = path.read_text(encoding="utf-8")
    policy = Policy()
    if text.startswith("# policy: "):
        line, _, text = text.partition("\n")
        settings = json.loads(line.removeprefix("# policy: "))
        for name in ("buckets", "reasoning_efforts"):
            settings[name] = tuple(settings.get(name, ()))
        settings["client_api_key_refs"] = frozenset(settings.get("client_api_key_refs", ()))
        policy = Policy(**settings)
    return policy, [section.strip() for section in text.split("\n---\n")]


def outcome(client: dict[str, Any], policy: Policy) -> Translated | InvalidRequest:
    """A translation or a refusal, for what may end in either."""
    try:
        return translate(client, MODEL, policy)
    except InvalidRequest as refusal:
        return refusal


def request(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": HI, **fields}


# What every request becomes


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    policy, (client, upstream, header) = golden(path)
    translated = translate(json.loads(client), MODEL, policy)
    assert translated.body == json.loads(upstream)
    assert translated.changes.header() == header


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_request_is_refused_as_its_golden_file_says(path: Path) -> None:
    policy, (client, envelope) = golden(path)
    with pytest.raises(InvalidRequest) as refusal:
        translate(json.loads(client), MODEL, policy)
    assert refusal.value.envelope() == json.loads(envelope)
    assert refusal.value.status == 400


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_every_change_has_a_reason(path: Path) -> None:
    policy, (client, *_) = golden(path)
    for change in translate(json.loads(client), MODEL, policy).changes:
        assert change.reason.endswith("."), change


# The table is complete


def test_every_field_of_openai_has_a_row() -> None:
    fields = set(openai_params.CompletionCreateParamsBase.__annotations__) | set(
        openai_params.CompletionCreateParamsStreaming.__annotations__
    )
    assert {name for name in fields if name not in FIELDS} == set()
    assert len(fields) >= 37


def test_every_row_but_a_plain_one_has_a_reason() -> None:
    for row in FIELDS.rows:
        assert row.verdict is Verdict.KEEP or row.reason.endswith("."), row.name


def test_every_row_has_a_golden_file() -> None:
    told = {name for path in ACCEPTED + REFUSED for name in json.loads(golden(path)[1][0])}
    assert [row.name for row in FIELDS.rows if row.name not in told] == []


UNKNOWN_TO_THE_SDK = telnyx_schema.EXCEPTIONS.keys() - {"tool_calls", "tool_call_id", "image_url"}
"""Fields that we may send and Telnyx's own SDK does not know; their reasons stand in the schema."""


def test_no_field_is_sent_that_telnyx_sdk_does_not_know() -> None:
    known = set(telnyx_params.ChatCreateCompletionParams.__annotations__)
    assert FIELDS.sends() - known == UNKNOWN_TO_THE_SDK


UNKNOWN_INSIDE = {"Message": {"tool_calls", "tool_call_id"}}
"""The same for the objects inside a request; their reasons stand in the schema, too."""


@pytest.mark.parametrize(
    ("schema", "sdk"),
    [
        (telnyx_schema.MESSAGE, telnyx_params.Message),
        (telnyx_schema.PART, telnyx_params.MessageContentTextAndImageArray),
        (telnyx_schema.FUNCTION_TOOL, telnyx_params.ToolFunction),
        (telnyx_schema.FUNCTION, function_definition_param.FunctionDefinitionParam),
        (telnyx_schema.RETRIEVAL_TOOL, telnyx_params.ToolRetrieval),
        (telnyx_schema.BUCKETS, bucket_ids_param.BucketIDsParam),
        (telnyx_schema.JSON_SCHEMA, telnyx_params.ResponseFormatResponseFormatJsonSchemaParamJsonSchema),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_our_copy_of_the_schema_says_what_the_sdk_says(schema: dict[str, Any], sdk: type) -> None:
    assert set(schema["properties"]) == set(sdk.__annotations__)


def test_no_exception_of_the_sdk_is_stale() -> None:
    assert not UNKNOWN_INSIDE["Message"] & set(telnyx_params.Message.__annotations__)
    assert telnyx_params.MessageContentTextAndImageArray.__annotations__["image_url"].__forward_arg__ == "str"


# What is sent is what Telnyx publishes


CONFORMS = telnyx_schema.validator()


def bodies() -> Iterator[dict[str, Any]]:
    for path in ACCEPTED:
        yield json.loads(golden(path)[1][1])


def test_golden_bodies_conform_to_the_published_schema() -> None:
    for body in bodies():
        CONFORMS.validate(body)


@pytest.mark.parametrize("name", telnyx_schema.EXCEPTIONS)
def test_no_exception_from_the_published_schema_is_stale(name: str) -> None:
    reason, _ = telnyx_schema.EXCEPTIONS[name]
    without = telnyx_schema.validator(without={name})
    assert reason
    assert any(not without.is_valid(body) for body in bodies())


@given(chat_requests.likely_requests(), chat_requests.policies)
def test_whatever_is_sent_conforms_to_the_published_schema(client: dict[str, Any], policy: Policy) -> None:
    result = outcome(client, policy)
    if isinstance(result, Translated):
        CONFORMS.validate(result.body)
        assert set(result.body) <= FIELDS.sends()
        assert list(nulls(result.body)) == []


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """Where a null stands, but for schemas, in which it has a meaning."""
    if value is None:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if key not in {"parameters", "schema", "guided_json"}:
            yield from nulls(child, f"{path}.{key}")


REQUESTS = chat_requests.anything_at_all | chat_requests.likely_requests() | chat_requests.spoiled_requests()


@given(REQUESTS, chat_requests.policies)
def test_any_request_is_translated_or_refused_and_never_written_to(client: dict[str, Any], policy: Policy) -> None:
    client = codec.decode(codec.encode(client))
    before = copy.deepcopy(client)
    result = outcome(client, policy)
    if isinstance(result, Translated):
        assert codec.decode(codec.encode(result.body)) == result.body
        assert result.changes.header().isascii()
        assert result.expects.input_bytes >= 0
    else:
        assert result.code
        assert result.param is not None  # it may be empty: a field may have no name
    assert client == before


@given(chat_requests.likely_requests(), st.randoms(use_true_random=False))
def test_the_order_of_the_fields_does_not_matter(client: dict[str, Any], random: Any) -> None:
    shuffled = dict(random.sample(list(client.items()), len(client)))
    one, other = outcome(client, Policy()), outcome(shuffled, Policy())
    if isinstance(one, Translated) and isinstance(other, Translated):
        assert (one.body, one.expects) == (other.body, other.expects)
    else:
        assert type(one) is type(other)


# What is expected of the answer


def test_an_unchanged_message_is_the_same_object() -> None:
    client = request()
    assert translate(client, MODEL, Policy()).body["messages"][0] is client["messages"][0]


def test_a_stream_is_expected_with_usage_only_if_asked() -> None:
    silent = translate(request(stream=True), MODEL, Policy())
    assert (silent.expects.stream, silent.expects.include_usage) == (True, False)
    asked = translate(request(stream=True, stream_options={"include_usage": True}), MODEL, Policy())
    assert (asked.expects.stream, asked.expects.include_usage) == (True, True)
    assert silent.body["stream_options"] == asked.body["stream_options"] == {"include_usage": True}
    whole = translate(request(stream=False), MODEL, Policy())
    assert (whole.expects.stream, "stream_options" in whole.body) == (False, False)


def test_the_end_user_is_the_newer_name_of_the_two() -> None:
    def end_user(**fields: str) -> str | None:
        return translate(request(**fields), MODEL, Policy()).expects.end_user

    assert end_user() is None
    assert end_user(user="u") == "u"
    assert end_user(safety_identifier="s") == "s"
    assert end_user(user="u", safety_identifier="s") == end_user(safety_identifier="s", user="u") == "s"


def test_tags_are_for_the_ledger() -> None:
    translated = translate(request(metadata={"team": "red"}), MODEL, Policy())
    assert translated.expects.metadata == {"team": "red"}
    assert "metadata" not in translated.body


def test_reasoning_is_hidden_by_the_policy_or_the_client() -> None:
    assert not translate(request(), MODEL, Policy()).expects.hide_reasoning
    assert translate(request(), MODEL, Policy(reasoning="hide")).expects.hide_reasoning
    assert translate(request(reasoning={"exclude": True}), MODEL, Policy()).expects.hide_reasoning


def test_the_size_of_the_input_counts_text_and_tools_in_bytes() -> None:
    def size(**fields: Any) -> int:
        return translate(request(**fields), MODEL, Policy()).expects.input_bytes

    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}}
    assert size() == len("Say hi.")
    assert size(messages=[{"role": "user", "content": "Grüße"}]) == 7
    assert size(messages=[{"role": "user", "content": [{"type": "text", "text": "é"}, image]}]) == 2
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    assert size(tools=[tool]) == len("Say hi.") + len(codec.encode([tool]))


# Secrets


@pytest.mark.parametrize("name", ["api_key_ref", "openai_api_key"])
def test_a_clients_key_is_never_repeated(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        translate(request(**{name: "sk-very-secret"}), MODEL, Policy(api_key_ref="acme"))
    assert "sk-very-secret" not in str(refusal.value.envelope())
    assert "api_key_ref" in refusal.value.message


# Bounds


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "place",
    [
        lambda value: {"tools": [{"type": "function", "function": {"name": "f", "parameters": value}}]},
        lambda value: {"functions": [{"name": "f", "parameters": value}]},
        lambda value: {"response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": value}}},
        lambda value: {"guided_json": value},
    ],
    ids=["tools", "functions", "response_format", "guided_json"],
)
def test_what_is_nested_too_deeply_to_be_sent_is_refused(place: Any) -> None:
    """The decoder takes deeper values than the encoder, so depth must not come to light after translation."""
    codec.encode(translate(request(**place(nested(200))), MODEL, Policy()).body)
    results = [outcome(request(**place(nested(levels))), Policy()) for levels in range(230, 260)]
    for result in results:
        if isinstance(result, Translated):
            codec.encode(result.body)
        else:
            assert "nested too deeply" in result.message
    assert isinstance(results[-1], InvalidRequest)


@pytest.mark.parametrize(
    "fields",
    [
        {name: nested(900)}
        for name in (
            "messages",
            "tool_choice",
            "logit_bias",
            "prediction",
            "metadata",
            "reasoning",
            "thinking",
            "x",
            "stop",
        )
    ]
    + [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": nested(900)}]}]},
        {"messages": [{"role": "assistant", "content": "a", "x": nested(900)}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "a", "x": nested(900)}}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a", "x": nested(900)}}]}
            ]
        },
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_depth_elsewhere_is_dropped_or_refused(fields: dict[str, Any]) -> None:
    result = outcome(request(**fields), Policy())
    if isinstance(result, Translated):
        codec.encode(result.body)


def test_the_number_of_fields_is_bounded() -> None:
    fields = {f"field_{number}": 1 for number in range(FIELD_LIMIT - 2)}
    assert len(translate(request(**fields), MODEL, Policy()).changes.header()) <= 4096
    with pytest.raises(InvalidRequest, match="Too many fields"):
        translate(request(**fields, one_more=1), MODEL, Policy())
