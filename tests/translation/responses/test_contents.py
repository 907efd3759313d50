"""Parts of items. What is refused, and in which words, stands in the golden files."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.responses.contents import chat_part, check_content
from proxy.translation.responses.draft import ResponseDraft
from proxy.translation.rules import Policy


def told(part: dict[str, Any]) -> dict[str, Any]:
    check_content("input[0].content", [part])
    return chat_part(ResponseDraft({}, Policy(), []), "input[0].content[0]", part)


@pytest.mark.parametrize("kind", ["input_text", "output_text", "text", "summary_text", "reasoning_text"])
def test_a_text_is_a_text_by_whatever_name(kind: str) -> None:
    assert told({"type": kind, "text": "A", "annotations": []}) == {"type": "text", "text": "A"}


@pytest.mark.parametrize("kind", ["input_image", "computer_screenshot"])
def test_an_image_is_given_by_its_address(kind: str) -> None:
    assert told({"type": kind, "image_url": "u"}) == {"type": "image_url", "image_url": {"url": "u"}}
    seen = told({"type": kind, "image_url": "u", "detail": "low", "file_id": None})
    assert seen == {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}


def test_a_file_is_sent_along() -> None:
    assert told({"type": "input_file", "file_data": "d"}) == {"type": "file", "file": {"file_data": "d"}}
    named = told({"type": "input_file", "file_data": "d", "filename": "a.txt", "file_id": "file_1"})
    assert named == {"type": "file", "file": {"file_data": "d", "filename": "a.txt"}}


def test_sounds_and_refusals_are_as_in_chat() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    assert told(sound) == sound
    assert told({"type": "refusal", "refusal": "No."}) == {"type": "refusal", "refusal": "No."}


@pytest.mark.parametrize("name", ["file_id", "file_url"])
def test_the_refusal_of_a_file_that_is_elsewhere_says_where_the_client_wrote_it(name: str) -> None:
    with pytest.raises(InvalidRequest) as fault:
        told({"type": "input_file", name: "x"})
    assert fault.value.param == f"input[0].content[0].{name}"


def test_a_text_needs_no_parts() -> None:
    check_content("input[0].content", "A")
