"""The words of an upstream error, out of any shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.translation import error_shapes
from proxy.translation.error_shapes import NAME_LIMIT, PART_LIMIT, TEXT_LIMIT, Said, said
from tests.translation.chat_requests import anything

SHAPES: dict[str, tuple[Any, Said]] = {
    # Telnyx
    "telnyx": (
        {
            "errors": [
                {
                    "code": "10015",
                    "title": "Bad Request",
                    "detail": "It is refused.",
                    "source": {"pointer": "/base"},
                    "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/10015"},
                }
            ]
        },
        Said("It is refused.", "10015"),
    ),
    "telnyx, code as a number": ({"errors": [{"code": 10015, "detail": "No."}]}, Said("No.", "10015")),
    "telnyx, only a title": ({"errors": [{"code": "10009", "title": "Unauthorized"}]}, Said("Unauthorized", "10009")),
    "telnyx, an empty detail": ({"errors": [{"code": "1", "title": "T", "detail": ""}]}, Said("T", "1")),
    "telnyx, only a code": ({"errors": [{"code": "10007"}]}, Said("", "10007")),
    "telnyx, a description": ({"errors": [{"title": None, "description": "Why."}]}, Said("Why.")),
    "telnyx, a pointer": (
        {"errors": [{"code": "10004", "detail": "D", "source": {"pointer": "/messages/0/content"}}]},
        Said("D", "10004", "messages[0].content"),
    ),
    "telnyx, a pointer into the body": (
        {"errors": [{"detail": "D", "source": {"pointer": "/body/model"}}]},
        Said("D", None, "model"),
    ),
    "telnyx, a parameter": ({"errors": [{"detail": "D", "source": {"parameter": "n"}}]}, Said("D", None, "n")),
    "telnyx, an odd source": ({"errors": [{"detail": "D", "source": {"pointer": ["n"]}}]}, Said("D")),
    "telnyx, a source that is text": ({"errors": [{"detail": "D", "source": "n"}]}, Said("D")),
    "telnyx, several": (
        {"errors": [{"code": "1", "detail": "One."}, {"code": "2", "detail": "Two."}, {"code": "3"}]},
        Said("One.; Two.", "1"),
    ),
    "telnyx, not in a list": ({"errors": {"code": "10015", "detail": "No."}}, Said("No.", "10015")),
    "telnyx, texts": ({"errors": ["One.", "Two."]}, Said("One.; Two.")),
    "telnyx, by field": ({"errors": {"n": ["is bad"], "seed": ["is worse"]}}, Said("is bad; is worse")),
    "telnyx, text": ({"errors": "Words."}, Said("Words.")),
    # FastAPI
    "fastapi": (
        {"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Field required", "type": "missing"}]},
        Said("messages[0].content: Field required", "missing", "messages[0].content"),
    ),
    "fastapi, several": (
        {"detail": [{"loc": ["body", "n"], "msg": "A", "type": "x"}, {"loc": ["body"], "msg": "B", "type": "y"}]},
        Said("n: A; B", "x", "n"),
    ),
    "fastapi, no place": ({"detail": [{"msg": "A", "type": "x"}]}, Said("A", "x")),
    "fastapi, a place in bytes": (
        {"detail": [{"loc": ["body", 42], "msg": "JSON decode error", "type": "json_invalid"}]},
        Said("JSON decode error", "json_invalid"),
    ),
    "fastapi, a place that is text": ({"detail": [{"loc": "body", "msg": "A"}]}, Said("A")),
    "fastapi, text": ({"detail": "The model is currently unavailable."}, Said("The model is currently unavailable.")),
    "fastapi, texts": ({"detail": ["A", "B"]}, Said("A; B")),
    "fastapi, an object": (
        {"detail": {"message": "A", "code": "b", "param": "n"}},
        Said("A", "b", "n"),
    ),
    "fastapi, an object with an error": ({"detail": {"error": "A", "code": 5}}, Said("A", "5")),
    # OpenAI
    "openai": (
        {"error": {"message": "A", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}},
        Said("A", "invalid_value", "n", "invalid_request_error"),
    ),
    "openai, nulls": (
        {"error": {"message": "A", "type": "t", "param": None, "code": None}},
        Said("A", None, None, "t"),
    ),
    "openai, code as a number": ({"error": {"message": "A", "code": 400}}, Said("A", "400")),
    "openai, an empty code": ({"error": {"message": "A", "code": "", "type": ""}}, Said("A")),
    "openai, odd values": ({"error": {"message": "A", "code": True, "type": 1.5, "param": []}}, Said("A")),
    "openai, other words": ({"error": {"code": "c", "reason": "A", "hint": "B"}}, Said("A; B", "c")),
    "openai, a message in pieces": ({"error": {"message": {"text": "A", "more": ["B", 7]}}}, Said("A; B; 7")),
    "openai, text": ({"error": "Boom."}, Said("Boom.")),
    "openai, true": ({"error": True}, Said()),
    "openai, a number": ({"error": 17}, Said("17")),
    "openai beside telnyx": ({"error": {"message": "A"}, "errors": [{"detail": "B"}]}, Said("A")),
    "openai null beside telnyx": ({"error": None, "errors": [{"detail": "B"}]}, Said("B")),
    "in an answer": ({"choices": [], "error": {"message": "A", "type": "t"}}, Said("A", None, None, "t")),
    # flat
    "flat": ({"object": "error", "message": "A", "type": "t", "code": 400}, Said("A", "400", None, "t")),
    "flat, empty": ({"message": ""}, Said()),
}


@pytest.mark.parametrize("case", SHAPES)
def test_every_shape_is_read(case: str) -> None:
    value, expected = SHAPES[case]
    assert said(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None, 1, "error", [], ["error"], {}, {"error": None}, {"error": ""},
        {"error": {}, "errors": [], "detail": None}, {"message": None}, {"message": {"content": "Hi"}},
        {"choices": [], "message": "A"}, {"choices": [{}], "detail": "high"},
    ],
)  # fmt: skip
def test_what_is_no_error_is_none(value: Any) -> None:
    assert said(value) is None


@pytest.mark.parametrize(
    ("loc", "param"),
    [
        ([], None),
        (["body"], None),
        (["body", "body"], None),
        (["body", "stop", 3], "stop[3]"),
        (["body", "tools", 0, "function", "body"], "tools[0].function.body"),
        (["query", "api-version"], "query.api-version"),
        (["body", "messages", "0", "role"], "messages[0].role"),
        (["body", "a", None, "", "b"], "a.b"),
    ],
)
def test_a_place_is_written_as_openai_does(loc: list[Any], param: str | None) -> None:
    found = said({"detail": [{"loc": loc, "msg": "No."}]})
    assert found is not None
    assert found.param == param


def test_a_path_is_bounded_at_a_step() -> None:
    found = said({"detail": [{"loc": ["body", *(["step"] * 1000)], "msg": "No."}]})
    assert found is not None
    assert found.param is not None
    assert set(found.param.split(".")) == {"step"}
    assert len(found.param) <= NAME_LIMIT + 1


def test_a_name_that_is_too_long_is_none() -> None:
    assert said({"error": {"message": "A", "code": "x" * (NAME_LIMIT + 1), "type": "y" * NAME_LIMIT}}) == Said(
        "A", None, None, "y" * NAME_LIMIT
    )


def test_a_thousand_faults_make_a_message_of_some() -> None:
    found = said({"detail": [{"loc": ["body", number], "msg": f"fault {number}"} for number in range(1000)]})
    assert found is not None
    assert found.message.count("fault") == PART_LIMIT


def test_a_long_message_is_cut_at_a_word() -> None:
    found = said({"error": {"message": "word " * TEXT_LIMIT + "KEY0123456789abcdef"}})
    assert found is not None
    assert TEXT_LIMIT - 5 <= len(found.message) <= TEXT_LIMIT
    assert set(found.message.split(" ")) == {"word"}


def nested(levels: int, leaf: Any) -> Any:
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"x": value}
    return value


@pytest.mark.parametrize("place", ["error", "errors", "detail"])
def test_words_are_found_at_any_depth(place: str) -> None:
    """Deeper than the interpreter may recurse."""
    found = said({place: nested(5000, "far down")})
    assert found is not None
    assert found.message == "far down"


@pytest.mark.parametrize("name", ["message", "code", "type", "param"])
def test_any_field_may_hold_a_thousand_levels(name: str) -> None:
    found = said({"error": {"message": "A", name: nested(5000, "far down")}})
    assert found is not None
    assert (found.code, found.type, found.param) == (None, None, None)


def test_any_step_and_source_may_hold_a_thousand_levels() -> None:
    deep = nested(5000, "far down")
    assert said({"detail": [{"loc": [deep, "n"], "msg": deep, "type": deep}]}) == Said("n: far down", None, "n")
    assert said({"errors": [{"code": deep, "detail": deep, "source": {"pointer": deep}}]}) == Said("far down")


@given(anything(st.sampled_from(["error", "errors", "detail", "message", "code", "type", "msg", "loc", "source"])))
def test_whatever_it_is_what_is_read_has_its_types_and_bounds(value: Any) -> None:
    for found in (said(value), said({"error": value}), said({"errors": value}), said({"detail": value})):
        if found is not None:
            assert type(found.message) is str
            assert len(found.message) <= TEXT_LIMIT
            for name in (found.code, found.param, found.type):
                assert name is None or (type(name) is str and name)
            assert not found.html


def test_the_shapes_are_told_in_the_file() -> None:
    documented = error_shapes.__doc__ or ""
    assert [mark for mark in ('"errors"', '"detail"', '"error"', '"message"') if mark not in documented] == []


@pytest.mark.parametrize(
    ("loc", "param"),
    [
        (["body", "messages", 0, "content", "str"], "messages[0].content"),
        (["body", "messages", 0, "content", "list[ContentPart]", 0, "type"], "messages[0].content[0].type"),
        (["body", "tools", 0, "function", "function", "name"], "tools[0].function.name"),
        (["body", "stop", 1, 1], "stop[1][1]"),
    ],
)
def test_the_members_of_a_union_are_no_part_of_the_path(loc: list[str | int], param: str) -> None:
    found = said({"detail": [{"loc": loc, "msg": "Input should be valid", "type": "string_type"}]})
    assert found is not None
    assert found.param == param


def test_a_path_without_end_is_cut() -> None:
    steps = [f"step{number}" for number in range(NAME_LIMIT)]
    found = said({"detail": [{"loc": ["body", *steps], "msg": "too deep"}]})
    assert found is not None
    assert found.param is not None
    assert found.param.startswith("step0.step1.")
    assert len(found.param) <= 2 * NAME_LIMIT
