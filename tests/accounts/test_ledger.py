from dataclasses import fields

import pytest

from proxy.accounts.ledger import CLIENT_CLOSED, STREAM_ENDS, Record, erred, errors
from proxy.usage import NOTHING


def test_a_record_begins_with_nothing_known() -> None:
    record = Record("req_1", 1700000000.0)
    assert (record.endpoint, record.tenant, record.key, record.model, record.status) == ("unknown", "", "", "", 0)
    assert record.usage is NOTHING
    assert record.client == "other"
    assert (record.error_code, record.error_kind, record.stream_end, record.first_token) == (None, None, None, None)


def test_records_share_no_tags() -> None:
    assert Record("req_1", 0.0).metadata is not Record("req_2", 0.0).metadata


def test_overhead_is_what_was_not_spent_waiting() -> None:
    assert Record("req_1", 0.0, duration=1.5, waited=1.25).overhead == 0.25
    assert Record("req_1", 0.0, duration=1.5, waited=1.0, client_waited=0.25).overhead == 0.25


def test_overhead_is_never_negative() -> None:
    """Two clocks read a moment apart may disagree."""
    assert Record("req_1", 0.0, duration=1.0, waited=1.1).overhead == 0.0


def test_a_name_mistyped_is_an_error() -> None:
    record = Record("req_1", 0.0)
    with pytest.raises(AttributeError):
        record.tennant = "acme"  # type: ignore[attr-defined]  # the point of the test


def test_there_is_no_place_for_prompts_answers_or_keys() -> None:
    names = {field.name for field in fields(Record)}
    assert not {
        name for name in names if any(word in name for word in ("body", "prompt", "secret", "content", "message"))
    }


def test_every_end_of_a_stream_is_named_once() -> None:
    assert len(set(STREAM_ENDS)) == len(STREAM_ENDS)
    assert "complete" in STREAM_ENDS
    assert CLIENT_CLOSED == 499


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, False), (302, False), (400, True), (429, True), (CLIENT_CLOSED, False), (503, True), (0, True)],
)
def test_who_left_made_no_error_and_no_answer_is_one(status: int, error: bool) -> None:  # noqa: FBT001
    assert erred(status) is error


def test_errors_are_all_of_a_bad_status_and_the_broken_streams_of_a_good_one() -> None:
    assert [errors(status, 7, 2) for status in (200, 429, CLIENT_CLOSED, 502, 0)] == [2, 7, 2, 7, 7]
