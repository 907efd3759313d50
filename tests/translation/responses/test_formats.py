"""The shape of answers, thinking, and what is included. Most of it stands in the golden files."""

from typing import get_args

from openai.types.responses import response_includable
from openai.types.shared_params.reasoning import Reasoning

from proxy.translation.responses.formats import INCLUDABLE
from tests.translation.responses.cases import ask


def test_everything_that_openai_includes_is_known() -> None:
    assert set(get_args(response_includable.ResponseIncludable)) == set(INCLUDABLE)


def test_every_field_of_reasoning_is_known() -> None:
    for name in Reasoning.__annotations__:
        assert (
            "reasoning.*" not in ask({"reasoning": {name: "auto" if name != "effort" else "low"}})[0].changes.header()
        )


def test_the_newer_name_of_the_summary_counts() -> None:
    both = {"summary": "detailed", "generate_summary": "concise"}
    assert ask({"reasoning": both})[1].echo["reasoning"]["summary"] == "detailed"


def test_an_answer_in_json_is_checked_against_its_schema() -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    expects = ask({"text": {"format": form}})[0].expects
    assert (expects.json_text, expects.schema) == (True, {"type": "object"})
    assert not ask({"text": {"format": {"type": "text"}}})[0].expects.json_text
