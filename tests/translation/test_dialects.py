"""The two published forms of the request, and the way from one to the other."""

import copy
from typing import Any

import pytest
from hypothesis import given

from proxy.translation import dialects
from proxy.translation.changes import Change
from proxy.translation.dialects import Body
from tests.translation import bodies

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
HI = [{"role": "user", "content": "Say hi."}]
CAT, DOG = "https://example.com/cat.png", "data:image/png;base64,aGk="


def body(**fields: Any) -> Body:
    return {"model": "a/b", "messages": HI, **fields}


def image(address: Any) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": address}],
    }


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.field) for change in changes]


EARLIER: dict[str, tuple[Body, Body, list[tuple[str, str]]]] = {
    "nothing new": (body(temperature=1, max_tokens=5), body(temperature=1, max_tokens=5), []),
    "a schema": (
        body(response_format=BY_SCHEMA),
        body(guided_json=SCHEMA),
        [("converted", "response_format")],
    ),
    "any object": (body(response_format={"type": "json_object"}), body(response_format={"type": "json_object"}), []),
    "no thinking": (
        body(reasoning_effort="none"),
        body(enable_thinking=False),
        [("converted", "reasoning_effort")],
    ),
    "minimal thinking": (
        body(reasoning_effort="minimal"),
        body(enable_thinking=False),
        [("converted", "reasoning_effort")],
    ),
    "some thinking": (body(reasoning_effort="low"), body(enable_thinking=True), [("lossy", "reasoning_effort")]),
    "thinking said twice": (
        body(reasoning_effort="high", enable_thinking=False),
        body(enable_thinking=False),
        [("lossy", "reasoning_effort")],
    ),
    "thinking said twice, against each other": (
        body(reasoning_effort="none", enable_thinking=True),
        body(enable_thinking=True),
        [("lossy", "reasoning_effort")],
    ),
    "no effort at all": (
        body(reasoning_effort=None),
        body(enable_thinking=True),
        [("lossy", "reasoning_effort")],
    ),
    "where and how fast": (
        body(service_tier="flex", region="EU", mode="preferred"),
        body(),
        [("lossy", "service_tier"), ("lossy", "region"), ("lossy", "mode")],
    ),
    "an image": (
        {"model": "a/b", "messages": [image({"url": CAT}), *HI]},
        {"model": "a/b", "messages": [image(CAT), *HI]},
        [("converted", "image_url")],
    ),
}


@pytest.mark.parametrize("case", EARLIER)
def test_the_earlier_dialect_says_the_same(case: str) -> None:
    given_body, expected, changes = EARLIER[case]
    before = copy.deepcopy(given_body)
    made, done = dialects.speak_earlier(given_body)
    assert made == expected
    assert told(done) == changes
    assert all(change.reason for change in done)
    assert given_body == before
    assert (made is given_body) == (not changes)


def test_the_fields_of_the_newer_dialect_are_those_that_only_its_schema_has() -> None:
    newest, earlier = (checks.schema["properties"].keys() for checks in (bodies.NEWEST, bodies.EARLIER))
    assert set(dialects.ONLY_IN_NEWEST) == (newest - earlier) - {"max_completion_tokens"}
    assert earlier <= newest


@given(bodies.canonical)
def test_the_earlier_dialect_knows_no_newer_field(canonical: Body) -> None:
    before = copy.deepcopy(canonical)
    made, _ = dialects.speak_earlier(canonical)
    bodies.EARLIER.validate(made)
    assert {"reasoning_effort", "service_tier", "region", "mode"}.isdisjoint(made)
    assert dialects.schema_of(made) is None
    assert not dialects.has_images(made, dict)
    assert canonical == before
    again, changes = dialects.speak_earlier(made)
    assert again is made
    assert changes == []


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (BY_SCHEMA, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}, {}),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, None),
        ({"type": "json_schema", "json_schema": None}, None),
        ({"type": "json_schema"}, None),
        ({"type": "json_object"}, None),
        ({"type": "text", "json_schema": {"schema": SCHEMA}}, None),
        ("json_schema", None),
        (None, None),
    ],
)
def test_a_schema_is_found_where_there_is_one(form: Any, schema: Any) -> None:
    """Operators inject this field as it is, so it may lack anything."""
    assert dialects.schema_of(body(response_format=form)) == schema
    made, changes = dialects.guide_by_schema(body(response_format=form))
    assert made == (body(guided_json=schema) if schema is not None else body(response_format=form))
    assert bool(changes) == (schema is not None)


# Images


def test_images_go_both_ways() -> None:
    objects: Body = {"messages": [image({"url": CAT}), *HI, image({"url": DOG})], "n": 1}
    strings: Body = {"messages": [image(CAT), *HI, image(DOG)], "n": 1}
    assert dialects.images_as_strings(objects)[0] == strings
    assert dialects.images_as_objects(strings)[0] == objects
    assert (dialects.has_images(objects, dict), dialects.has_images(objects, str)) == (True, False)
    assert (dialects.has_images(strings, dict), dialects.has_images(strings, str)) == (False, True)
    assert objects["messages"][0] == image({"url": CAT}), "the input is not changed"


def test_images_of_both_shapes_become_one() -> None:
    mixed: Body = {"messages": [image({"url": CAT}), image(DOG)]}
    assert dialects.images_as_strings(mixed)[0]["messages"] == [image(CAT), image(DOG)]
    assert dialects.images_as_objects(mixed)[0]["messages"] == [image({"url": CAT}), image({"url": DOG})]


@pytest.mark.parametrize(
    "messages",
    [HI, [], [{"role": "user", "content": [{"type": "text", "text": "No picture."}]}], [{"role": "assistant"}]],
)
def test_without_images_nothing_changes(messages: list[Any]) -> None:
    given_body: Body = {"messages": messages}
    for turn in (dialects.images_as_strings, dialects.images_as_objects):
        made, changes = turn(given_body)
        assert made is given_body
        assert changes == []
    assert not dialects.has_images(given_body, dict)
    assert not dialects.has_images({}, str)


@given(bodies.canonical)
def test_there_and_back_is_the_same_request(canonical: Body) -> None:
    strings, _ = dialects.images_as_strings(canonical)
    objects, _ = dialects.images_as_objects(canonical)
    assert dialects.images_as_objects(strings)[0] == objects
    assert dialects.images_as_strings(objects)[0] == strings


def test_messages_that_need_no_change_stay_the_same_objects() -> None:
    given_body: Body = {"messages": [*HI, image({"url": CAT})]}
    assert dialects.images_as_strings(given_body)[0]["messages"][0] is HI[0]


def test_a_copy_may_lack_several_fields() -> None:
    given_body: Body = {"a": 1, "b": 2, "c": 3}
    assert dialects.without(given_body, "a", "c", "d") == {"b": 2}
    assert dialects.without(given_body) == given_body
    assert dialects.without(given_body) is not given_body
