"""Bodies that are made to trip: secrets, false alarms, whatever bytes, endless texts."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy import codec
from proxy.translation import failures
from proxy.translation.error_shapes import Said
from proxy.translation.failures import (
    MESSAGE_LIMIT,
    RETRY_AFTER,
    Circumstances,
    beyond_repair,
    from_event,
    from_response,
    read,
)
from tests.translation.chat_requests import anything
from tests.translation.telnyx_failures import (
    AROUND,
    CREDENTIAL,
    HEADERS,
    MARKS,
    RESPONSES,
    detail,
    fastapi,
    openai,
    telnyx,
)

# False alarms

ORDINARY = [
    "The word 'spend' is not allowed in a tool's name.",
    "messages[0].content: I have insufficient funds and am out of credit.",
    "The model's tool parser is not available.",
    "This model does not support tools: the feature 'tools' is not available.",
    "The model does not support logprobs.",
    "This model is not available in the requested region.",
    "Unknown model parameter 'foo'.",
    "The model name must be a string.",
    "Parameter 'modality' not found for model.",
    "The tool 'context' must have a name of length 1 or more.",
    "n greater than 1 is not supported with this model.",
    "An API keyboard is not required.",
]


@pytest.mark.parametrize("words", ORDINARY)
@pytest.mark.parametrize(
    "shape", [telnyx("10015", "{}"), detail("{}"), openai("{}"), fastapi("value_error", "{}", "n")]
)
def test_an_ordinary_refusal_stays_one(words: str, shape: bytes) -> None:
    body = codec.encode(codec.decode(shape.replace(b"{}", codec.encode(words)[1:-1])))
    error = from_response(422, {}, body, AROUND)
    assert (error.status, error.code) == (400, "invalid_value")
    assert words in error.message
    assert not beyond_repair(read(body))


MISSING = [
    "The model 'x' does not exist.",
    "The model `x` does not exist or you do not have access to it.",
    "Model not found",
    "model: a/b-1 was not found",
    'The requested model "x" could not be found.',
    "The model is not available.",
    "The model gpt-4o is no longer available.",
    "This model is unknown.",
    "invalid model",
    "No such model.",
    "Unknown model 'x'",
    "The model name 'x' is not recognized, or: model x/y does not exist.",
]


@pytest.mark.parametrize("words", MISSING)
@pytest.mark.parametrize("status", [400, 422])
def test_a_missing_model_is_one_whatever_the_words(words: str, status: int) -> None:
    error = from_response(status, {}, detail(words), AROUND)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert beyond_repair(Said(words))


@pytest.mark.parametrize(
    "said",
    [
        Said("maximum context length"),
        Said("OpenAI API key required"),
        Said("The model is currently unavailable"),
        Said(code="context_length_exceeded"),
    ],
)
def test_some_refusals_are_beyond_repair(said: Said) -> None:
    assert beyond_repair(said)
    assert not beyond_repair(Said("stream_options: extra inputs are not permitted"))


# Secrets

SECRETS = {
    "the credential": (CREDENTIAL, CREDENTIAL),
    "as a bearer": (f"Bearer {CREDENTIAL}", CREDENTIAL),
    "in JSON": (f'{{"authorization": "Bearer {CREDENTIAL}"}}', CREDENTIAL),
    "in other words": (f"x{CREDENTIAL}y", CREDENTIAL),
    "another Telnyx key": ("KEY_0123456789abcdef", "0123456789abcdef"),
    "another Telnyx key in a name": ("the_KEY0123456789abcdef_x", "0123456789abcdef"),
    "a key of OpenAI": ("sk-proj-abcdefghijkl", "abcdefghijkl"),
    "a key of this proxy": ("sk-tp-" + "a" * 49, "a" * 49),
    "a key of the gateway": ("ltg_sk_abcdefghijkl", "abcdefghijkl"),
    "an unknown bearer": ("authorization: bearer   whatever", "whatever"),
}
PLACES = {
    "at the beginning": "{} is bad",
    "at the end": "This is bad: {}",
    "right before the cut": "x" * (MESSAGE_LIMIT - 60) + " {}",
    **{f"{left} before the cut": "x" * (MESSAGE_LIMIT - left - 1) + " {}" for left in range(1, 60, 3)},
    "behind the cut": "x" * MESSAGE_LIMIT + " {}",
    "after much that is redacted": "KEY0123456789abcdefghijklmnop " * 500 + "{}",
    "in quotes": 'key "{}"',
    "in brackets": "[{}]",
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_never_repeated_in_whole_or_in_half(secret: str, place: str) -> None:
    text, inner = SECRETS[secret]
    words = PLACES[place].replace("{}", text)
    for body in (telnyx("10015", words), openai(words), detail(words), fastapi("x", words, "n")):
        for status in (400, 404, 429, 500, 503):
            error = from_response(status, {}, body, AROUND)
            assert not any(inner[:length] in error.message for length in (8, len(inner)) if length <= len(inner))
            assert len(error.message) < 2 * MESSAGE_LIMIT


@pytest.mark.parametrize("name", ["code", "type", "param"])
@pytest.mark.parametrize("secret", [CREDENTIAL, "sk-proj-abcdefghijkl"])
def test_a_secret_is_not_repeated_in_other_fields(name: str, secret: str) -> None:
    value = {"error": {"message": "No.", "type": "t", "code": "c", "param": "p", name: secret}}
    assert secret not in str(from_response(400, {}, codec.encode(value), AROUND).envelope())
    error = from_event(value, AROUND)
    assert error is not None
    assert secret not in str(error.envelope())


def test_of_two_secrets_one_may_be_the_beginning_of_the_other() -> None:
    around = Circumstances(secrets=("", "s3cret", "s3cret-and-more"))
    assert from_response(400, {}, detail("It is s3cret-and-more."), around).message == "It is [redacted]."


# Whatever it is

STATUSES = st.integers(100, 599).filter(lambda status: not 200 <= status < 300)
BODIES = (
    st.binary()
    | anything(MARKS).map(codec.encode)
    | st.sampled_from([body for _, body, _ in RESPONSES.values()])
    | st.sampled_from(ORDINARY + MISSING).map(detail)
)


@given(STATUSES, HEADERS, BODIES)
def test_no_failure_ever_becomes_a_success(status: int, headers: Mapping[str, str], body: bytes) -> None:
    error = from_response(status, CIMultiDict(headers), body, AROUND)
    assert 400 <= error.status <= 599
    inner = codec.decode(codec.encode(error.envelope()))["error"]
    assert set(inner) == {"message", "type", "param", "code"}
    assert isinstance(inner["message"], str)
    assert inner["message"]
    assert isinstance(inner["type"], str)
    assert inner["type"]
    assert isinstance(inner["code"], str)
    assert inner["code"]
    assert inner["param"] is None or isinstance(inner["param"], str)
    if error.retry_after is not None:
        assert RETRY_AFTER[0] <= error.retry_after <= RETRY_AFTER[1]
    assert (error.retry_after is not None) == (error.status in {429, 503} and error.should_retry is None)
    assert error.kind is not None


HOSTILE = {
    "two megabytes of words": detail("word " * 400_000),
    "two megabytes of one word": detail("x" * 2_000_000),
    "a hundred thousand rows": codec.encode({"errors": [{"code": "1", "detail": "x"}] * 100_000}),
    "nested to the limit": b'{"error": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "nested beyond it": b'{"error": ' + b"[" * 100_000,
    "nested message": b'{"error": {"message": ' + b"[" * 1000 + b"]" * 1000 + b"}}",
    "binary": bytes(range(256)) * 100,
    "utf-16": '{"message": "x"}'.encode("utf-16"),
    "a page": b"<!doctype html>" + b"<p>model not found</p>" * 10_000,
    "a page with a byte order mark": b"\xef\xbb\xbf\r\n <html>",
    "an event stream": b'data: {"error": {"message": "x"}}\n\n',
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_a_hostile_body_is_an_error_like_any_other(case: str, status: int) -> None:
    error = from_response(status, {}, HOSTILE[case], AROUND)
    assert error.status >= 400
    assert 0 < len(error.message) <= MESSAGE_LIMIT + 500


def test_pages_are_told_from_nothing() -> None:
    assert read(HOSTILE["a page"]).html
    assert read(HOSTILE["a page with a byte order mark"]).html
    assert not read(b"").html
    assert not read(b"[]").html


PATTERNS = [value for value in vars(failures).values() if isinstance(value, re.Pattern)]
PIECES = re.compile(
    r"\\.|\[\^?\]?[^]]*\]"  # an escape, a class
    r"|(?:\?|\{\d*(?:,\d+)?\})[+?]?"  # a bounded repetition
    r"|(?P<many>\*|\+|\{\d*,\})(?P<possessive>\+)?"
)


def gives_back_without_bound(pattern: str) -> bool:
    """Whether something is repeated without bound and given back piece by piece where the rest does not match."""
    return any(piece["many"] and not piece["possessive"] for piece in PIECES.finditer(pattern))


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.pattern[:40])
def test_no_search_takes_longer_than_a_multiple_of_the_text(pattern: re.Pattern[str]) -> None:
    assert not gives_back_without_bound(pattern.pattern)


@pytest.mark.parametrize("pattern", ["a*b", "a+", "a{2,}", "(ab)*", "[+]*x", r"\+*", "a*?b", ".+$"])
def test_a_pattern_that_does_is_found(pattern: str) -> None:
    assert gives_back_without_bound(pattern)


@pytest.mark.parametrize(
    "pattern", ["a?b", "a*+", "a++", "a{1,9}", "a{3,}+", r"\*", "a{1,200}+ ", "[*+]", "a{3}b", "a??"]
)
def test_a_pattern_that_does_not_is_not(pattern: str) -> None:
    assert not gives_back_without_bound(pattern)
