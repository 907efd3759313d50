"""Texts that match a pattern."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.emulator.patterns import Unsupported, matching


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        "^abc$",
        r"\d{3}-\d{4}",
        r"[A-Z]{2}[0-9]+",
        r"(yes|no)",
        r"(?P<word>\w+)-(?P=word)",
        r"(a)(b)\2\1",
        r"[^a]",
        r"[^aA0 ]x",
        r"[^\d\w]",
        r"[^\D]",
        r"[^\S]",
        r"[^\W\s]",
        r"[^b-z]",
        r"[\d_]",
        r"[\s]",
        r"\s\S\w\W\D",
        r".+?",
        r"a*",
        r"a*+b",
        r"(?>a|b)c",
        r"(?:ab){2,5}",
        r"[^\x00]",
        r"(?i:Hello)",
        r"^$",
        r"\bword\b",
        r"^\+?[1-9]\d{1,14}$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    ],
)
def test_the_text_matches(pattern: str) -> None:
    assert re.search(pattern, matching(pattern))


@pytest.mark.parametrize(
    ("pattern", "at_least"), [("^a+$", 5), ("^[a-z]*$", 3), ("^(ab)*c?$", 4), (r"^\w{2,8}$", 8), ("^.*$", 1)]
)
def test_repetitions_are_stretched_to_the_length_that_is_asked(pattern: str, at_least: int) -> None:
    text = matching(pattern, at_least)
    assert len(text) >= at_least
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a^b",
        "(?=a)b",
        r"(?<!a)b",
        r"(a\1)",
        r"(?:b|(a))\1",
        r"a{1001}",
        r"[^\d\D]",
        "(a)?(?(1)b|c)",
        r"\p{L}",
        "(" * 5000 + ")" * 5000,
    ],
)
def test_what_cannot_be_done_is_refused(pattern: str) -> None:
    with pytest.raises(Unsupported):
        matching(pattern)


def test_a_length_that_the_pattern_forbids_is_refused() -> None:
    with pytest.raises(Unsupported):
        matching("^a{2}$", 3)


@given(st.text(max_size=20))
def test_an_escaped_text_matches_itself(text: str) -> None:
    assert matching(re.escape(text)) == text
