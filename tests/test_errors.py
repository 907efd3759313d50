"""The tree of errors: whose fault, and what a client library reads."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec, errors
from proxy.errors import ClientFault, MethodNotAllowed, OurFault, ProxyError, UpstreamFault, UpstreamRejected

FAULTS = (ClientFault, UpstreamFault, OurFault)
"""The three whose faults there are; what is raised is one of their kinds."""
TYPES = {"invalid_request_error", "rate_limit_error", "requests", "tokens", "insufficient_quota", "server_error"}
"""`error.type` of OpenAI's own answers that the proxy uses."""


def below(root: type[ProxyError]) -> Iterator[type[ProxyError]]:
    for child in root.__subclasses__():
        yield child
        yield from below(child)


CLASSES = [each for each in below(ProxyError) if each.__module__ == errors.__name__]
LEAVES = [each for each in CLASSES if each not in FAULTS]


def make(kind: type[ProxyError], message: str = "Words.") -> ProxyError:
    if issubclass(kind, MethodNotAllowed):
        return kind(message, ("POST",))
    return kind(message)


def test_every_error_is_somebodys_fault() -> None:
    assert [each.__name__ for each in CLASSES if not issubclass(each, FAULTS)] == []
    assert ProxyError.__subclasses__()[: len(FAULTS)] == list(FAULTS)
    assert [each.__name__ for each in LEAVES if sum(issubclass(each, fault) for fault in FAULTS) != 1] == []


def test_the_tree_lists_every_error_that_is_raised_once() -> None:
    listed = [each for each in errors.tree() if each.__module__ == errors.__name__]
    assert sorted(each.__name__ for each in listed) == sorted(each.__name__ for each in LEAVES)
    assert set(errors.tree(ClientFault)) < set(errors.tree())


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_says_what_it_is(kind: type[ProxyError]) -> None:
    assert kind.__doc__
    assert "__init__" not in kind.__doc__
    assert inspect.getdoc(kind) != inspect.getdoc(ProxyError)


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_has_a_status_a_type_and_a_code(kind: type[ProxyError]) -> None:
    assert 400 <= kind.status <= 599
    assert kind.type in TYPES
    assert re.fullmatch(r"[a-z][a-z_]+", kind.code or "")


LIMITED = {
    errors.LimitReached: "requests",
    errors.TooManyBatches: "requests",
    errors.RequestTooLarge: "tokens",
    errors.BudgetExhausted: "insufficient_quota",
}
"""Faults of a client whose type is not that of the others: OpenAI's 429s."""
PASSING = {errors.RequestTimeout, errors.LimitReached}
"""Faults of a client that are over after a while."""


@pytest.mark.parametrize("kind", LEAVES)
def test_status_type_and_fault_agree(kind: type[ProxyError]) -> None:
    if issubclass(kind, ClientFault):
        assert (kind.status < 500, kind.type) == (True, LIMITED.get(kind, "invalid_request_error"))
    elif kind.status >= 500:
        assert kind.type == "server_error"
    else:
        assert kind.status != 401, "a 401 would tell the application that its own key is bad"
        assert kind.type != "server_error"
    if issubclass(kind, OurFault):
        assert kind.status >= 500
    assert (kind.kind is not None) == issubclass(kind, UpstreamFault)


@pytest.mark.parametrize("kind", LEAVES)
def test_clients_retry_what_may_pass_and_nothing_else(kind: type[ProxyError]) -> None:
    """Client libraries retry 408, 409, 429 and every 5xx, unless `x-should-retry` says otherwise."""
    retried = (
        kind.should_retry if kind.should_retry is not None else kind.status in {408, 409, 429} or kind.status > 499
    )
    hopeless = {"UpstreamAuthFailed", "InsufficientQuota", "UpstreamRejected"}
    passing = (issubclass(kind, UpstreamFault | OurFault) and kind.__name__ not in hopeless) or kind in PASSING
    assert retried == passing


def test_codes_tell_the_errors_apart() -> None:
    # one is our reading of the request, or our limit, and one is Telnyx's
    shared = {errors.InvalidRequest, errors.UpstreamRejected, errors.RateLimited, errors.InsufficientQuota}
    shared |= {errors.RequestTooLarge}  # a limit, too, and OpenAI has one code for both
    codes = [each.code for each in LEAVES if each not in shared]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", LEAVES)
def test_the_envelope_is_openais(kind: type[ProxyError]) -> None:
    error = make(kind)
    assert error.envelope() == {
        "error": {"message": "Words.", "type": kind.type, "param": None, "code": kind.code},
    }
    assert str(error) == error.message == "Words."
    assert (error.retry_after, error.upstream_request_id) == (None, None)


@given(st.text(min_size=1), st.none() | st.text(), st.none() | st.text(min_size=1))
def test_the_envelope_always_has_its_four_keys(message: str, param: str | None, code: str | None) -> None:
    error = errors.InvalidRequest(message, param=param, code=code)
    inner = codec.decode(codec.encode(error.envelope()))["error"]
    assert inner == {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": "invalid_value" if code is None else code,
    }


def test_what_is_said_of_one_error_is_not_said_of_its_kind() -> None:
    told: dict[str, Any] = {"param": "model", "code": "else", "retry_after": 2.5, "upstream_request_id": "abc"}
    error = errors.InvalidRequest("Words.", **told)
    assert {name: getattr(error, name) for name in told} == told
    assert errors.InvalidRequest.code == "invalid_value"
    assert errors.InvalidRequest("Words.").param is None


def test_a_refusal_of_telnyx_keeps_its_status() -> None:
    error = UpstreamRejected("Words.", status=409, param="n", code="conflict")
    assert (error.status, error.param, error.code) == (409, "n", "conflict")
    assert (UpstreamRejected("Words.").status, UpstreamRejected.status) == (400, 400)


def test_a_wrong_method_knows_the_right_ones() -> None:
    assert MethodNotAllowed("Words.", ("GET", "HEAD")).allowed == ("GET", "HEAD")


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    """Every class, in its place, with its status."""
    drawn = re.findall(r"^ {4}([│├└─ ]*)(\w+) *(\d{3}|4xx)?", errors.__doc__ or "", re.MULTILINE)
    path: dict[int, str] = {}
    shown = {}
    for branch, name, status in drawn:
        depth = len(branch) // 4
        path[depth] = name
        if depth:
            shown[name] = (path[depth - 1], status)
    assert shown == {
        each.__name__: (
            each.__bases__[0].__name__,
            "" if each in FAULTS else "4xx" if each is UpstreamRejected else str(each.status),
        )
        for each in CLASSES
    }
