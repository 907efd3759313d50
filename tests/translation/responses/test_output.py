"""What a response object is made of: tokens, errors, calls, thinking."""

from typing import Any, get_args

import pytest
from openai.types.responses import ResponseError, ResponseOutputText, ResponseUsage

from proxy import errors
from proxy.translation.responses import output
from proxy.translation.responses.outline import Outline
from proxy.usage import Usage

ECHO: dict[str, Any] = {"store": True}


def outline(**more: Any) -> Outline:
    return Outline("resp_1", 1, "m", ECHO, "abc", **more)


def test_the_codes_are_openais() -> None:
    assert set(get_args(ResponseError.model_fields["code"].annotation)) == output.CODES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UpstreamFailed("x"), "server_error"),
        (errors.UpstreamAuthFailed("x"), "server_error"),
        (errors.InsufficientQuota("x"), "rate_limit_exceeded"),
        (errors.RateLimited("x"), "rate_limit_exceeded"),
        (errors.InvalidRequest("x"), "invalid_prompt"),
        (errors.UpstreamRejected("x", code="invalid_image_url"), "invalid_image_url"),
        (errors.ModelNotFound("x"), "server_error"),
    ],
)
def test_every_failure_has_one_of_them(error: errors.ProxyError, code: str) -> None:
    assert output.failure(error) == {"code": code, "message": "x"}


def test_all_figures_of_the_usage_are_told() -> None:
    told = output.usage(Usage(input=9, output=5, cached_input=3, reasoning=2, cache_write=1))
    assert told == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }
    ResponseUsage.model_validate(told, strict=True)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, []),
        ({"content": None}, []),
        ({"content": [1, {}, {"token": "a"}, {"token": "a", "logprob": "b"}]}, []),
        (
            {"content": [{"token": "é", "logprob": -1}]},
            [{"token": "é", "logprob": -1, "bytes": [195, 169], "top_logprobs": []}],
        ),
        (
            {
                "content": [
                    {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [1, {"token": "b", "logprob": -2}]}
                ]
            },
            [
                {
                    "token": "a",
                    "logprob": -0.5,
                    "bytes": [97],
                    "top_logprobs": [{"token": "b", "logprob": -2, "bytes": [98]}],
                }
            ],
        ),
    ],
)
def test_log_probabilities_are_complete_or_left_out(given: Any, made: list[Any]) -> None:
    assert output.logprobs(outline(logprobs=True), given) == made
    assert output.logprobs(outline(), given) == []


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"reasoning": "text"}, {"content": [{"type": "reasoning_text", "text": "Hm"}], "summary": []}),
        ({"reasoning": "summary"}, {"summary": [{"type": "summary_text", "text": "Hm"}]}),
        ({"reasoning": "none", "encrypt": True, "seal": str.upper}, {"summary": [], "encrypted_content": "HM"}),
        ({"reasoning": "none", "encrypt": True}, None),
        ({"reasoning": "none"}, None),
    ],
)
def test_thinking_is_told_as_the_outline_says(how: dict[str, Any], told: dict[str, Any] | None) -> None:
    item = output.reasoning(outline(**how), "rs_1", "completed", "Hm")
    assert item == (told and {"id": "rs_1", "type": "reasoning", "status": "completed", **told})


CITED = {"start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([{"type": "url_citation", "url_citation": {**CITED, "more": 1}}], [{"type": "url_citation", **CITED}]),
        ([{"type": "url_citation", "url_citation": {**CITED, "title": None}}], []),
        ([{"type": "url_citation", "url_citation": 1}, {"type": "other"}, 1, None], []),
        ([], []),
        ({"url_citation": CITED}, []),
        (None, []),
    ],
)
def test_citations_are_those_that_client_libraries_can_read(given: Any, found: Any) -> None:
    assert output.citations(given) == found
    ResponseOutputText.model_validate(output.text_part("Hi", [], output.citations(given)))
