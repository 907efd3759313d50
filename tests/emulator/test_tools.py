"""When a tool is called, which, and with what."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import pytest

from proxy.emulator import tools
from proxy.emulator.patterns import Unsupported

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TIME: dict[str, Any] = {"name": "get_time"}
MAIL: dict[str, Any] = {"name": "send_mail"}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def names(available: list[dict[str, Any]], message: dict[str, Any], choice: str = "auto") -> list[str]:
    return [tool["name"] for tool in tools.chosen(available, [message], choice)]


@pytest.mark.parametrize(
    ("available", "message", "choice", "called"),
    [
        ([], user("get_weather"), "required", []),
        ([WEATHER], user("get_weather"), "none", []),
        ([WEATHER], user("hello"), "auto", ["get_weather"]),
        ([WEATHER, TIME], user("hello"), "auto", []),
        ([WEATHER, TIME], user("hello"), "required", ["get_weather"]),
        ([WEATHER, TIME], user("please GET TIME"), "auto", ["get_time"]),
        ([WEATHER, TIME], user([{"type": "text", "text": "get_time"}]), "auto", ["get_time"]),
        ([WEATHER, TIME], user("get_time and get_weather"), "auto", ["get_weather"]),
        ([WEATHER, TIME, MAIL], user("both get_time and send_mail"), "auto", ["get_time", "send_mail"]),
        ([WEATHER, TIME], user("in parallel"), "auto", ["get_weather", "get_time"]),
        ([WEATHER, TIME], user("a bothersome day"), "auto", []),
        ([WEATHER], {"role": "tool", "content": "get_weather"}, "auto", []),
        ([WEATHER], {"role": "tool", "content": "sunny"}, "required", ["get_weather"]),
        ([WEATHER], {"role": "assistant", "content": "get_weather"}, "auto", []),
    ],
)
def test_the_rule(available: list[dict[str, Any]], message: dict[str, Any], choice: str, called: list[str]) -> None:
    assert names(available, message, choice) == called


def test_arguments_conform_to_the_parameters() -> None:
    first, second = tools.calls([WEATHER, TIME], "seed")
    jsonschema.validate(json.loads(first.arguments), WEATHER["parameters"])
    assert second.arguments == "{}"
    assert "".join(first.pieces) == first.arguments
    assert len(first.pieces) > 1


def test_ids_look_like_those_of_telnyx_and_depend_on_the_request_and_the_place() -> None:
    first, second = tools.calls([TIME, TIME], "seed")
    assert first.id.startswith("call_")
    assert len(first.id) == len("call_c31258d2-78a8-4566-b716-e3b2a774cbdb")
    assert len({first.id, second.id, tools.calls([TIME], "other")[0].id}) == 3
    assert tools.calls([TIME], "seed")[0].id == first.id


def test_parameters_that_nothing_conforms_to_are_refused() -> None:
    with pytest.raises(Unsupported):
        tools.calls([{"name": "f", "parameters": {"type": "string", "minLength": 3, "maxLength": 1}}], "seed")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "hi"}, "hi"),
        ({"content": None}, ""),
        ({}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]}, "a b"),
    ],
)
def test_text_is_read_from_either_form_of_content(message: dict[str, Any], text: str) -> None:
    assert tools.text_of(message) == text
