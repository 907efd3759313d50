"""Usage out of an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage

from proxy.translation.metering import OTHERS, PLAUSIBLE, as_openai, measure, shown
from proxy.usage import Usage

WHOLE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (WHOLE, Usage(10, 5, source="upstream")),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage(0, 0, source="upstream")),
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5, source="upstream")),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, Usage(10, 5, source="upstream")),
        ({"prompt_tokens": 10, "total_tokens": 15}, Usage(10, 5, source="upstream")),
        ({"completion_tokens": 5, "total_tokens": 15}, Usage(10, 5, source="upstream")),
        ({"prompt_tokens": 10, "total_tokens": 9}, Usage(10, 3, source="estimated")),
        ({"completion_tokens": 5, "total_tokens": 4}, Usage(2, 5, source="estimated")),
        ({"total_tokens": 15}, Usage(2, 3, source="estimated")),
        ({"prompt_tokens": 10}, Usage(10, 3, source="estimated")),
        ({"completion_tokens": 5}, Usage(2, 5, source="estimated")),
        ({"prompt_tokens": None, "completion_tokens": "5"}, Usage(2, 3, source="estimated")),
        ({"prompt_tokens": -1, "completion_tokens": PLAUSIBLE + 1}, Usage(2, 3, source="estimated")),
        ({"prompt_tokens": True, "completion_tokens": 2.5}, Usage(2, 3, source="estimated")),
        ({}, Usage(2, 3, source="estimated")),
        (None, Usage(2, 3, source="estimated")),
        ([1], Usage(2, 3, source="estimated")),
    ],
)
def test_upstreams_figures_count_where_they_are_plausible(usage: Any, expected: Usage) -> None:
    assert measure(usage, input_bytes=8, output_bytes=12) == expected


@pytest.mark.parametrize(
    ("more", "cached", "reasoning"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}}, 4, 3),
        ({"input_tokens_details": {"cached_tokens": 4}, "output_tokens_details": {"reasoning_tokens": 3}}, 4, 3),
        ({"cached_tokens": 4, "reasoning_tokens": 3}, 4, 3),
        ({"prompt_cache_hit_tokens": 4}, 4, 0),
        ({"prompt_tokens_details": None, "completion_tokens_details": []}, 0, 0),
        ({"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 4}, 0, 0),
        ({"cached_tokens": 11, "reasoning_tokens": 6}, 0, 0),  # more than there were
        ({"cached_tokens": 10, "reasoning_tokens": 5}, 10, 5),
    ],
)
def test_details_are_read_under_every_spelling(more: dict[str, Any], cached: int, reasoning: int) -> None:
    usage = measure({**WHOLE, **more}, 0, 0)
    assert (usage.cached_input, usage.reasoning) == (cached, reasoning)


@pytest.mark.parametrize(
    ("usage", "stored", "cached", "read"),
    [
        ({**WHOLE, "prompt_tokens_details": {"cache_write_tokens": 4}}, 4, 0, 10),
        ({**WHOLE, "prompt_tokens_details": {"cache_write_tokens": 4.0, "cached_tokens": 6}}, 4, 6, 10),
        ({**WHOLE, "prompt_tokens_details": {"cache_write_tokens": 5, "cached_tokens": 6}}, 0, 6, 10),
        ({**WHOLE, "prompt_tokens_details": {"cache_write_tokens": 4}, "cached_tokens": 1}, 4, 1, 10),
        ({**WHOLE, "prompt_tokens_details": {"audio_tokens": 4}}, 0, 0, 10),  # part of the input like any other
        ({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cache_write_tokens": 4}}, 4, 0, 10),
        ({**WHOLE, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3}, 4, 3, 10),
        ({"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 40}, 40, 0, 50),
        ({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 40}, 0, 40, 50),
        ({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "cache_read_input_tokens": 40}, 0, 0, 10),
        ({"cache_creation_input_tokens": 2}, 2, 0, 2),
    ],
)
def test_what_was_written_to_the_cache_is_part_of_the_input(
    usage: dict[str, Any], stored: int, cached: int, read: int
) -> None:
    measured = measure(usage, 8, 12)
    assert (measured.cache_write, measured.cached_input, measured.input) == (stored, cached, read)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (WHOLE, WHOLE),
        (
            {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3},
            {
                "input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3,
                "prompt_tokens": 17, "completion_tokens": 5, "total_tokens": 22,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
            },
        ),
        ({**WHOLE, "total_tokens": 99, "cost": 0.1}, {**WHOLE, "total_tokens": 99, "cost": 0.1}),
        ({"prompt_tokens": 10, "completion_tokens": 5}, WHOLE),
        ({**WHOLE, "prompt_tokens_details": None}, {**WHOLE, "prompt_tokens_details": None}),
        ({**WHOLE, "cached_tokens": 4}, {**WHOLE, "cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 4}}),
        (
            {**WHOLE, "prompt_tokens_details": {"audio_tokens": 0}, "cached_tokens": 4, "reasoning_tokens": 2},
            {
                **WHOLE, "cached_tokens": 4, "reasoning_tokens": 2,
                "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        ),
    ],
)  # fmt: skip
def test_the_client_sees_upstreams_usage_completed(usage: dict[str, Any], expected: dict[str, Any]) -> None:
    before = dict(usage)
    assert shown(usage, measure(usage, 0, 0)) == expected
    assert usage == before


@pytest.mark.parametrize(("usage", "reasoning"), [(None, 2), (WHOLE, 0), ({"completion_tokens": 5}, 0)])
def test_reasoning_is_estimated_only_where_there_are_no_figures_at_all(usage: Any, reasoning: int) -> None:
    assert measure(usage, 8, 12, 8).reasoning == reasoning


def test_the_client_sees_an_estimate_where_there_is_nothing_else() -> None:
    estimated = measure(None, 8, 12)
    assert shown(None, estimated) == estimated.openai()


figures = st.none() | st.booleans() | st.integers(-5, 2 * PLAUSIBLE) | st.floats(allow_nan=False) | st.text(max_size=2)
parts = ["cached_tokens", "cache_write_tokens", "reasoning_tokens"]
details = st.dictionaries(st.sampled_from(parts), figures) | figures
usages = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"]), figures
).flatmap(lambda flat: details.map(lambda d: {**flat, "prompt_tokens_details": d, "completion_tokens_details": d}))


@given(usages)
def test_whatever_upstream_says_the_three_figures_are_sound(usage: dict[str, Any]) -> None:
    measured = measure(usage, 8, 12)
    assert 0 <= measured.cached_input <= measured.cached_input + measured.cache_write <= measured.input
    assert 0 <= measured.reasoning <= measured.output
    made = {key: value for key, value in shown(usage, measured).items() if not key.endswith("_details")}
    assert CompletionUsage.model_validate(made, strict=True).prompt_tokens == measured.input


@given(usages | st.dictionaries(st.sampled_from([*WHOLE, *OTHERS]), figures))
def test_what_is_read_at_a_glance_is_shown_as_it_is(usage: dict[str, Any]) -> None:
    read = as_openai(usage)
    if read is not None:
        assert json.dumps(shown(usage, read)) == json.dumps(usage)
        assert read.source == "upstream"


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (WHOLE, Usage(10, 5, source="upstream")),
        ({**WHOLE, "cost": 1}, Usage(10, 5, source="upstream")),
        ({**WHOLE, "prompt_tokens_details": {"cached_tokens": 4.0}}, Usage(10, 5, 4, source="upstream")),
        ({**WHOLE, "completion_tokens_details": {"reasoning_tokens": 5}}, Usage(10, 5, 0, 5, "upstream")),
        (
            {**WHOLE, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 6}},
            Usage(10, 5, 4, source="upstream", cache_write=6),
        ),
        ({**WHOLE, "cache_creation_input_tokens": 4}, None),
        ({**WHOLE, "completion_tokens_details": {"reasoning_tokens": 6}}, Usage(10, 5, source="upstream")),
        ({**WHOLE, "prompt_tokens_details": {"cached_tokens": 4.5}}, Usage(10, 5, source="upstream")),
        ({**WHOLE, "cached_tokens": 4}, None),
        ({**WHOLE, "prompt_tokens": True}, None),
        ({**WHOLE, "completion_tokens": 5.0}, None),
        ({**WHOLE, "total_tokens": -1}, None),
        ({"prompt_tokens": 10, "completion_tokens": 5}, None),
        ([], None),
        (None, None),
    ],
)
def test_openais_own_usage_is_known_at_a_glance(usage: Any, read: Usage | None) -> None:
    assert as_openai(usage) == read
