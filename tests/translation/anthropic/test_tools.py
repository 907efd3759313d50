"""The tools of a Messages request."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.anthropic.request import translate
from proxy.translation.rules import Policy

TIME = {"name": "get_time", "description": "d", "input_schema": {"type": "object"}, "cache_control": {}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FETCH = {"type": "web_fetch_20260309", "name": "web_fetch"}
PLAIN = Policy(temperature=None)


def send(model: str = "zai-org/GLM-5.2", policy: Policy = PLAIN, **fields: Any) -> Any:
    request = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, **fields}
    made = translate(request, model, policy)
    return {name: made.body[name] for name in ("tools", "tool_choice") if name in made.body}, made.changes.header()


def test_tools_with_a_schema_go_on_as_they_are() -> None:
    tools = [TIME, {**TIME, "type": "custom", "name": "other"}]
    assert send(tools=tools, tool_choice={"type": "any"}) == ({"tools": tools, "tool_choice": {"type": "any"}}, "")


def test_searches_are_left_out_and_told() -> None:
    assert send(tools=[SEARCH, TIME, FETCH], tool_choice={"type": "auto"}) == (
        {"tools": [TIME], "tool_choice": {"type": "auto"}},
        "lossy=tools[].type",
    )


def test_with_the_last_tool_the_choice_goes() -> None:
    assert send(tools=[SEARCH], tool_choice={"type": "any"}) == ({}, "dropped=tool_choice; lossy=tools[].type")
    assert send(tools=[], tool_choice={"type": "none"}) == ({}, "dropped=tool_choice")


def test_models_of_anthropic_get_their_own_tools() -> None:
    tools = [SEARCH, {"type": "computer_20250124", "name": "computer"}]
    assert send("anthropic/claude-haiku-4-5", tools=tools) == ({"tools": tools}, "")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"name": "x"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{**TIME, "type": 1}]}, "tools[0].type"),
        ({"tools": [TIME, {"type": "bash_20250124", "name": "bash"}]}, "tools[1].type"),
        ({"tools": [TIME], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [TIME], "tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tools": [TIME], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
    ],
)
def test_what_is_no_tool_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        send(**fields)
    assert caught.value.param == param


def test_foreign_servers_are_refused_for_every_model() -> None:
    with pytest.raises(InvalidRequest):
        send("anthropic/claude-haiku-4-5", tools=[{"type": "mcp_toolset", "mcp_server_name": "x"}])


def test_a_policy_may_refuse_the_loss_of_a_search() -> None:
    with pytest.raises(InvalidRequest) as caught:
        send(policy=Policy(fields={"tools": "refuse"}), tools=[SEARCH])
    assert caught.value.param == "tools[0].type"
