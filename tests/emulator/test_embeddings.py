"""The emulated embeddings: deterministic, of length 1, and strict about the schema."""

import base64
import math
import struct
from typing import Any

import orjson
import pytest

from proxy.emulator.embeddings import LENGTHS, answer, vector
from proxy.emulator.failures import Refused
from proxy.emulator.scenarios import resolve

GTE = "thenlper/gte-large"
QWEN = "Qwen/Qwen3-Embedding-8B"


def ask(scenario: str = "default", options: Any = None, **body: Any) -> Any:
    data = orjson.dumps({"model": GTE, "input": "Hello", **body})
    return orjson.loads(answer(data, resolve(scenario, options)))


def refused(scenario: str = "default", options: Any = None, **body: Any) -> tuple[int, Any]:
    with pytest.raises(Refused) as refusal:
        ask(scenario, options, **body)
    return refusal.value.failure.status, orjson.loads(refusal.value.failure.body)


@pytest.mark.parametrize("model", LENGTHS)
def test_vectors_follow_from_the_text_alone(model: str) -> None:
    rows = ask(model=model, input=["a", "b", "a"])["data"]
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert rows[0]["embedding"] == rows[2]["embedding"] == vector("a", LENGTHS[model]) != rows[1]["embedding"]
    assert math.hypot(*rows[1]["embedding"]) == pytest.approx(1)


def test_base64_is_honoured_or_ignored_or_refused() -> None:
    text = ask(encoding_format="base64")["data"][0]["embedding"]
    assert struct.unpack("<1024f", base64.b64decode(text)) == pytest.approx(vector("Hello", 1024))
    assert isinstance(ask("embeddings-base64-ignored", encoding_format="base64")["data"][0]["embedding"], list)
    assert isinstance(ask("embeddings-base64-always")["data"][0]["embedding"], str)
    status, body = refused("embeddings-base64-refused", encoding_format="base64")
    assert (status, body["detail"][0]["loc"]) == (422, ["body", "encoding_format"])


def test_dimensions_are_for_models_that_know_them() -> None:
    assert refused(dimensions=256)[0] == 500
    assert ask(model=QWEN, dimensions=256)["data"][0]["embedding"] == vector("Hello", 256)


@pytest.mark.parametrize(
    "body", [{"input": [1, 2]}, {"input": [[1]]}, {"input": None}, {"encoding_format": "int8"}, {"unknown": 1}]
)
def test_what_is_not_in_the_schema_is_refused(body: dict[str, Any]) -> None:
    assert refused(**body)[0] == 422


def test_what_is_too_long_or_too_much_or_unknown_is_refused() -> None:
    status, body = refused(input="word " * 513)
    assert (status, "maximum context length is 512" in body["errors"][0]["detail"]) == (400, True)
    status, body = refused("embeddings-batch-bound", {"batch": 2}, input=["a", "b", "c"])
    assert (status, body["detail"][0]["type"]) == (422, "too_long")
    assert refused(model="none/such")[0] == 404
    assert refused("embeddings-batch-bound", input=3)[0] == 422


def test_usage_can_be_missing() -> None:
    assert ask(input=["one two", "three"])["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert "usage" not in ask("usage-missing")


@pytest.mark.parametrize(
    ("scenario", "indices"),
    [
        ("embeddings-backwards", [2, 1, 0]),
        ("embeddings-no-index", [None] * 3),
        ("embeddings-one-missing", [1, 2]),
        ("embeddings-same-index", [0] * 3),
    ],
)
def test_lists_can_be_odd(scenario: str, indices: list[int | None]) -> None:
    assert [row.get("index") for row in ask(scenario, input=["a", "b", "c"])["data"]] == indices
