"""Model names: aliases, patterns, what looks alike, and Telnyx's rows in OpenAI's shape."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Model

from proxy.translation import models as module
from proxy.translation.models import (
    ALIAS_OWNER,
    CAUGHT_LONGEST,
    NEAREST,
    Aliases,
    Globs,
    Rows,
    alias_row,
    complete,
    literal_length,
    most_specific,
    nearest,
    openai_row,
    unix_seconds,
)
from tests.translation.chat_requests import anything

KNOWN = (
    "moonshotai/Kimi-K2.6", "moonshotai/Kimi-K3", "zai-org/GLM-5.2", "Qwen/Qwen3-235B-A22B",
    "meta-llama/Llama-3.3-70B-Instruct", "acme/tuned", "beta/tuned",
)  # fmt: skip
NAMES = st.text("aA0-./[]*?!", max_size=8)

# Patterns


@pytest.mark.parametrize(
    ("patterns", "name", "held"),
    [
        (["zai-org/*"], "zai-org/GLM-5.2", True),
        (["zai-org/*"], "ZAI-org/GLM-5.2", False),
        (["zai-org/*"], "moonshotai/zai-org/x", False),
        (["a", "b*"], "b1", True),
        (["a", "b*"], "ab", False),
        (["GLM-5.?"], "GLM-5.2", True),
        (["GLM-5.?"], "GLM-5.", False),
        (["GLM-5.?"], "GLM-5x2", False),
        (["o[13]*"], "o3-mini", True),
        (["o[13]*"], "o4-mini", False),
        (["o[!13]*"], "o4-mini", True),
        (["o[!13]*"], "o1", False),
        (["[]a]b"], "]b", True),
        (["[abc"], "[abc", True),
        (["*"], "anything/at all\n", True),
        (["x", "*"], "", True),
        ([], "a", False),
        ([], "", False),
        ([""], "", True),
        ([""], "a", False),
        (["a.c"], "abc", False),
        (["(a|b)"], "a", False),
        (["a*"], "a\nb", True),
    ],
)
def test_a_set_of_patterns_holds_what_a_shell_would_match(patterns: list[str], name: str, held: bool) -> None:  # noqa: FBT001 - a column
    assert (name in Globs(patterns)) == held
    assert Globs(patterns).patterns == tuple(patterns)


@given(st.lists(NAMES, max_size=3), NAMES)
def test_any_text_is_a_pattern(patterns: list[str], name: str) -> None:
    assert (name in Globs(patterns)) == any(name in Globs([pattern]) for pattern in patterns)


def test_a_set_is_compiled_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each change sets are made for every key there is."""
    compiled: list[str] = []

    def translated(pattern: str) -> str:
        compiled.append(pattern)
        return "a\\Z"

    monkeypatch.setattr(module, "glob_to_regex", translated)
    found = module.Globs(["a*"])
    assert compiled == []
    assert "a" in found
    assert "b" not in found
    assert compiled == ["a*"]


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("", 0), ("*", 0), ("gpt-4*", 5), ("gpt-?o", 5), ("o[13]-mini", 6), ("o[!13]*", 1), ("[]a]b", 1), ("[!]a]b", 1),
        ("[abc", 4), ("exact", 5),
    ],
)  # fmt: skip
def test_what_stands_for_itself_makes_a_pattern_specific(pattern: str, length: int) -> None:
    assert literal_length(pattern) == length


def test_the_most_specific_pattern_comes_first_and_equals_keep_their_order() -> None:
    ordered = most_specific({"*": 1, "gpt-*": 2, "g*-4o": 3, "gpt-4o*": 4})
    assert [value for _, value in ordered] == [4, 2, 3, 1]
    assert [value for _, value in most_specific({"b*": 1, "a*": 2, "?c": 3})] == [1, 2, 3]


# Aliases

