"""Places of the chat request, in the client's words."""

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.changes import Change, Changes
from proxy.translation.responses.places import Places, clients_param


@pytest.fixture
def places() -> Places:
    known = Places()
    known.add("messages[0]", "instructions")
    known.add("messages[2]", "input[5]")
    known.add("messages[2].tool_calls[1]", "input[7]")
    known.add("messages[2].content[1]", "input[6].content[0]")
    known.add("tools[0]", "tools[3].tools[1]")
    return known


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        ("messages[2]", "input[5]"),
        ("messages[2].role", "input[5].role"),
        ("messages[2].tool_calls[1].function.arguments", "input[7].arguments"),
        ("messages[2].tool_calls[1].custom.input", "input[7].input"),
        ("messages[2].content[1].image_url.url", "input[6].content[0].image_url"),
        ("messages[2].content[1].image_url.detail", "input[6].content[0].detail"),
        ("messages[2].content[1].file.file_data", "input[6].content[0].file_data"),
        ("messages[0].content", "instructions.content"),
        ("messages", "input"),
        ("tools[0].function.parameters", "tools[3].tools[1].parameters"),
        ("tools[0].retrieval.bucket_ids[2]", "tools[3].tools[1].vector_store_ids[2]"),
        ("tools[0].retrieval.max_num_results", "tools[3].tools[1].max_num_results"),
        ("tools[0].custom.format.type", "tools[3].tools[1].format.type"),
        ("tools", "tools"),
        ("response_format", "text.format"),
        ("response_format.type", "text.format.type"),
        ("response_format.json_schema.name", "text.format.name"),
        ("verbosity", "text.verbosity"),
        ("reasoning_effort", "reasoning.effort"),
        ("temperature", "temperature"),
        ("metadata.a", "metadata.a"),
        ("", ""),
    ],
)
def test_a_place_is_told_as_the_client_wrote_it(places: Places, place: str, origin: str) -> None:
    assert places.origin(place) == origin


def test_a_refusal_names_the_place_in_its_words_too(places: Places) -> None:
    fault = places.refusal(InvalidRequest("Bad 'messages[2].role'.", param="messages[2].role", code="invalid_value"))
    assert (fault.message, fault.param, fault.code) == ("Bad 'input[5].role'.", "input[5].role", "invalid_value")


def test_a_refusal_of_no_place_stays_as_it_is(places: Places) -> None:
    fault = InvalidRequest("No.")
    assert places.refusal(fault) is fault


def test_changes_are_told_in_the_clients_words_and_additions_in_telnyxs(places: Places) -> None:
    changes = Changes([
        Change("converted", "messages[].role"),
        Change("converted", "messages[].tool_calls[].custom"),
        Change("converted", "messages[].tool_calls[].function.arguments"),
        Change("lossy", "messages[].content[].image_url.detail"),
        Change("emulated", "messages[].content[].file"),
        Change("dropped", "tools[].function.strict"),
        Change("emulated", "tools[].custom"),
        Change("dropped", "user"),
        Change("injected", "reasoning_effort", "low"),
        Change("forced", "response_format", "{}"),
    ])  # fmt: skip
    assert [change.field for change in places.changes(changes)] == [
        "input[].role",
        "input[].input",
        "input[].arguments",
        "input[].content[].detail",
        "input[].content[].file_data",
        "tools[].strict",
        "tools[].custom",
        "user",
        "reasoning_effort",
        "response_format",
    ]


@pytest.mark.parametrize(
    ("param", "place"),
    [
        ("messages", "input"),
        ("messages[2].content", "input"),
        ("reasoning_effort", "reasoning.effort"),
        ("model", "model"),
        (None, None),
    ],
)
def test_what_telnyx_names_is_told_in_the_clients_words(param: str | None, place: str | None) -> None:
    assert clients_param(param) == place
