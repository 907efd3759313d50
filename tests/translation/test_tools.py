"""Tools, and which of them may be used."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation import checks, tools
from proxy.translation.chat import translate
from proxy.translation.rules import Draft, Policy
from proxy.translation.tools import NO_PARAMETERS, TEXT_PARAMETER

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def function(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA, **fields}}


def custom(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "custom", "custom": {"name": name, **fields}}


def retrieval(*buckets: str) -> dict[str, Any]:
    return {"type": "retrieval", "retrieval": {"bucket_ids": list(buckets)}}


def translated(policy: Policy | None = None, /, **fields: Any) -> Any:
    return translate({"messages": [{"role": "user", "content": "Hi."}], **fields}, "m", policy or Policy())


@pytest.mark.parametrize("tool", [function("f"), function("f", description="F.")])
def test_a_tool_that_needs_no_change_is_the_same_object(tool: dict[str, Any]) -> None:
    result = translated(tools=[tool])
    assert result.body["tools"][0] is tool
    assert [change.field for change in result.changes] == ["temperature"]


@pytest.mark.parametrize("strict", [True, False])
def test_the_schema_of_a_strict_function_is_remembered(*, strict: bool) -> None:
    result = translated(tools=[function("f", strict=strict), function("g")])
    assert result.body["tools"] == [function("f"), function("g")]
    assert result.body["tools"][0]["function"]["parameters"] is SCHEMA
    assert result.expects.tool_schemas == ({"f": SCHEMA} if strict else {})
    assert "dropped=tools[].function.strict" in result.changes.header()


def test_a_strict_function_without_parameters_has_nothing_to_check() -> None:
    result = translated(tools=[{"type": "function", "function": {"name": "f", "strict": True}}])
    assert result.body["tools"][0]["function"] == {"name": "f", "parameters": NO_PARAMETERS}
    assert result.expects.tool_schemas == {}


def test_custom_tools_become_functions_and_are_remembered() -> None:
    result = translated(tools=[custom("shell", description="Runs.", color="red"), custom("note", format=None)])
    assert result.body["tools"] == [
        {"type": "function", "function": {"name": "shell", "description": "Runs.", "parameters": TEXT_PARAMETER}},
        {"type": "function", "function": {"name": "note", "parameters": TEXT_PARAMETER}},
    ]
    assert result.expects.custom_tools == {"shell", "note"}
    assert "lossy=tools[].custom.*" in result.changes.header()


@pytest.mark.parametrize(
    ("bucket", "allowed"),
    [("acme-docs", True), ("shared", True), ("Shared", False), ("globex-docs", False), ("", False), ("acme", False)],
)
def test_only_allowed_buckets_are_searched(*, bucket: str, allowed: bool) -> None:
    """Case matters, and nothing is allowed by being empty."""
    policy = Policy(buckets=("acme-*", "shared"))
    tool = retrieval("acme-1", bucket)
    if allowed:
        assert translated(policy, tools=[tool]).body["tools"] == [tool]
        return
    with pytest.raises(InvalidRequest) as caught:
        translated(policy, tools=[tool])
    assert caught.value.param == "tools[0].retrieval.bucket_ids[1]"


def test_fields_of_retrieval_are_those_of_telnyx() -> None:
    tool = {"type": "retrieval", "retrieval": {"bucket_ids": ["a"], "max_num_results": 2, "organization": "other"}}
    result = translated(Policy(buckets=("*",)), tools=[tool])
    assert result.body["tools"] == [{"type": "retrieval", "retrieval": {"bucket_ids": ["a"], "max_num_results": 2}}]
    assert "lossy=tools[].retrieval.*" in result.changes.header()


def test_a_named_choice_finishes_with_stop_and_the_others_do_not() -> None:
    tools = [function("f"), custom("g")]
    named = {"type": "custom", "custom": {"name": "g"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    assert translated(tools=tools, tool_choice=named).expects.named_choice
    assert not translated(tools=tools, tool_choice=allowed).expects.named_choice
    assert not translated(tools=tools, tool_choice="required").expects.named_choice
    assert (
        translated(tool_choice=named, tools=tools).body["tools"]
        == translated(tool_choice=allowed, tools=tools).body["tools"]
    )


def test_a_named_choice_leaves_retrieval_out() -> None:
    """The model would otherwise be free to search instead of calling the tool it was told to call."""
    result = translated(
        Policy(buckets=("*",)),
        tools=[retrieval("a"), function("f")],
        tool_choice={"type": "function", "function": {"name": "f"}},
    )
    assert result.body["tools"] == [function("f")]


def test_the_older_functions_are_remembered() -> None:
    functions = [{"name": "f", "parameters": SCHEMA}, {"name": "g", "parameters": SCHEMA}]
    auto = translated(functions=functions)
    assert auto.expects.legacy_functions
    assert not auto.expects.named_choice
    assert auto.body["tools"][0]["function"] is functions[0]
    named = translated(function_call={"name": "g"}, functions=functions)
    assert named.expects.legacy_functions
    assert named.expects.named_choice
    assert (named.body["tools"], named.body["tool_choice"]) == ([function("g")], "required")


def test_no_functions_and_no_tools_is_no_legacy() -> None:
    result = translated(functions=[], tools=[])
    assert not result.expects.legacy_functions
    assert "tools" not in result.body


@pytest.mark.parametrize(("parallel", "single"), [(False, True), (True, False)])
def test_without_parallel_calls_one_call_is_expected(*, parallel: bool, single: bool) -> None:
    result = translated(tools=[function("f")], parallel_tool_calls=parallel)
    assert result.expects.single_call is single
    assert "parallel_tool_calls" not in result.body


def test_the_number_of_tools_is_bounded() -> None:
    tools = [function(f"f{number}") for number in range(checks.TOOL_LIMIT + 1)]
    assert len(translated(tools=tools[1:]).body["tools"]) == checks.TOOL_LIMIT
    with pytest.raises(InvalidRequest, match="array too long"):
        translated(tools=tools)
    with pytest.raises(InvalidRequest, match="array too long"):
        translated(functions=[tool["function"] for tool in tools])


FUNCTION: dict[str, Any] = {"name": "f", "description": "It finds.", "parameters": {"type": "object"}}
FORMS: dict[str, dict[str, Any]] = {
    "all": {},
    "no description": {"description": ...},
    "no parameters": {"parameters": ...},
    "parameters of another type": {"parameters": []},
    "strict": {"strict": True},
    "not strict": {"strict": False},
    "strict is null": {"strict": None},
    "strict is a text": {"strict": "yes"},
    "description is null": {"description": None},
    "description is a number": {"description": 5},
    "name is a number": {"name": 5},
    "an unknown field": {"mood": "good"},
    "an unknown field instead": {"mood": "good", "description": ...},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_usual_function_becomes_what_a_close_look_makes_of_it(form: str) -> None:
    function = {key: value for key, value in {**FUNCTION, **FORMS[form]}.items() if value is not ...}
    tool = {"type": "function", "function": function}
    quick, close = Draft({}, Policy()), Draft({}, Policy())
    sent = tools._usual_function(quick, tool)
    if sent is not None:
        assert sent == tools._convert_tool(close, "tools[0]", tool)
        assert (sent is tool) == ("strict" not in function)
        assert (quick.changes, quick.expects) == (close.changes, close.expects)
    assert (sent is not None) == (form in {"all", "no description", "strict", "not strict"})
