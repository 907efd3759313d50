"""Headers as a mapping."""

import pytest

from proxy.upstream.fields import Fields

RAW = {
    b"X-Request-ID": b"abc \t",
    b"retry-after": b"3",
    b"RETRY-AFTER": b"4",
    b"x-odd": b"\xff\xc3\xa4",
    b"X-Empty": b"",
}
"""Names in an order and in cases that a server may choose."""


@pytest.mark.parametrize("name", ["x-request-id", "X-REQUEST-ID", "X-Request-ID"])
def test_headers_are_found_whatever_their_case(name: str) -> None:
    fields = Fields(RAW)
    assert fields[name] == fields.get(name) == "abc"
    assert name in fields


def test_the_first_of_several_counts() -> None:
    assert Fields(RAW)["Retry-After"] == "3"


def test_what_is_missing_is_missing() -> None:
    fields = Fields(RAW)
    assert fields.get("x-other") is None
    assert fields.get("x-other", "else") == "else"
    assert "x-other" not in fields
    assert b"x-odd" not in fields  # type: ignore[comparison-overlap]
    with pytest.raises(KeyError):
        fields["x-other"]


def test_an_empty_header_is_there() -> None:
    assert Fields(RAW).get("x-empty", "else") == ""


def test_bytes_that_are_no_text_can_be_turned_back() -> None:
    assert Fields(RAW)["x-odd"].encode("utf-8", "surrogateescape") == b"\xff\xc3\xa4"


def test_it_is_a_mapping_in_the_order_of_arrival() -> None:
    assert dict(Fields({b"B": b"1", b"a": b"2"})) == {"b": "1", "a": "2"}
    assert list(Fields({b"B": b"1", b"a": b"2"})) == ["b", "a"]
    assert len(Fields(RAW)) == 4


def test_there_may_be_none() -> None:
    assert dict(Fields({})) == {}


def test_what_it_was_made_from_may_change() -> None:
    raw = {b"a": b"1"}
    fields = Fields(raw)
    raw.clear()
    assert fields["a"] == "1"
