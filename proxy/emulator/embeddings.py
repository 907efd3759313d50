"""Embeddings of the emulated Telnyx: vectors of length 1 that follow from the text alone.

Strict like the published schema (`OpenAIEmbeddingRequest`, October 2026): texts only, no token ids. Which model takes
`dimensions` is not published; `thenlper/gte-large` was seen to answer 500 to it.
"""

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from proxy.emulator import failures, tokens, validation
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.failures import Refused
from proxy.emulator.schema import Either, ListOf, Record, Text, Whole

LENGTHS: Mapping[str, int] = MappingProxyType(
    {"thenlper/gte-large": 1024, "intfloat/multilingual-e5-large": 1024, "Qwen/Qwen3-Embedding-8B": 4096}
)
"""Numbers of a vector."""
LONGEST: Mapping[str, int] = MappingProxyType(
    {"thenlper/gte-large": 512, "intfloat/multilingual-e5-large": 512, "Qwen/Qwen3-Embedding-8B": 32_768}
)
"""Tokens of a text."""
SHORTENS = frozenset({"Qwen/Qwen3-Embedding-8B"})
"""Models that take `dimensions`."""

REQUEST = Record(
    MappingProxyType(
        {
            "input": Either((("str", Text()), ("list[str]", ListOf(Text())))),
            "model": Text(),
            "dimensions": Whole(),
            "encoding_format": Text(("float", "base64")),
            "user": Text(),
        }
    ),
    required=("input", "model"),
)

Rows = list[dict[str, Any]]


def answer(data: bytes, behaviour: Behaviour) -> bytes:
    """The answer to a request body. Raises Refused."""
    body = _validated(data, behaviour)
    model, texts = body["model"], body["input"]
    texts = [texts] if isinstance(texts, str) else texts
    length = body.get("dimensions", LENGTHS[model])
    if "dimensions" in body and model not in SHORTENS:
        raise Refused(failures.envelope(500, "10007", "Unexpected error", "An unexpected error occurred."))
    encoded = "base64-always" in behaviour.vectors or (
        body.get("encoding_format") == "base64" and "base64-ignored" not in behaviour.vectors
    )
    rows: Rows = [
        {"object": "embedding", "index": index, "embedding": _written(vector(text, length), encoded=encoded)}
        for index, text in enumerate(texts)
    ]
    for name in behaviour.vectors:
        if name in QUIRKS:
            rows = QUIRKS[name](rows)
    read = sum(map(tokens.count, texts))
    made = {"object": "list", "data": rows, "model": model}
    if behaviour.usage != "missing":
        made["usage"] = {"prompt_tokens": read, "total_tokens": read}
    return orjson.dumps(made)


def vector(text: str, length: int) -> list[float]:
    """Numbers that follow from the text, together of length 1."""
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(4 * length)
    numbers = [number / 2**31 - 1 for number in struct.unpack(f"<{length}I", raw)]
    norm = math.hypot(*numbers)
    return [number / norm for number in numbers]


def _written(numbers: list[float], *, encoded: bool) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if encoded else numbers


def _validated(data: bytes, behaviour: Behaviour) -> dict[str, Any]:
    body, faults = validation.decode(data)
    faults = faults or validation.faults(REQUEST, body)
    loc = (*validation.BODY, "input")
    if not faults and behaviour.batch and isinstance(body["input"], list) and len(body["input"]) > behaviour.batch:
        message = f"List should have at most {behaviour.batch} items after validation, not {len(body['input'])}"
        faults = [validation.fault(loc, "too_long", message)]
    if not faults and "base64-refused" in behaviour.vectors and body.get("encoding_format") == "base64":
        faults = [validation.fault((*validation.BODY, "encoding_format"), "literal_error", "Input should be 'float'")]
    if faults:
        raise Refused(failures.unprocessable(faults))
    if body["model"] not in LENGTHS:
        raise Refused(failures.no_such_model(body["model"]))
    most = LONGEST[body["model"]]
    for text in [body["input"]] if isinstance(body["input"], str) else body["input"]:
        if (count := tokens.count(text)) > most:
            detail = f"This model's maximum context length is {most} tokens, the input has {count}."
            raise Refused(failures.bad_request(detail))
    valid: dict[str, Any] = body
    return valid


def _without(name: str) -> Callable[[Rows], Rows]:
    return lambda rows: [{key: value for key, value in row.items() if key != name} for row in rows]


QUIRKS: Mapping[str, Callable[[Rows], Rows]] = MappingProxyType(
    {
        "backwards": lambda rows: rows[::-1],
        "no-index": _without("index"),
        "one-missing": lambda rows: rows[1:],
        "same-index": lambda rows: [{**row, "index": 0} for row in rows],
    }
)
"""Faults of the list of vectors."""