ALIASES = Aliases(
    {
        "*": "any/Model",
        "gpt-*": "zai-org/GLM-5.2",
        "gpt-4o*": "zai-org/GLM-5.3",
        "gpt-4o-mini": "moonshotai/Kimi-K2.6",
        "o[13]*": "moonshotai/Kimi-K3",
        "openai/gpt-*": "zai-org/GLM-5.1",
        "exact/id": "acme/tuned",
    }
)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("gpt-4o-mini", "moonshotai/Kimi-K2.6"),
        ("gpt-4o-mini-2024", "zai-org/GLM-5.3"),
        ("gpt-4o", "zai-org/GLM-5.3"),
        ("gpt-5", "zai-org/GLM-5.2"),
        ("GPT-5", "any/Model"),
        ("o3-mini", "moonshotai/Kimi-K3"),
        ("o4-mini", "any/Model"),
        ("exact/id", "acme/tuned"),
        ("openai/gpt-5", "zai-org/GLM-5.1"),
        ("openai/o3", None),
        ("moonshotai/Kimi-K2.6", None),
        ("gpt-4o/x", None),
        ("o3/x", None),
    ],
)
def test_exact_comes_before_specific_before_general(name: str, target: str | None) -> None:
    assert ALIASES.target(name) == target
    assert ALIASES.target(name) == target, "what was found is kept"


def test_without_a_pattern_for_everything_other_names_are_no_aliases() -> None:
    assert Aliases({"gpt-*": "a/b"}).target("claude") is None
    assert Aliases({}).target("gpt-4o") is None


def test_exact_aliases_can_be_listed_and_targets_told() -> None:
    assert set(ALIASES.exact) == {"gpt-4o-mini", "exact/id"}
    assert Aliases({"a": "x/y", "b*": "x/z", "c": "x/y"}).targets == {"x/y", "x/z"}


@given(st.dictionaries(NAMES, st.sampled_from(KNOWN), max_size=4), NAMES)
def test_an_alias_leads_to_a_target_or_nowhere(aliases: dict[str, str], name: str) -> None:
    target = Aliases(aliases).target(name)
    assert target is None or target in aliases.values()
    assert name not in aliases or re.search(r"[*?[]", name) or target == aliases[name]
    if "/" in name and not any("/" in alias for alias in aliases):
        assert target is None, "an id is caught by no pattern for OpenAI's names"


# Names like others


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Kimi-K2.6", "moonshotai/Kimi-K2.6"),
        ("kimi-k2.6", "moonshotai/Kimi-K2.6"),
        ("GLM-5.2", "zai-org/GLM-5.2"),
        ("GLM-5", None),
        ("K2.6", None),
        ("tuned", None),
        ("moonshotai/Kimi-K2.6", None),
        ("", None),
    ],
)
def test_a_name_without_organisation_is_completed_if_only_one_fits(name: str, found: str | None) -> None:
    assert complete(name, KNOWN) == found


ids = st.lists(st.text(alphabet="aB/\u00df", max_size=6), unique=True, max_size=6)


@given(ids, st.text(alphabet="Ab/s\u00df", max_size=4))
def test_looking_an_end_up_is_going_through_all_names(known: list[str], name: str) -> None:
    ending = [model for model in known if model.casefold().endswith("/" + name.casefold())]
    expected = ending[0] if len(ending) == 1 else None
    assert complete(name, known) == complete(name, Rows((model, {}) for model in known)) == expected


def test_the_ends_of_a_list_are_found_once() -> None:
    rows = Rows({"a/b": {}, "c/b": {}, "d/e/f": {}})
    assert rows.ends == {"b": None, "e/f": "d/e/f", "f": "d/e/f"}
    assert rows.ends is rows.ends


def test_names_that_were_looked_up_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAUGHT_KEPT", 3)
    aliases = Aliases({"gpt-*": "m/x", "openai/*": "m/y", "gpt-exact": "m/z"})
    for _ in range(2):
        for name in ("gpt-1", "openai/gpt", "zai/glm", "other", "gpt-" + "x" * CAUGHT_LONGEST, "gpt-exact"):
            expected = {"gpt-1": "m/x", "openai/gpt": "m/y", "zai/glm": None, "other": None, "gpt-exact": "m/z"}
            assert aliases.target(name) == expected.get(name, "m/x")
            assert len(aliases._caught) <= 3
            assert max(map(len, aliases._caught)) <= CAUGHT_LONGEST


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Kimi-K2.5", "moonshotai/Kimi-K2.6"),
        ("moonshotai/Kimi-K2.7", "moonshotai/Kimi-K2.6"),
        ("glm5.2", "zai-org/GLM-5.2"),
        ("meta-llama/Meta-Llama-3.1-70B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
        ("qwen3-235b", "Qwen/Qwen3-235B-A22B"),
    ],
)
def test_names_that_look_alike_are_offered_best_first(name: str, first: str) -> None:
    assert nearest(name, KNOWN)[0] == first


