import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.translation import batch_lines
from proxy.translation.batch_lines import (
    Checker,
    Line,
    LineFault,
    LineSplitter,
    answered,
    envelope,
    line_id,
    parse,
    unanswered,
)

URL = "/v1/embeddings"
GOOD = {"custom_id": "a", "method": "POST", "url": URL, "body": {"input": "x"}}


def split(pieces: list[bytes], limit: int = 1000) -> list[Line]:
    splitter = LineSplitter(limit)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()


def fault(line: object, endpoint: str = URL) -> tuple[str, str | None]:
    data = line if isinstance(line, bytes) else codec.encode(line)
    with pytest.raises(LineFault) as raised:
        parse(data, endpoint)
    assert raised.value.message.endswith(".")
    return raised.value.code, raised.value.param


def test_lines_are_told_apart() -> None:
    assert split([b"one\n\ntw", b"o\r\n", b" \t\nthr", b"ee"]) == [
        Line(1, b"one"),
        Line(3, b"two\r"),
        Line(5, b"three"),
    ]


def test_a_byte_order_mark_at_the_beginning_is_no_part_of_a_line() -> None:
    mark = "\ufeff".encode()
    assert split([mark + b"one\n", mark + b"two"]) == [Line(1, b"one"), Line(2, mark + b"two")]
    assert split([mark]) == []


def test_of_a_line_that_is_too_long_nothing_is_kept() -> None:
    splitter = LineSplitter(3)
    assert splitter.feed(b"abc\r\nabcd\n") == [Line(1, b"abc\r"), Line(2, None)]
    for _ in range(100):
        assert splitter.feed(b"x" * 1000) == []
        assert splitter._held == []
    assert splitter.feed(b"\nabc") == [Line(3, None)]
    assert splitter.finish() == [Line(4, b"abc")]


@given(
    st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r\n", b" ", b"cccc", "\ufeff".encode()]), max_size=30), st.data()
)
def test_any_slicing_gives_the_same_lines(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert split(pieces, 3) == split([whole], 3)


def test_a_good_line_is_a_request() -> None:
    request = parse(codec.encode(GOOD) + b"\r", URL)
    assert (request.custom_id, request.body) == ("a", {"input": "x"})


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"\xff", "invalid_json_line", None),
        (b"\xff\xfe{\x00", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        ({**GOOD, "custom_id": None}, "missing_required_parameter", "custom_id"),
        ({"custom_id": "a"}, "missing_required_parameter", "method"),
        ({**GOOD, "custom_id": 7}, "invalid_type", "custom_id"),
        ({**GOOD, "custom_id": ""}, "invalid_type", "custom_id"),
        ({**GOOD, "method": "GET"}, "invalid_method", "method"),
        ({**GOOD, "url": "/v1/responses"}, "invalid_url", "url"),
        ({**GOOD, "body": []}, "invalid_type", "body"),
    ],
)
def test_the_first_fault_of_a_line_is_told(line: object, code: str, param: str | None) -> None:
    assert fault(line) == (code, param)


def checked(*lines: object, requests: int = 10) -> Checker:
    checker = Checker(URL, requests, 100)
    for number, line in enumerate(lines, 1):
        checker.check(Line(number, None if line is None else codec.encode(line)))
    checker.finish()
    return checker


def test_a_line_that_would_hold_up_all_others_is_none() -> None:
    assert fault(b"[" * (codec.CONTAINERS + 1)) == ("request_too_large", None)


def test_a_good_file_has_no_faults() -> None:
    checker = checked(GOOD, {**GOOD, "custom_id": "b"})
    assert (checker.total, checker.faults, checker.full) == (2, [], False)


def test_faults_of_a_file_have_their_lines() -> None:
    faults = checked(GOOD, None, GOOD).faults
    assert [(each["line"], each["code"]) for each in faults] == [(2, "line_too_long"), (3, "duplicate_custom_id")]
    assert "'a'" in faults[1]["message"]
    assert [(each["line"], each["code"]) for each in checked().faults] == [(None, "empty_file")]


def test_nobody_looks_further_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    checker = checked(*({**GOOD, "custom_id": str(number)} for number in range(3)), requests=2)
    assert checker.full
    assert [each["code"] for each in checker.faults] == ["too_many_requests"]
    monkeypatch.setattr(batch_lines, "FAULTS", 2)
    assert checked([], []).full


def test_output_lines_hold_the_answer_as_it_was() -> None:
    line = answered("batch_req_1", 'a"b', 200, "req_1", b'{"x":1.50}')
    assert line.endswith(b"\n")
    assert b'"body":{"x":1.50}}' in line
    assert codec.decode(line) == {
        "id": "batch_req_1",
        "custom_id": 'a"b',
        "response": {"status_code": 200, "request_id": "req_1", "body": {"x": 1.5}},
        "error": None,
    }


@pytest.mark.parametrize(("body", "shown"), [(b'{\n "x": 1\r\n}', {"x": 1}), (b"", None), (b"\n", None)])
def test_an_answer_of_several_lines_becomes_one(body: bytes, shown: object) -> None:
    line = answered("i", "a", 200, "r", body)
    assert line.count(b"\n") == 1
    assert codec.decode(line)["response"]["body"] == shown


def test_a_request_that_was_not_made_says_why() -> None:
    line = unanswered("i", "a", "batch_expired", "Too late.")
    assert codec.decode(line) == {
        "id": "i",
        "custom_id": "a",
        "response": None,
        "error": {"code": "batch_expired", "message": "Too late."},
    }
    assert codec.decode(envelope("No.", param="stream", code="x"))["error"]["param"] == "stream"


def test_a_line_has_the_same_id_whoever_runs_it() -> None:
    assert line_id("batch_1", 7) == line_id("batch_1", 7)
    assert len({line_id("batch_1", 7), line_id("batch_1", 8), line_id("batch_2", 7)}) == 3
