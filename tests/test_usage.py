"""Usage, as OpenAI writes it and as it is estimated."""

import pytest
from openai.types import CompletionUsage

from proxy.usage import NOTHING, Usage, estimate, size, total


def test_openai_reads_it() -> None:
    usage = Usage(input=10, output=5, cached_input=4, reasoning=3, source="upstream")
    read = CompletionUsage.model_validate(usage.openai(), strict=True)
    assert (read.prompt_tokens, read.completion_tokens, read.total_tokens) == (10, 5, 15)
    assert read.prompt_tokens_details is not None
    assert read.prompt_tokens_details.cached_tokens == 4
    assert read.completion_tokens_details is not None
    assert read.completion_tokens_details.reasoning_tokens == 3


@pytest.mark.parametrize(
    ("sizes", "tokens"), [((0, 0), (0, 0)), ((1, 4), (1, 1)), ((5, 8), (2, 2)), ((4000, 9), (1000, 3))]
)
def test_the_estimate_rounds_up_and_says_what_it_is(sizes: tuple[int, int], tokens: tuple[int, int]) -> None:
    usage = estimate(*sizes)
    assert (usage.input, usage.output) == tokens
    assert usage.source == "estimated"
    assert usage.reasoning == 0
    assert estimate(*sizes, sizes[1]).reasoning == usage.output


def test_texts_are_measured_in_bytes_and_nothing_else_is() -> None:
    assert [size(text) for text in ("ab", "é", "", None, 5, ["abc"])] == [2, 2, 0, 0, 0, 0]


def test_nothing_is_nothing() -> None:
    assert NOTHING.source == "none"
    assert NOTHING.openai()["total_tokens"] == 0


def test_calls_are_added_up_and_an_estimate_stays_one() -> None:
    known, guessed = Usage(5, 2, 1, 1, "upstream", audio_ms=7), Usage(3, source="estimated", characters=4)
    assert total([]) == total([Usage()]) == Usage()
    assert total([known, Usage(), known]) == Usage(10, 4, 2, 2, "upstream", audio_ms=14)
    assert total([known, guessed]) == Usage(8, 2, 1, 1, "estimated", audio_ms=7, characters=4)
