"""Vectors, from Telnyx's answer to the client's. PURE.

A thousand vectors of 1,024 numbers are 20 MB of JSON. To decode them in one go would take a tenth of a second, in which
nobody else is served, not even from another thread: the decoder holds Python's lock. So the arrays are cut out of the
answer first, decoded one by one, and each is made what the client wants before the next. Numbers that go on as numbers
keep the digits in which Telnyx wrote them.

OpenAI's base64 is that of little-endian 32-bit floats: https://platform.openai.com/docs/api-reference/embeddings
"""

import binascii
import math
import re
import sys
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.translation import embeddings, failures, metering
from proxy.usage import Usage

_ARRAY = re.compile(rb'"embedding"\s*+:\s*+(\[[^\[\]{}"]*+\])')
"""The vector of a row. What it holds is for the decoder to judge."""
_PLACE = "array"
"""Stands where an array was cut out, with its number."""
LARGEST = 3.4e38
"""What a 32-bit float can hold."""


class Read(NamedTuple):
    """The answer to one batch.

    Attributes:
        values: the vectors in the order of the texts, as the client gets them: JSON.
        usage: what it consumed.
        model: the Telnyx id that served, None where it is not told.
        sorted: Telnyx had them in another order.
    """

    values: list[bytes]
    usage: Usage
    model: str | None
    sorted: bool


def read(raw: bytes, texts: int, input_bytes: int, wanted: embeddings.Wanted) -> Read:
    """The body of a 200 for so many texts. Raises UpstreamFailed for what does not answer each of them with a vector.

    Raises InvalidRequest where more dimensions are wanted than there are, and what `failures` reads out of an error.
    """
    value, arrays = _cut(raw)
    error = failures.from_event(value)
    if error is not None:
        raise error
    rows = value.get("data") if type(value) is dict else None
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise UpstreamFailed("Telnyx answered 200 without a list of embeddings.")
    if len(rows) != texts:
        raise UpstreamFailed(f"Telnyx answered {texts} texts with {len(rows)} embeddings.")
    order = _order([row.get("index") for row in rows])
    vectors = [_vector(rows[place].get("embedding"), arrays, wanted) for place in order]
    lengths = {length for length, _ in vectors}
    if len(lengths) > 1:
        raise UpstreamFailed("Telnyx answered with embeddings of different lengths.")
    served = value.get("model")
    return Read(
        [made for _, made in vectors],
        _usage(value.get("usage"), input_bytes),
        served if type(served) is str and served else None,
        order != sorted(order),
    )


def body(values: Sequence[bytes], model: str, usage: Usage) -> bytes:
    """OpenAI's list of vectors: JSON, put together without encoding them again."""
    pieces: list[bytes] = []  # of which each is copied once: together they may be 20 MB
    for index, value in enumerate(values):
        pieces += b'%b{"object":"embedding","index":%d,"embedding":' % (b"," if index else b"", index), value, b"}"
    tokens = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    rest = b'],"model":%b,"usage":%b}' % (codec.encode(model), codec.encode(tokens))
    return b"".join((b'{"object":"list","data":[', *pieces, rest))


def _cut(raw: bytes) -> tuple[Any, list[bytes]]:
    """The answer with a number in place of each vector, and the vectors. Raises UpstreamFailed for what is no JSON."""
    pieces: list[bytes] = []
    arrays: list[bytes] = []
    end = 0
    for found in _ARRAY.finditer(raw):
        pieces += raw[end : found.start()], b'"embedding":{"%b":%d}' % (_PLACE.encode(), len(arrays))
        arrays.append(found[1])
        end = found.end()
    pieces.append(raw[end:])
    try:
        return codec.decode(b"".join(pieces)), arrays
    except codec.NotJson:
        raise UpstreamFailed("Telnyx answered 200 with something that is not JSON instead of embeddings.") from None


def _order(indices: list[Any]) -> list[int]:
    """Where the answer to each text stands. Without any index it is the order in which they came."""
    if all(index is None for index in indices):
        return list(range(len(indices)))
    places = {index: place for place, index in enumerate(indices) if type(index) is int}
    if sorted(places) != list(range(len(indices))):
        raise UpstreamFailed("Telnyx answered with embeddings whose indices do not fit the texts.")
    return [places[index] for index in range(len(indices))]


def _vector(value: Any, arrays: list[bytes], wanted: embeddings.Wanted) -> tuple[int, bytes]:
    """The length of a vector, and the vector as the client gets it."""
    digits = arrays[value[_PLACE]] if type(value) is dict and type(value.get(_PLACE)) is int else None
    numbers = _unpacked(value) if type(value) is str else _numbers(digits)
    norm = math.hypot(*numbers)
    if not (numbers and norm <= LARGEST):  # not: a NaN compares with nothing
        raise UpstreamFailed("Telnyx answered with an embedding that is empty or not finite.")
    length = len(numbers)
    if wanted.length is not None:
        embeddings.expect_length(wanted.length, length)
        if wanted.length < length:
            numbers, digits = _shortened(numbers[: wanted.length]), None
    if wanted.base64:
        return length, b'"%b"' % binascii.b2a_base64(_packed(numbers), newline=False)
    return length, codec.encode(numbers) if digits is None else digits


def _numbers(digits: bytes | None) -> list[float]:
    try:
        numbers: list[float] = codec.decode(digits or b"null")
        array("d", numbers)
    except (codec.NotJson, TypeError):
        raise UpstreamFailed("Telnyx answered with an embedding that is no list of numbers.") from None
    return numbers


def _shortened(numbers: list[float]) -> list[float]:
    """The beginning of a vector, of length 1 again."""
    norm = math.hypot(*numbers)
    return [number / norm for number in numbers] if norm else numbers


def _packed(numbers: list[float]) -> bytes:
    packed = array("f", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _unpacked(text: str) -> list[float]:
    """A server may answer in base64 whatever it was asked for."""
    try:
        packed = array("f", binascii.a2b_base64(text, strict_mode=True))
    except ValueError:  # also for bytes that end within a number
        raise UpstreamFailed("Telnyx answered with an embedding in base64 that cannot be read.") from None
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


def _usage(given: Any, input_bytes: int) -> Usage:
    """What is read has no output; a usage that does not say so is complete all the same."""
    said = {**given, "completion_tokens": 0} if type(given) is dict else None
    return metering.measure(said, input_bytes, 0)
