"""Chunks as objects: names, the usage key, frames, and what is no chunk."""

from typing import Any

import pytest

from proxy.errors import ProxyError
from proxy.streaming import chunks
from proxy.streaming.chunks import KIND
from proxy.streaming.events import Malformed
from proxy.translation.answers import LATEST

NAMES = ("chatcmpl-1", KIND, 1_760_000_000, "m")


def test_names_are_sound_if_openai_might_have_given_them() -> None:
    assert chunks.sound(NAMES)
    unsound: list[list[Any]] = [["", None, 1], ["x", None], [0, None, 1.5, True, "1", LATEST], ["", None, 1]]
    for place, values in enumerate(unsound):
        for value in values:
            assert not chunks.sound((*NAMES[:place], value, *NAMES[place + 1 :]))


def test_a_usage_key_is_there_if_it_was_asked_for() -> None:
    with_key, without = {"id": "a", "usage": None, "x": 1}, {"id": "a", "x": 1}
    assert chunks.with_usage_key(b"as it came", with_key, asked=True) == b"as it came"
    assert chunks.with_usage_key(b"as it came", without, asked=False) == b"as it came"
    assert chunks.with_usage_key(b"?", with_key, asked=False) == b'{"id":"a","x":1}'
    assert chunks.with_usage_key(b"?", without, asked=True) == b'{"id":"a","x":1,"usage":null}'


@pytest.mark.parametrize("asked", [False, True])
def test_a_chunk_is_remade_with_other_names_and_choices(*, asked: bool) -> None:
    chunk = {"id": "x", "error": None, "more": 1, "usage": {"prompt_tokens": 1}, "choices": [1]}
    made = chunks.remade(chunk, NAMES, [{"index": 0}], asked=asked)
    names = {"id": "chatcmpl-1", "object": KIND, "created": 1_760_000_000, "model": "m"}
    assert made == {**names, "more": 1, "choices": [{"index": 0}], **({"usage": None} if asked else {})}
    assert chunk["choices"] == [1]


def test_a_spelling_stays_where_nothing_else_is_different() -> None:
    assert chunks.spelled(b'{ "a": 1}', {"a": 1}, {"a": 1}) == b'{ "a": 1}'
    assert chunks.spelled(b'{ "a":\n1}', {"a": 1}, {"a": 1}) == b'{"a":1}'
    assert chunks.spelled(b'{ "a": 1}', {"a": 1}, {"a": 1.0}) == b'{"a":1.0}'


def test_an_event_is_framed() -> None:
    assert chunks.frame(b"{}") == b"data: {}\n\n"


@pytest.mark.parametrize(
    ("chunk", "name"), [({"choices": [], "error": {"message": "x"}}, b""), ({"choices": []}, b"error")]
)
def test_errors_are_raised(chunk: dict[str, Any], name: bytes) -> None:
    with pytest.raises(ProxyError):
        chunks.expect_no_error(chunk, name)
    chunks.expect_no_error({"choices": [], "error": None}, b"")


def test_what_is_no_json_may_be_a_sign_of_life_or_an_error() -> None:
    assert chunks.no_chunk(b"tick", b"ping") == b""
    with pytest.raises(ProxyError):
        chunks.no_chunk(b"overloaded", b"error")
    with pytest.raises(Malformed):
        chunks.no_chunk(b"oops", b"")
