from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.storage import schema
from proxy.storage.fitting import expect_fit


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": "x" * 65}, "name is longer than 64 characters."),
        ({"name": "a\0b"}, "name contains a NUL character."),
        ({"name": "\ud800"}, "name is not Unicode text."),
        ({"expires_at": 1 << 63}, "expires_at is too large a number."),
        ({"revision": 1 << 31}, "revision is too large a number."),
        ({"tags": {"a\0": "b"}}, "tags contains a NUL character."),
        ({"models": ["ok", ["\udfff"]]}, "models is not Unicode text."),
    ],
)
def test_what_does_not_fit_is_told_with_its_column(row: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        expect_fit(schema.KEYS, row)
    assert refused.value.message == words
    assert refused.value.param == next(iter(row))


def test_what_fits_passes() -> None:
    row = {"name": "x" * 64, "digest": b"\0" * 32, "expires_at": -(1 << 63), "revision": (1 << 31) - 1}
    expect_fit(schema.KEYS, row | {"disabled": True, "tags": {"a": "é😀"}, "models": ["*"], "revoked_at": None})


def test_text_without_a_bound_may_be_long() -> None:
    expect_fit(schema.CREDENTIALS, {"reference": "x" * 100_000})
