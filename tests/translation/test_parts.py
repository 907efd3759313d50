"""Text, images and files."""

import base64
from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.parts import FILE_LIMIT, TYPES, content_size, convert_content, convert_part
from proxy.translation.rules import Draft, Policy


def draft() -> Draft:
    return Draft({}, Policy())


def image(**fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": "https://example.com/a.png", **fields}}


def text(content: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": content, **fields}


def file(data: bytes, kind: str = "text/plain", **fields: Any) -> dict[str, Any]:
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return {"type": "file", "file": {"file_data": url, **fields}}


def test_parts_that_need_no_change_stay_the_same_list() -> None:
    content = [text("a"), image()]
    assert convert_content(draft(), "m", content) is content


def test_one_changed_part_leaves_the_others_the_same() -> None:
    content = [text("a"), image(detail="auto")]
    new = convert_content(draft(), "m", content)
    assert new == [text("a"), image()]
    assert new[0] is content[0]
    assert content[1] == image(detail="auto")


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        ([text("a")], "a"),
        ([text("a"), text(""), text("b")], "a\n\nb"),
        ([text("a"), {"type": "refusal", "refusal": "No."}], "a\nNo."),
        ([file("Grüße".encode(), filename="n.txt")], "n.txt:\nGrüße"),
        ([file(b"a,b", "text/csv", filename=None)], "a,b"),
        ([file(b"", "TEXT/Markdown;charset=utf-8")], ""),
    ],
)
def test_parts_that_are_all_text_become_one_string(parts: list[dict[str, Any]], joined: str) -> None:
    assert convert_content(draft(), "m", parts) == joined


def test_text_beside_an_image_stays_a_part() -> None:
    parts = [file(b"a"), image(), {"type": "refusal", "refusal": "No."}]
    assert convert_content(draft(), "m", parts) == [text("a"), image(), text("No.")]


def test_only_text_counts_as_size() -> None:
    assert content_size("Grüße") == 7
    assert content_size([text("é"), image(), text("a")]) == 3


@pytest.mark.parametrize("detail", ["low", "high", "original"])
def test_how_closely_an_image_is_looked_at_is_lost(detail: str) -> None:
    strict = Draft({}, Policy(fields={"messages": "refuse"}))
    with pytest.raises(InvalidRequest) as caught:
        convert_part(strict, "messages[0].content[1]", image(detail=detail))
    assert caught.value.param == "messages[0].content[1].image_url.detail"
    lenient = draft()
    assert convert_part(lenient, "m", image(detail=detail)) == image()
    assert lenient.changes.header() == "lossy=messages[].content[].image_url.detail"


def test_unknown_fields_of_a_part_are_lost_and_told() -> None:
    lenient = draft()
    assert convert_part(lenient, "m", text("a", mood="good", empty=None)) == text("a")
    assert convert_part(lenient, "m", image(format="png")) == image()
    assert lenient.changes.header() == "lossy=messages[].content[].*,messages[].content[].image_url.*"


def refusal(part: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        convert_part(draft(), "m", part)
    return caught.value


def test_a_file_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    convert_part(draft(), "m", file(b"a" * (FILE_LIMIT - 2)))
    assert refusal(file(b"a" * (FILE_LIMIT + 1))).code == "unsupported_file"


@pytest.mark.parametrize(
    "data", ["data:text/plain;base64,a", "data:text/plain;base64,aGk=\n", "data:text/plain;base64,é"]
)
def test_base64_is_read_strictly(data: str) -> None:
    fault = refusal({"type": "file", "file": {"file_data": data}})
    assert (fault.param, fault.code) == ("m.file.file_data", "invalid_value")


@pytest.mark.parametrize(
    "data", ["aGk=", "", "data:application/pdf;base64,aGk=", "https://example.com/a.txt", "data:text"]
)
def test_what_is_no_text_file_is_refused(data: str) -> None:
    fault = refusal({"type": "file", "file": {"file_data": data, "filename": "a.txt"}})
    assert (fault.param, fault.code) == ("m.file.file_data", "unsupported_file")


def test_the_error_for_an_unknown_type_names_all_types() -> None:
    fault = refusal({"type": "x"})
    assert all(f"'{kind}'" in fault.message for kind in TYPES)
    assert fault.param == "m.type"
