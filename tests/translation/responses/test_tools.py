"""Tools. What is sent and what is refused, and in which words, stands in the golden files."""

import re
from typing import get_args

import pytest
from openai.types.responses import (
    file_search_tool_param,
    namespace_tool_param,
    tool_choice_allowed_param,
    tool_choice_types_param,
    tool_param,
)

from proxy.errors import InvalidRequest
from proxy.translation.checks import TOOL_LIMIT
from proxy.translation.responses.tools import _CHOICES, _TYPES, HOSTED, WEB_SEARCH
from proxy.translation.rules import Policy
from tests.translation.responses.cases import ask, refusal

OURS = {*_TYPES, "namespace", *WEB_SEARCH, *HOSTED}


def words(annotation: object) -> set[str]:
    """The values of a literal type."""
    return set(re.findall(r"""["'](\w+)["']""", str(annotation).partition("Literal")[2]))


def test_every_tool_of_openai_has_a_verdict() -> None:
    found: set[str] = set()
    for one in get_args(tool_param.ToolParam):
        found |= words(one.__annotations__["type"])
    assert found - OURS == set()
    assert len(found) >= 15


def test_every_choice_of_openai_has_a_verdict() -> None:
    known = {*_CHOICES, *WEB_SEARCH, *HOSTED}
    assert words(tool_choice_types_param.ToolChoiceTypesParam.__annotations__["type"]) - known == set()
    assert words(tool_choice_allowed_param.ToolChoiceAllowedParam.__annotations__["type"]) <= known


def test_our_file_search_and_namespace_are_openais() -> None:
    assert "vector_store_ids" in file_search_tool_param.FileSearchToolParam.__annotations__
    assert {"name", "description", "tools"} < set(namespace_tool_param.NamespaceToolParam.__annotations__)


def test_a_bucket_is_searched_only_if_the_policy_allows_it() -> None:
    tools = [{"type": "file_search", "vector_store_ids": ["theirs"]}]
    assert refusal({"tools": tools}).param == "tools[0].vector_store_ids[0]"
    assert ask({"tools": tools}, Policy(buckets=("their*",)))[0].body["tools"][0]["type"] == "retrieval"


def test_members_of_a_namespace_count_as_tools() -> None:
    member = {"type": "function", "name": "f"}
    tools = [{"type": "namespace", "name": "n", "description": "", "tools": [member] * (TOOL_LIMIT + 1)}]
    assert refusal({"tools": tools}).code == "array_above_max_length"


def test_what_the_operator_drops_cannot_be_chosen() -> None:
    choice = {"tools": [{"type": "mcp"}], "tool_choice": {"type": "mcp"}}
    with pytest.raises(InvalidRequest, match="does not support 'mcp'"):
        ask(choice, unsupported_tools="drop")


def test_strict_functions_are_remembered_under_the_name_the_model_knows() -> None:
    member = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    translated, _ = ask({"tools": [{"type": "namespace", "name": "n", "description": "", "tools": [member]}]})
    assert translated.expects.tool_schemas == {"n__f": {"type": "object"}}
