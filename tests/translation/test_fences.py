"""The fence around JSON comes off; any other text goes on as it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.translation.fences import FENCE, HELD, OPENINGS, FenceStripper, strip

SPACES = " " * HELD

STRIPPED = [
    ("", ""),
    ('{"a":1}', '{"a":1}'),
    ('```json\n{"a":1}\n```', '{"a":1}'),
    ('\n```json\n{"a":1}\n```\n', '{"a":1}'),
    ('```JSON\r\n{"a":1}\r\n```', '{"a":1}'),
    ("```\n[1]\n```", "[1]"),
    ("```json{}```", "{}"),
    ("``` json\n{}\n```", "{}"),
    ("```json\n{}", "{}"),  # cut off by the cap on tokens
    ("```json\n{}\n``", "{}\n``"),
    ('```json\n{"a":"```"}\n```', '{"a":"```"}'),
    ("```json\n{}\n````", "{}\n`"),
    ("```json\n{}\n```\nThat is it.", "{}\n```\nThat is it."),
    ("```json\n{}\n```\n```", "{}\n```"),
    ("```python\n{}\n```", "```python\n{}\n```"),
    ("```json", "```json"),
    ("``", "``"),
    ("Sure:\n```json\n{}\n```", "Sure:\n```json\n{}\n```"),
    ("`{}`", "`{}`"),
    (" {} ", " {} "),
    ("null", "null"),
    (SPACES[:-3] + "```{}```", "{}"),
    (SPACES[:-2] + "```{}```", SPACES[:-2] + "```{}```"),
    ("```{}" + SPACES + "\n```", "{}    "),  # blanks were handed on already; they do no harm
]


def spliced(pieces: list[str]) -> str:
    stripper = FenceStripper(wanted=True)
    return "".join([stripper.feed(piece) for piece in pieces] + [stripper.finish()])


@pytest.mark.parametrize(("text", "stripped"), STRIPPED)
def test_whole_and_letter_by_letter(text: str, stripped: str) -> None:
    assert strip(text) == stripped
    assert spliced(list(text)) == stripped


pieces_of_text = st.lists(
    st.sampled_from(["```", "`", "```json", "json", "js", "{", "}", "[", '"a"', "b", " ", "\n", " " * 40])
)


@given(pieces_of_text)
def test_any_slicing_gives_the_same_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert spliced(pieces) == strip(text) == spliced(list(text))


@given(pieces_of_text)
def test_little_is_held_back_and_nothing_of_a_plain_text(pieces: list[str]) -> None:
    stripper = FenceStripper(wanted=True)
    for piece in pieces:
        stripper.feed(piece)
        assert len(stripper._held) <= HELD
        assert not (stripper.plain and stripper._held)


@given(st.recursive(st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_an_object_survives_with_and_without_a_fence(value: object) -> None:
    text = json.dumps({"value": value}, indent=1)
    assert strip(text) == text
    for opening in OPENINGS:
        assert json.loads(strip(f"{opening}\n{text}\n{FENCE}\n")) == {"value": value}


def test_a_text_that_is_not_promised_to_be_json_is_never_held_back() -> None:
    stripper = FenceStripper(wanted=False)
    assert stripper.plain
    assert stripper.feed("```json\n{") == "```json\n{"
    assert stripper.finish() == ""
