"""A model's thinking under one name, and tags in a text that comes in pieces."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.translation.reasoning import LEAD_LIMIT, ThinkSplitter, add, settle, split


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({}, {}),
        ({"reasoning": "a"}, {"reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": None}, {"reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": ""}, {"reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": "a"}, {"reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": "b"}, {"reasoning": "a", "reasoning_content": "b"}),
        ({"reasoning": "a", "reasoning_content": ["b"]}, {"reasoning": "a", "reasoning_content": ["b"]}),
        ({"reasoning": None}, {"reasoning": None}),
        ({"reasoning": ""}, {"reasoning": ""}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"reasoning_content": "a"}, {"reasoning_content": "a"}),
    ],
)
def test_one_spelling(fields: dict[str, Any], settled: dict[str, Any]) -> None:
    settle(fields, hide=False)
    assert fields == settled


def test_hidden_means_under_no_name() -> None:
    fields: dict[str, Any] = {"reasoning": "a", "reasoning_content": "a", "reasoning_details": [{}], "content": "b"}
    settle(fields, hide=True)
    assert fields == {"content": "b"}
    fields = {"reasoning_content": None}
    settle(fields, hide=True)
    assert fields == {"reasoning_content": None}


def test_adding_goes_behind_what_is_there() -> None:
    fields: dict[str, Any] = {}
    add(fields, "a")
    add(fields, "b")
    assert fields == {"reasoning_content": "ab"}
    fields = {"reasoning_content": None}
    add(fields, "a")
    assert fields == {"reasoning_content": "a"}


SPLITS = [
    ("Hi", "", "Hi"),
    ("", "", ""),
    ("  Hi", "", "  Hi"),
    ("\n\n", "", "\n\n"),
    ("<think>a</think>b", "a", "b"),
    ("\n <think>\na\n</think>\n\nb", "a\n", "b"),
    ("<think>\n\n</think>\n\nb", "", "b"),
    ("<think></think>", "", ""),
    ("<think>a", "a", ""),
    ("<think>a</thin", "a</thin", ""),
    ("<think>", "", ""),
    ("<think", "", "<think"),
    (" <", "", " <"),
    ("<thinking>a", "", "<thinking>a"),
    ("a <think>b</think>", "", "a <think>b</think>"),
    ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ("<think>a<think>b</think>c", "a<think>b", "c"),
    ("<think>a</</think>b", "a</", "b"),
    (" " * LEAD_LIMIT + "<think>a</think>b", "a", "b"),
    (" " * (LEAD_LIMIT + 1) + "<think>a", "", " " * (LEAD_LIMIT + 1) + "<think>a"),
]


def spliced(pieces: list[str]) -> tuple[str, str]:
    splitter = ThinkSplitter()
    made = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
    return "".join(reasoning for reasoning, _ in made), "".join(content for _, content in made)


@pytest.mark.parametrize(("text", "reasoning", "content"), SPLITS)
def test_whole_and_letter_by_letter(text: str, reasoning: str, content: str) -> None:
    assert split(text) == (reasoning, content)
    assert spliced(list(text)) == (reasoning, content)


pieces_of_text = st.lists(st.sampled_from(["<think>", "</think>", "<", "</", "thi", "nk>", "a", " ", "\n", " " * 40]))


@given(pieces_of_text)
def test_any_slicing_gives_the_same_texts(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert spliced(pieces) == split(text) == spliced(list(text))


@given(pieces_of_text)
def test_no_more_is_held_back_than_could_become_a_tag(pieces: list[str]) -> None:
    splitter = ThinkSplitter()
    for piece in pieces:
        splitter.feed(piece)
        assert len(splitter._held) <= LEAD_LIMIT + len("<think>")
        assert not (splitter.plain and splitter._held)


def test_a_text_is_plain_at_its_first_letter() -> None:
    splitter = ThinkSplitter()
    assert not splitter.plain
    splitter.feed("H")
    assert splitter.plain
