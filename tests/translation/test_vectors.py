"""Vectors as the client gets them: the same numbers, whatever Telnyx's answer looks like, or an error."""

import base64
import math
import struct
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from proxy import codec
from proxy.errors import InvalidRequest, UpstreamFailed, UpstreamRejected
from proxy.translation import vectors
from proxy.translation.embeddings import Wanted
from proxy.usage import Usage

NUMBERS = [0.6, -0.8, 0.0, 1e-3]


def answer(*rows: Any, **more: Any) -> bytes:
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    return codec.encode({"object": "list", "data": list(rows), "model": "m", "usage": usage, **more})


def row(embedding: Any, index: Any = 0) -> dict[str, Any]:
    made = {"object": "embedding", "embedding": embedding}
    return made if index is None else {**made, "index": index}


def read(raw: bytes, texts: int = 1, **wanted: Any) -> vectors.Read:
    return vectors.read(raw, texts, 40, Wanted(**wanted))


def packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_numbers_keep_their_digits() -> None:
    raw = b'{"data":[{"index":0, "embedding" : [0.10, -2E-1 ,3],"object":"embedding"}],"model":"m"}'
    found = read(raw)
    assert found.values == [b"[0.10, -2E-1 ,3]"]
    assert (found.model, found.usage, found.sorted) == ("m", Usage(10, 0, source="estimated"), False)


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=8))
def test_base64_is_little_endian_floats(numbers: list[float]) -> None:
    (value,) = read(answer(row(numbers)), base64=True).values
    data = base64.b64decode(codec.decode(value))
    assert list(struct.unpack(f"<{len(numbers)}f", data)) == numbers
    assert read(answer(row(codec.decode(value))), base64=True).values == [value]


def test_bytes_are_turned_on_machines_of_the_other_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the order is told wrong here, so what comes out is turned, and what goes in is turned back."""
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    (value,) = read(answer(row(NUMBERS)), base64=True).values
    turned = base64.b64decode(codec.decode(value))
    assert struct.unpack(">4f", turned) == struct.unpack("<4f", struct.pack("<4f", *NUMBERS))
    assert read(answer(row(codec.decode(value))), base64=True).values == [value]


def test_base64_becomes_numbers_where_numbers_are_wanted() -> None:
    (value,) = read(answer(row(packed(NUMBERS)))).values
    assert codec.decode(value) == pytest.approx(NUMBERS)


def test_shorter_vectors_have_length_one() -> None:
    (value,) = read(answer(row([3.0, 4.0, 12.0])), length=2).values
    assert codec.decode(value) == pytest.approx([0.6, 0.8])
    (value,) = read(answer(row([0.0, 0.0, 1.0])), length=2).values
    assert codec.decode(value) == [0.0, 0.0], "nothing can be scaled to 1"
    (value,) = read(answer(row([3.0, 4.0, 12.0])), length=2, base64=True).values
    assert math.hypot(*struct.unpack("<2f", base64.b64decode(codec.decode(value)))) == pytest.approx(1)
    (value,) = read(answer(row([3.0, 4.0])), length=2).values
    assert value == b"[3.0,4.0]", "as the model has made it"


def test_more_dimensions_than_there_are_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read(answer(row(NUMBERS)), length=5)
    assert refusal.value.param == "dimensions"


def test_the_index_says_which_text_is_meant() -> None:
    found = read(answer(row([2.0], 1), row([1.0], 0)), 2)
    assert (found.values, found.sorted) == ([b"[1.0]", b"[2.0]"], True)
    found = read(answer(row([1.0], None), row([2.0], None)), 2)
    assert (found.values, found.sorted) == ([b"[1.0]", b"[2.0]"], False)


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (b"<html>", 1),
        (b"[]", 1),
        (b"{}", 1),
        (answer(), 1),
        (answer(3), 1),
        (answer(row(NUMBERS)), 2),
        (answer(row(NUMBERS), row(NUMBERS, 1)), 1),
        (answer(row(NUMBERS, 0), row(NUMBERS, 0)), 2),
        (answer(row(NUMBERS, 1), row(NUMBERS, 2)), 2),
        (answer(row(NUMBERS, 0), row(NUMBERS, None)), 2),
        (answer(row(NUMBERS, "0")), 1),
        (answer(row(NUMBERS, 0), row([1.0], 1)), 2),
        (answer(row([])), 1),
        (answer(row(None)), 1),
        (answer(row({})), 1),
        (answer(row([None])), 1),
        (answer(row(["a"])), 1),
        (answer(row([[1.0]])), 1),
        (answer(row([1e300])), 1),
        (answer(row("no base64!")), 1),
        (answer(row(base64.b64encode(b"abc").decode())), 1),
        (answer(row(packed([math.nan]))), 1),
        (answer(row(packed([math.inf]))), 1),
        (b'{"data":[{"index":0,"embedding":[0.1,}],"model":"m"}', 1),
        (b'{"data":[{"index":0,"embedding":[0.1,,2]}],"model":"m"}', 1),
    ],
)
def test_what_does_not_answer_each_text_with_a_vector_is_an_error(raw: bytes, texts: int) -> None:
    with pytest.raises(UpstreamFailed):
        read(raw, texts)


def test_an_error_sent_as_200_is_one() -> None:
    with pytest.raises(UpstreamRejected):
        read(codec.encode({"error": {"message": "no", "type": "invalid_request_error", "code": "x"}}))


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ({"prompt_tokens": 4, "total_tokens": 4}, Usage(4, source="upstream")),
        ({"prompt_tokens": 4}, Usage(4, source="upstream")),
        ({"total_tokens": 4}, Usage(4, source="upstream")),
        (None, Usage(10, source="estimated")),
        ({}, Usage(10, source="estimated")),
    ],
)
def test_usage_has_no_output(given: Any, usage: Usage) -> None:
    assert read(answer(row(NUMBERS), usage=given)).usage == usage


def test_a_model_without_a_name_has_none() -> None:
    assert read(answer(row(NUMBERS), model="")).model is None


def test_the_body_is_as_the_official_client_has_it() -> None:
    value = codec.decode(vectors.body([b"[1.0]", b"[2.0]"], 'a"b', Usage(7)))
    assert CreateEmbeddingResponse.model_validate(value, strict=True).to_dict() == value
    assert [each["index"] for each in value["data"]] == [0, 1]
    assert value["model"] == 'a"b'
    assert value["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
