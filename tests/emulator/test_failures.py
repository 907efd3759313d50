"""Answers that are no completion."""

import json

import pytest

from proxy.emulator import failures
from proxy.emulator.failures import FAILURES


def test_the_envelope_has_the_keys_that_telnyx_documents() -> None:
    (error,) = json.loads(failures.envelope(400, "10015", "Bad Request", "no", "/n").body)["errors"]
    assert error == {
        "code": "10015",
        "title": "Bad Request",
        "detail": "no",
        "source": {"pointer": "/n"},
        "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/10015"},
    }


def test_fastapi_has_two_shapes() -> None:
    assert json.loads(failures.detail_text(422, "no").body) == {"detail": "no"}
    assert json.loads(failures.unprocessable([{"loc": ["body"]}]).body) == {"detail": [{"loc": ["body"]}]}


@pytest.mark.parametrize("name", ["rate-limited", "rate-limited-bare"])
def test_retry_after_can_be_set_where_there_was_one_and_where_there_was_none(name: str) -> None:
    headers = FAILURES[name].with_retry_after(0.5).headers
    assert [value for header, value in headers if header == "retry-after"] == ["0.5"]


def test_every_failure_describes_itself() -> None:
    assert all(failure.description for failure in FAILURES.values())


def test_the_table_holds_every_kind_of_body() -> None:
    kinds = {failure.content_type for failure in FAILURES.values()}
    assert kinds == {"application/json", "text/html", "text/plain", None}
    assert {200, 302, 400, 401, 402, 403, 404, 418, 422, 429, 500, 502, 503, 504, 529} == {
        f.status for f in FAILURES.values()
    }
