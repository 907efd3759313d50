import hashlib

import pytest

from proxy.admin.dashboard.filters import CLASSES, cursor, filters
from proxy.admin.dashboard.ranges import TimeRange
from proxy.errors import InvalidRequest, NotFound
from tests.admin.dashboard.records import request

SPAN = TimeRange("24h", 0, 86_400)


def test_a_query_becomes_a_question() -> None:
    wanted = filters(
        {
            "tenant": ["acme"],
            "key": [" acme/web "],
            "model": ["a/b"],
            "endpoint": ["embeddings"],
            "status": ["4xx"],
            "error": ["rate_limit_exceeded"],
            "end": ["truncated"],
            "user": ["ada"],
            "after": ["17.req_1"],
            "range": ["24h"],
        },
        None,
    )
    asked = wanted.question(SPAN, None)
    assert asked.only == {
        "tenant": ["acme"],
        "key_id": ["acme/web"],
        "model": ["a/b"],
        "endpoint": ["embeddings"],
        "status": [status for status in CLASSES["4xx"][1] if status != 499],
        "end_user": [hashlib.sha256(b"ada").hexdigest()[:16]],
    }
    assert (asked.start, asked.end) == (0, 86_400)
    assert wanted.equal() == {"error_code": "rate_limit_exceeded", "stream_end": "truncated"}
    assert wanted.after == (17, "req_1")
    assert "status" not in wanted.without("status")
    assert wanted.without("status")["model"] == "a/b"


def test_no_query_asks_for_everything() -> None:
    wanted = filters({"tenant": [""], "status": []}, None)
    assert (wanted.given, wanted.after, wanted.equal()) == ({}, None, {})
    assert wanted.question(SPAN, None).only == {}


def test_a_hash_of_an_end_user_is_taken_as_it_is() -> None:
    assert filters({"user": ["9f86d081884c7d65"]}, None).question(SPAN, None).only == {"end_user": ["9f86d081884c7d65"]}


def test_a_tenant_admin_is_held_to_its_tenant() -> None:
    assert filters({}, "acme").question(SPAN, "acme").only == {"tenant": ["acme"]}
    assert filters({"tenant": ["acme"]}, "acme").question(SPAN, "acme").only == {"tenant": ["acme"]}
    with pytest.raises(NotFound, match="no tenant 'beta'"):
        filters({"tenant": ["beta"]}, "acme")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "6xx"),
        ("status", "1234"),
        ("status", "٤٢٩"),
        ("end", "well"),
        ("after", "yesterday"),
        ("after", "17."),
        ("after", "123456789012345678.req_1"),
        ("model", "m" * 257),
        ("key", "a\x00b"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        filters({name: [value]}, None)
    assert raised.value.param == name


def test_a_single_status() -> None:
    assert filters({"status": ["429"]}, None).question(SPAN, None).only == {"status": [429]}


def test_the_end_of_a_page_asks_for_the_next() -> None:
    row = request("req_7")._asdict()
    assert filters({"after": [cursor(row)]}, None).after == (row["started_us"], "req_7")
