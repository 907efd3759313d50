"""Token ids become the text they came from."""

import pytest

from proxy.edge.tokens import decode
from proxy.errors import InvalidRequest

HELLO = [9906, 289, 9603, 509, 11, 76502, 22656, 45918, 252, 11410, 236, 231]
"""As OpenAI's own tokenizer has it in cl100k_base."""


def test_ids_become_text() -> None:
    assert decode([HELLO, [9906]]) == ["Hello wörld, 日本語 🎉", "Hello"]


def test_half_a_character_is_marked() -> None:
    assert decode([HELLO[:-1]])[0].endswith(" \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("number", [100_256, 999_999, 2**70])
def test_ids_of_another_tokenizer_are_refused(number: int) -> None:
    with pytest.raises(InvalidRequest, match="text 1") as refusal:
        decode([[1], [number]])
    assert refusal.value.param == "input"


def test_without_the_extra_there_is_a_hint() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        decode([[1]], "a_library_that_nobody_has")
    assert "pip install 'telnyx-openai-proxy[tokens]'" in refusal.value.message
    assert "check_embedding_ctx_length=False" in refusal.value.message
