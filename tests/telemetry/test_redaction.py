from enum import StrEnum
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy import codec
from proxy.telemetry.redaction import VALUE_LIMIT, mask, plain, redact

SECRETS = (
    "sk-tp-0aZ9bY8cX7dW6eV5fU4gT3hS2iR1jQ0kP",
    "sk-proj-abc_DEF-123456",
    "sk-1234567890abcdef",
    "KEY0123456789ABCDEF0123456789ABCDEF_aBcDeFgHiJkLmNoPqRsTuV",
    "KEY0123456789ABCDEF0123",
    "Bearer abc.def-ghi",
    "bearer\tabc.def-ghi",
    "BEARER abc.def-ghi",
    "Bearer: abc.def-ghi",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "before {} after", '{{"authorization": "{}"}}', "key={},", "'{}'"])
def test_whatever_looks_like_a_key_is_masked(secret: str, frame: str) -> None:
    assert mask(frame.format(secret)) == frame.format("***")


@pytest.mark.parametrize(
    "text",
    [
        "disk-usage of task-scheduler-7",
        "TELNYX_API_KEY is not set",
        "moonshotai/Kimi-K2.6",
        "req_0123456789abcdef0123456789abcdef",
        "renamed=max_completion_tokens>max_tokens",
        "bearer",
        "KEYBOARD",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert mask(text) == text


@given(st.text(), st.sampled_from(["sk-tp-{}", "KEY0123456789_{}", "Bearer {}"]), st.text())
def test_a_key_is_found_between_any_text(before: str, shape: str, after: str) -> None:
    core = "0aZ9bY8cX7dW6eV5"
    assume(core not in before + after)
    assert core not in mask(f"{before}{shape.format(core)}{after}")


class Colour(StrEnum):
    RED = "red"


class Strange:
    def __str__(self) -> str:
        return "strange with sk-tp-abcdefgh"

    def __repr__(self) -> str:
        return "Strange()"  # the name of the test case: without an address, the same in every process


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        (7, 7),
        (0.5, 0.5),
        (True, True),
        (None, None),
        (2**63, 2**63),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (Colour.RED, "red"),
        (b"a prompt, perhaps", "<17 bytes>"),
        (bytearray(b"abc"), "<3 bytes>"),
        (("a", "sk-tp-abcdefgh"), ["a", "***"]),
        (frozenset({1}), [1]),
        ({"a": {"b": ["Bearer abcdef"]}}, {"a": {"b": ["***"]}}),
        ({1: 2, "sk-tp-abcdefgh": 3}, {"1": 2, "***": 3}),
        (ValueError("Bearer abcdef is bad"), "*** is bad"),
        (Strange(), "strange with ***"),
        ("caf\udce9", "caf?"),
        ("café ☕", "café ☕"),
    ],
    ids=repr,
)
def test_values_become_plain_json(value: Any, shown: Any) -> None:
    assert plain(value) == shown
    codec.encode(plain(value))


def test_what_contains_itself_ends() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = [endless]
    assert codec.encode(plain(endless)).endswith(b'"..."]}]}]}')


def test_a_long_value_loses_its_middle() -> None:
    shown = plain("a" * VALUE_LIMIT + "the cause")
    assert len(shown) < VALUE_LIMIT + 10
    assert shown.startswith("aaa")
    assert shown.endswith("the cause")


def test_every_value_of_an_event_is_looked_at() -> None:
    event = {
        "event": "x sk-tp-abcdefgh",
        "n": 1,
        "flag": True,
        "off": False,
        "time": 0.5,
        "list": ["KEY0123456789abcdef0"],
    }
    assert redact(event) == {
        "event": "x ***", "n": 1, "flag": True, "off": False, "time": 0.5, "list": ["***"],
    }  # fmt: skip
