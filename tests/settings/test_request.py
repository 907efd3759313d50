from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.settings.request import ELSEWHERE, Capped, Caps, Injected, RequestFields

VALUES: dict[str, Any] = {
    "temperature": 0.5, "top_p": 0.9, "min_p": 0, "max_tokens": 100, "n": 2, "best_of": 3, "top_logprobs": 5,
    "frequency_penalty": -2, "presence_penalty": 2, "length_penalty": 1.5, "seed": -1, "stop": ["a", "b"],
    "logprobs": True, "enable_thinking": False, "reasoning_effort": "xhigh", "service_tier": "flex", "region": "EU",
    "mode": "strict", "tool_choice": "none", "response_format": {"type": "json_object"}, "use_beam_search": True,
    "early_stopping": False, "guided_json": {"type": "object"}, "guided_regex": "a+", "guided_choice": ["yes", "no"],
}  # fmt: skip


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def test_every_field_can_be_set_and_comes_out_as_it_went_in() -> None:
    assert VALUES.keys() == RequestFields.model_fields.keys()
    assert read(Injected, VALUES) == VALUES
    assert read(Injected, {}) == {}


def test_whole_numbers_stay_whole() -> None:
    """Telnyx's schema has integers, and 100.0 is none."""
    for kind in (Injected, Capped):
        assert repr(read(kind, {"max_tokens": 100})) == "{'max_tokens': 100}"


def test_a_single_stop_is_a_list_of_one() -> None:
    assert read(Injected, {"stop": "END"}) == {"stop": ["END"]}


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 2.1},
        {"temperature": True},
        {"max_tokens": 0},
        {"n": 129},
        {"stop": ["a"] * 5},
        {"seed": 1.5},
        {"enable_thinking": None},
        {"reasoning_effort": "much"},
        {"region": "MOON"},
        {"temperature": "nan"},
    ],
)
def test_values_that_telnyx_refuses_are_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        read(Injected, field)
    assert [error["loc"][:1] for error in caught.value.errors()] == [tuple(field)]


def test_only_numbers_can_be_capped() -> None:
    assert read(Capped, {"max_tokens": 5, "temperature": 0.5}) == {"max_tokens": 5, "temperature": 0.5}
    with pytest.raises(ValidationError):
        read(Capped, {"stop": "a"})


def test_what_is_elsewhere_is_not_here() -> None:
    assert not ELSEWHERE.keys() & RequestFields.model_fields.keys()
    assert Caps.model_fields.keys() < RequestFields.model_fields.keys()
