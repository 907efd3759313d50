"""What the response object repeats of the request."""

from pathlib import Path
from typing import Any

import openresponses_types
import pytest
from openai.types.responses import Response

from proxy.translation.rules import Policy
from tests.translation.responses.cases import ACCEPTED, ask, read

USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}


def echo(policy: Policy | None = None, **fields: Any) -> dict[str, Any]:
    return dict(ask(fields, policy)[1].echo)


def test_a_request_that_says_nothing_is_repeated_with_openais_defaults() -> None:
    assert echo() == {
        "instructions": None,
        "previous_response_id": None,
        "conversation": None,
        "metadata": {},
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "temperature": 1,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
        "truncation": "disabled",
        "store": True,
        "background": False,
        "service_tier": "default",
        "user": None,
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def test_what_the_client_said_is_repeated() -> None:
    said: dict[str, Any] = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "temperature": 0.5,
        "top_p": 0.5,
        "store": False,
        "service_tier": "flex",
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "presence_penalty": 0.5,
        "frequency_penalty": 0.25,
    }
    told = echo(**said, tools=[{"type": "function", "name": "f"}])
    assert {name: told[name] for name in said} == said


def test_a_function_is_repeated_with_all_it_may_have() -> None:
    whole = {"type": "function", "name": "f", "description": None, "parameters": None, "strict": False}
    assert echo(tools=[{"type": "function", "name": "f"}])["tools"] == [whole]
    strict = {**whole, "description": "F.", "parameters": {"type": "object"}, "strict": True}
    assert echo(tools=[strict])["tools"] == [strict]


def test_a_schema_is_repeated_with_all_it_may_have() -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    whole = {**form, "description": None, "strict": False}
    assert echo(text={"format": form, "verbosity": "high"})["text"] == {"format": whole, "verbosity": "high"}


def test_a_conversation_is_repeated_as_an_object() -> None:
    assert echo(conversation="conv_1")["conversation"] == echo(conversation={"id": "conv_1"})["conversation"]


def test_the_number_that_counts_is_told() -> None:
    told = echo(Policy(cap={"max_tokens": 5}, force={"temperature": 0.25}), max_output_tokens=9, temperature=0.5)
    assert (told["max_output_tokens"], told["temperature"]) == (5, 0.25)


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_every_response_reads_as_the_official_client_library_reads_it(path: Path) -> None:
    case = read(path)
    response = case.run()[1].response("completed", [], usage=USAGE, completed_at=1)
    Response.model_validate(response)
    form = response["text"]["format"]
    if form["type"] == "json_schema":  # the published types want a schema to be null
        response["text"] = {"format": {**form, "schema": None}}
    if all(tool["type"] == "function" for tool in response["tools"]):
        openresponses_types.ResponseResource.model_validate(response)
