from typing import Any

import pytest

from proxy.admin.key_forms import status, view

ROW: dict[str, Any] = {
    "id": "key_1",
    "tenant": "acme",
    "name": "web",
    "digest": b"secret digest",
    "last4": "a1b2",
    "owner": "",
    "tags": {},
    "endpoints": [],
    "models": [],
    "networks": [],
    "created_at": 5,
    "expires_at": None,
    "last_used_at": None,
    "disabled": False,
    "revoked_at": None,
    "rotated_from": None,
    "service_account": None,
    "revision": 1,
}


@pytest.mark.parametrize(
    ("row", "replaced", "expected"),
    [
        ({}, False, "active"),
        ({}, True, "active"),  # its end was taken back
        ({"expires_at": 11}, False, "active"),
        ({"expires_at": 11}, True, "rotating"),
        ({"expires_at": 10}, True, "expired"),
        ({"disabled": True}, False, "disabled"),
        ({"disabled": True, "expires_at": 11}, True, "disabled"),
        ({"disabled": True, "expires_at": 9}, False, "expired"),
        ({"revoked_at": 9, "disabled": True, "expires_at": 9}, True, "revoked"),
    ],
    ids=str,
)
def test_the_status_is_the_worst_that_can_be_said(row: dict[str, Any], expected: str, *, replaced: bool) -> None:
    assert status({**ROW, **row}, 10, replaced=replaced) == expected


def test_the_digest_is_not_shown() -> None:
    shown = view(ROW, 10)
    assert "digest" not in shown
    assert shown["redacted"] == "sk-tp-…a1b2"
    assert view({**ROW, "last4": ""}, 10)["redacted"] == "…"
    assert [view({**ROW, "revision": number}, 10)["declared"] for number in (0, 1)] == [True, False]
