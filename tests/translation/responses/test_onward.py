"""The request to Telnyx's own Responses API. Most of it stands in the golden files."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import pytest

from proxy.translation.chat import Translated
from proxy.translation.responses.request import native
from proxy.translation.rules import Policy
from tests.translation.responses.cases import ACCEPTED, MODEL, asking, read

PUBLISHED = jsonschema.Draft202012Validator({
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "service_tier": {"type": "string"},
        "region": {"enum": ["USA", "EU", "AUS", "UAE"]},
        "mode": {"enum": ["preferred", "strict"]},
        "conversation": False,  # a conversation of Telnyx's; ours are kept here
        "instructions": {"type": "string"},
        "stream": {"type": "boolean"},
        "reasoning": {
            "type": "object",
            "properties": {"effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]}},
        },
        "input": {"type": "array", "minItems": 1},
    },
    "required": ["model", "input"],
})  # fmt: skip
"""Source: the OpenAPI document of `POST /ai/openai/responses`, https://developers.telnyx.com."""
HIDDEN = (
    "store",
    "previous_response_id",
    "conversation",
    "background",
    "metadata",
    "user",
    "messages",
    "stream_options",
)


def sent(request: dict[str, Any], **known: Any) -> Translated:
    whole = {"model": "gpt-5", "input": "Say hi.", **request}
    return native(whole, MODEL, Policy(buckets=("*",)), asking(whole, **known))[0]


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_whatever_is_sent_conforms_to_the_published_schema(path: Path) -> None:
    case = read(path)
    case.asked["native"] = True
    body = case.run()[0].body
    PUBLISHED.validate(body)
    assert not set(HIDDEN) & set(body)


def test_what_nobody_can_say_in_messages_goes_on_as_it_is() -> None:
    file = {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}
    assert sent({"input": [{"role": "user", "content": [file]}]}).body["input"][0]["content"] == [file]


def test_ids_are_kept_where_a_model_gave_them() -> None:
    items = [
        {"role": "user", "content": "a", "id": "msg_0"},
        {"role": "assistant", "content": "b", "id": "msg_1"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "id": "fc_1"},
        {"type": "function_call_output", "call_id": "c", "output": "4", "id": "fco_1"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    ]
    assert [item.get("id") for item in sent({"input": items}).body["input"]] == [None, "msg_1", "fc_1", None, "rs_1"]


def test_the_size_of_what_is_said_is_estimated() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1000}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Grüße"}, image]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "four"},
        {"type": "custom_tool_call", "call_id": "d", "name": "f", "input": "ls"},
        {"type": "mcp_call", "id": "x", "arguments": "not sent"},
    ]
    expects = sent({"instructions": "Be.", "input": items}).expects
    assert (expects.input_bytes, expects.images) == (len("Be.") + 7 + len("{}") + len("four") + len("ls"), 1)


def test_custom_calls_are_functions_with_one_argument() -> None:
    items = [{"type": "custom_tool_call", "call_id": "d", "name": "f", "input": "ls"}]
    assert sent({"input": items}).body["input"][0]["arguments"] == '{"input":"ls"}'
