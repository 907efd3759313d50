import pytest

from proxy import codec
from proxy.translation.retrying import LONGEST_PAUSE, TRIES, Again, Answer, headers_of, judge


def answer(status: int, error: object = None, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, codec.encode({"error": error}), given)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413])
def test_what_does_not_pass_stands(status: int) -> None:
    assert judge(answer(status), 1) is None


def test_what_is_hopeless_stands() -> None:
    assert judge(answer(429, {"type": "insufficient_quota"}, x_should_retry="false"), 1) is None
    assert judge(answer(502, {"code": "upstream_auth_failed"}, x_should_retry="false"), 1) is None


@pytest.mark.parametrize("tries", [1, TRIES, 1000])
def test_limits_of_ours_are_waited_for_as_long_as_it_takes(tries: int) -> None:
    limited = answer(429, {"type": "tokens", "code": "rate_limit_exceeded"}, retry_after_ms="2500")
    assert judge(limited, tries) == Again(2.5, counts=False, all=True)
    assert judge(answer(429, {"type": "requests"}), tries) == Again(0.1, counts=False, all=True)


def test_limits_of_telnyx_hold_the_whole_batch_up_and_count() -> None:
    limited = answer(429, {"type": "rate_limit_error"}, retry_after_ms="7000")
    assert judge(limited, 1) == Again(7, counts=True, all=True)
    assert judge(limited, TRIES) is None


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_trouble_is_tried_again_after_longer_and_longer_pauses(status: int) -> None:
    found = [judge(answer(status, {"code": "upstream_error"}), tries) for tries in range(1, TRIES + 1)]
    assert [again and again.wait for again in found] == [1, 2, 4, 8, None]
    assert all(again is None or (again.counts and not again.all) for again in found)


def test_what_the_proxy_lacks_for_a_while_does_not_count() -> None:
    assert judge(answer(503, {"code": "limiter_unavailable"}), 1) == Again(1, counts=False, all=True)


def test_pauses_have_an_end() -> None:
    again = judge(answer(500, None, retry_after_ms="900000"), 1)
    assert again is not None
    assert again.wait == LONGEST_PAUSE


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b'{"error": 7}'])
def test_an_answer_may_be_anything(body: bytes) -> None:
    assert judge(Answer(500, body, {"retry-after-ms": "soon"}), 1) == Again(1, counts=True, all=False)


def test_headers_are_read_from_their_lines() -> None:
    assert headers_of("X-A: one\r\nretry-after-ms: 5\r\n") == {"x-a": "one", "retry-after-ms": "5"}
    assert headers_of("") == {}