def test_a_name_without_organisation_is_compared_with_the_last_part() -> None:
    known = ("a-very-long-organisation-indeed/xy-1", "xyz/something-else")
    assert nearest("xy-2", known)[0] == known[0]


@given(st.text() | st.sampled_from(KNOWN), st.lists(st.text() | st.sampled_from(KNOWN), max_size=6))
def test_what_is_offered_is_known_and_not_much(name: str, known: list[str]) -> None:
    offered = nearest(name, known)
    assert len(offered) <= NEAREST
    assert len(set(offered)) == len(offered)
    assert set(offered) <= set(known)


@pytest.mark.parametrize("name", ["", "🦊" * 50, "x" * 100_000])
def test_nothing_like_it_is_offered_nothing(name: str) -> None:
    assert nearest(name, KNOWN) == ()


# Rows


def test_a_row_of_telnyx_becomes_a_model_of_openai() -> None:
    row = {
        "id": "moonshotai/Kimi-K3",
        "object": "model_metadata",
        "created": "2026-07-01T12:00:00Z",
        "owned_by": "Telnyx",
        "task": "text-generation",
        "pricing": {"input": "2.700000", "unit": "1M_tokens"},
        "is_vision_supported": True,
    }
    made = openai_row(row)
    assert made == {**row, "object": "model", "created": 1782907200}
    assert Model.model_validate(made, strict=True).id == "moonshotai/Kimi-K3"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1782907200, 1782907200),
        (1782907200.9, 1782907200),
        ("1782907200", 1782907200),
        ("2026-07-01T12:00:00Z", 1782907200),
        ("2026-07-01T12:00:00.5+00:00", 1782907200),
        ("2026-07-01T14:00:00+02:00", 1782907200),
        ("2026-07-01T12:00:00", 1782907200),
        ("2026-07-01", 1782864000),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
        (True, 0),
        (-5, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        ([2026, 7, 1], 0),
        ({"seconds": 1}, 0),
        ("0001-01-01T00:00:00+23:59", 0),
        ("9" * 5000, 0),
    ],
)
def test_a_time_is_unix_seconds_or_nothing(value: Any, seconds: int) -> None:
    """A time without a zone is UTC, wherever the proxy runs."""
    assert unix_seconds(value) == seconds


@pytest.mark.parametrize(("owner", "shown"), [(None, "Telnyx"), ("", "Telnyx"), (7, "Telnyx"), ("org-1", "org-1")])
def test_a_model_without_an_owner_is_telnyxs(owner: Any, shown: str) -> None:
    assert openai_row({"id": "a/b", "owned_by": owner})["owned_by"] == shown


def test_a_row_nested_a_thousand_levels_deep_is_a_row_without_an_id() -> None:
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    made = openai_row({"id": deep, "created": deep, "owned_by": deep})
    assert (made["id"], made["created"], made["owned_by"]) == ("", 0, "Telnyx")


@given(st.dictionaries(st.sampled_from(["id", "object", "created", "owned_by", "task", "x"]), anything()))
def test_whatever_a_row_holds_openais_four_fields_have_their_types(row: dict[str, Any]) -> None:
    before = dict(row)
    made = openai_row(row)
    assert {name: type(made[name]) for name in ("id", "object", "created", "owned_by")} == {
        "id": str, "object": str, "created": int, "owned_by": str,
    }  # fmt: skip
    assert made["object"] == "model"
    assert row == before
    assert {name: value for name, value in made.items() if name in {"task", "x"}} == {
        name: value for name, value in row.items() if name in {"task", "x"}
    }


def test_an_alias_says_what_serves_it() -> None:
    made = alias_row("gpt-4o", "zai-org/GLM-5.2")
    assert made == {
        "id": "gpt-4o", "object": "model", "created": 0, "owned_by": ALIAS_OWNER, "base_model": "zai-org/GLM-5.2",
    }  # fmt: skip
    Model.model_validate(made, strict=True)
