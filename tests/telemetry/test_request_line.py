"""The quick rendering is held against the slow definition, for whatever may stand in a record."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.ledger import STREAM_ENDS, Record
from proxy.accounts.pricing import FREE, Charge
from proxy.telemetry import request_line
from proxy.telemetry.redaction import VALUE_LIMIT
from proxy.telemetry.request_line import RequestLine, canonical, level_of
from proxy.usage import NOTHING, Usage
from tests.telemetry.records import FULL


def test_the_canonical_line_tells_everything() -> None:
    assert canonical(FULL) == {
        "timestamp": "2023-11-14T22:13:20.123Z",
        "event": "request",
        "request_id": "req_1",
        "tenant": "acme",
        "key": "web",
        "endpoint": "chat.completions",
        "model_asked": "gpt-4o-mini",
        "model": "moonshotai/Kimi-K2.6",
        "status": 200,
        "error_code": "upstream_error",
        "error_kind": "failed",
        "changes": "renamed=max_completion_tokens>max_tokens",
        "repairs": ("stream_options",),
        "schema_violations": 1,
        "input_tokens": 100,
        "output_tokens": 50,
        "cached_input_tokens": 20,
        "reasoning_tokens": 10,
        "tokens_source": "upstream",
        "duration_ms": 1500.04,
        "upstream_ms": 1250.0,
        "client_ms": 125.0,
        "overhead_ms": 125.04,
        "ttft_ms": 300.0,
        "stream": True,
        "stream_end": "truncated",
        "client": "openai-python",
        "retry_count": 1,
        "client_request_id": "mine",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "upstream_request_id": "theirs",
        "end_user": "0123456789abcdef",
        "bytes_in": 1000,
        "bytes_out": 2000,
        "cost_usd": 0.008478,
    }


def test_the_canonical_line_leaves_out_what_is_empty() -> None:
    assert canonical(Record("req_1", 1700000000.0)) == {
        "timestamp": "2023-11-14T22:13:20.000Z",
        "event": "request",
        "request_id": "req_1",
        "endpoint": "unknown",
        "status": 0,
        "client": "other",
        "duration_ms": 0.0,
        "upstream_ms": 0.0,
        "overhead_ms": 0.0,
    }


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (Usage(source="estimated", audio_ms=90_500), b'"audio_seconds":90.5'),
        (Usage(source="estimated", characters=25), b'"characters":25'),
    ],
    ids=["heard", "spoken"],
)
def test_speech_is_in_the_line(usage: Usage, told: bytes) -> None:
    record = Record("req_1", 1700000000.0)
    record.usage = usage
    line = RequestLine({})
    assert told in line.render(record)
    assert told in line.exact(record)


@pytest.mark.parametrize(
    ("charge", "text"),
    [
        (Charge(1, 2, "x"), b'"cost_usd":1e-6'),
        (Charge(123_456_789, 0, "x"), b'"cost_usd":123.456789'),
        (Charge(0, 0, "x"), b'"cost_usd":0.0'),
        (FREE, b""),
        (Charge(), b""),
        (None, b""),
    ],
)
def test_the_cost_is_told_to_the_micro_dollar_where_it_is_known(charge: Charge | None, text: bytes) -> None:
    record = replace(FULL, charge=charge)
    line = RequestLine({}).render(record)
    assert text in line
    assert ("cost_usd" in canonical(record)) == (b"cost_usd" in line) == bool(text)
    assert json.loads(line).get("cost_usd") == canonical(record).get("cost_usd")


def test_a_first_token_at_once_is_no_absent_one() -> None:
    assert canonical(replace(FULL, first_token=0.0))["ttft_ms"] == 0.0


@pytest.mark.parametrize(("status", "level"), [(200, "info"), (429, "info"), (499, "info"), (500, "error")])
def test_what_failed_here_or_at_telnyx_is_an_error(status: int, level: str) -> None:
    record = replace(FULL, status=status)
    assert level_of(record) == level
    assert json.loads(RequestLine({}).render(record))["level"] == level


SECRETS = ("sk-tp-0aZ9bY8cX7dW6eV5fU4gT3", "KEY0123456789ABCDEF0123456789ABCDEF_aBcDeFgHiJk", "Bearer tiptop")

texts = st.one_of(
    st.just(""),
    st.text(alphabet="0123456789abcdef-", max_size=36),
    st.text(max_size=20),
    st.text(alphabet=st.characters(), max_size=4),  # with lone surrogates, as header values have them
    st.sampled_from(
        (*SECRETS, "a " + SECRETS[0], "helpdesk-team", "KEYBOARD", "bearer:x", 'a"b', "a\\b", "a\nb", "\x7f")
    ),
    st.just("f" * (VALUE_LIMIT + 1)),
)
optional = st.one_of(st.none(), texts)
seconds = st.one_of(
    st.floats(0, 1e7),
    st.floats(0, 1),
    st.floats(0, 1e300),
    st.integers(0, 10**9).map(lambda number: number / 200_000),  # halves of hundredths, where rounding is delicate
    st.sampled_from((0.0, -0.0, 5e-324, float("nan"), float("inf"))),
)
numbers = st.one_of(st.just(0), st.integers(0, 2**70))
usages = st.one_of(
    st.just(NOTHING),
    st.builds(Usage, numbers, numbers, numbers, numbers, st.sampled_from(("upstream", "estimated", "none"))),
)
records = st.builds(
    Record,
    request_id=texts.filter(bool),
    started_at=st.one_of(st.floats(-1e9, 4e9), st.integers(0, 4 * 10**9).map(lambda number: number + 0.9999996)),
    endpoint=texts,
    method=st.sampled_from(("GET", "POST")),
    path=texts,
    tenant=texts,
    key=texts,
    model_asked=texts,
    model=texts,
    status=st.sampled_from((0, 200, 404, 499, 500, 504)),
    error_code=optional,
    error_kind=optional,
    stream=st.booleans(),
    stream_end=st.one_of(st.none(), st.sampled_from(STREAM_ENDS)),
    usage=usages,
    changes_header=texts,
    repairs=st.one_of(st.just(()), st.tuples(texts)),
    schema_violations=st.integers(0, 3),
    duration=seconds,
    waited=seconds,
    client_waited=seconds,
    first_token=st.one_of(st.none(), seconds),
    client=texts,
    retry_count=st.integers(0, 99),
    client_request_id=optional,
    trace_id=optional,
    upstream_request_id=optional,
    end_user=optional,
    bytes_in=st.integers(0, 2**40),
    bytes_out=st.integers(0, 2**40),
    charge=st.sampled_from((None, FREE, Charge())) | st.builds(Charge, st.integers(0, 2**50), st.just(0), st.just("x")),
)


@given(st.lists(records, min_size=1, max_size=4))
def test_the_quick_line_says_what_the_exact_one_says(given_records: list[Record]) -> None:
    lines = RequestLine({"worker": 2})
    for record in (*given_records, *given_records):  # the second time with what is remembered
        line = lines.render(record)
        assert json.loads(line) == json.loads(lines.exact(record))
        assert b"\n" not in line
        assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]


@given(records.map(lambda record: replace(record, path="")), st.sampled_from(SECRETS))
def test_no_key_comes_through_anywhere(record: Record, secret: str) -> None:
    lines = RequestLine({})
    for name in (
        "request_id", "tenant", "key", "model_asked", "model", "error_code", "changes_header", "client",
        "client_request_id", "trace_id", "upstream_request_id", "end_user",
    ):  # fmt: skip
        for value in (secret, f"0123{secret}", f"a b {secret} c"):
            changed: dict[str, Any] = {name: value}
            line = lines.render(replace(record, **changed))
            assert secret[-6:] not in json.loads(line).get(name.removesuffix("_header"), "")


@pytest.mark.parametrize(
    "ordinary",
    [
        FULL,
        replace(FULL, client_request_id="my-job-17", upstream_request_id="8C7E0F0E-8b1d-4c51-9a3c-0123456789ab"),
        replace(FULL, tenant="helpdesk-team", model_asked="café", changes_header="task-runner KEY"),
    ],
    ids=["hexadecimal", "other identifiers", "words that look like the beginning of a key"],
)
def test_an_ordinary_request_does_not_take_the_slow_way(ordinary: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = RequestLine({})
    first = lines.render(ordinary)
    monkeypatch.setattr(request_line, "canonical", None)  # whoever asks for it fails
    assert lines.render(ordinary) == first
    later = replace(ordinary, request_id="req_2", started_at=ordinary.started_at + 61, duration=3.0, bytes_out=7)
    assert json.loads(lines.render(later))["request_id"] == "req_2"
    assert json.loads(lines.render(later))["timestamp"] == "2023-11-14T22:14:21.123Z"


@pytest.mark.parametrize("name", ["key", "client_request_id", "trace_id", "upstream_request_id", "end_user"])
def test_a_secret_is_masked_whatever_stands_before_it(name: str) -> None:
    value: dict[str, Any] = {name: "sk-abcdefghijklmnop"}
    record = replace(FULL, **value)
    assert b"abcdefghijklmnop" not in RequestLine({}).render(record)
    assert json.loads(RequestLine({}).render(record))[name] == json.loads(RequestLine({}).exact(record))[name] == "***"


def test_many_keys_share_what_is_remembered() -> None:
    lines = RequestLine({})
    for number in range(10):
        assert json.loads(lines.render(replace(FULL, key=f"key-{number}")))["key"] == f"key-{number}"
    assert len(lines._texts) == 1


def test_values_are_bounded_in_what_is_remembered_too() -> None:
    (line,) = {RequestLine({}).render(replace(FULL, tenant="t" * 100_000, upstream_request_id="f" * 100_000))}
    assert len(line) < 3 * VALUE_LIMIT


def test_many_names_take_little_memory() -> None:
    lines = RequestLine({})
    limit = request_line.TEXTS_LIMIT
    for number in range(limit + 10):
        lines.render(replace(FULL, model_asked=f"invented-{number}"))
        assert len(lines._texts) <= limit
    lines.render(replace(FULL, model_asked="m" * request_line.TEXT_LIMIT))
    assert max(map(len, lines._texts.values())) <= request_line.TEXT_LIMIT


@pytest.mark.parametrize("path", ["/v1/nothing", "/" + "x" * 1000])
def test_an_unknown_path_is_not_remembered(path: str) -> None:
    lines = RequestLine({})
    line: dict[str, Any] = json.loads(lines.render(replace(FULL, path=path)))
    assert (line["method"], line["path"]) == ("POST", path)
    assert lines._texts == {}
