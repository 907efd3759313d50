"""Keys are taken out of bytes, however they are sliced, and nothing waits that cannot begin one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge.redacting import Redactor

KEY = "KEY_acme-0001"
SLICED = st.lists(st.text(alphabet="abK").map(str.encode), max_size=12)


@given(SLICED, st.lists(st.text(alphabet="abK", max_size=5), max_size=3))
def test_any_slicing_gives_the_same_bytes(pieces: list[bytes], secrets: list[str]) -> None:
    redactor = Redactor(secrets)
    found = b"".join(map(redactor.feed, pieces)) + redactor.finish()
    assert found == redactor.whole(b"".join(pieces))


def test_a_key_is_found_at_every_cut() -> None:
    data = f"<html>{KEY}{KEY}: no</html>".encode()
    for cut in range(len(data) + 1):
        redactor = Redactor((KEY,))
        found = redactor.feed(data[:cut]) + redactor.feed(data[cut:]) + redactor.finish()
        assert found == b"<html>[redacted][redacted]: no</html>"


@pytest.mark.parametrize(
    ("piece", "now"),
    [
        (b"data: {}\n\n", b"data: {}\n\n"),
        (b"a KEY_acme", b"a "),
        (b"a KEY_acmf", b"a KEY_acmf"),
        (b"KEY_acme-0001K", b"[redacted]"),
        (b"", b""),
    ],
)
def test_only_the_beginning_of_a_key_waits(piece: bytes, now: bytes) -> None:
    assert Redactor((KEY,)).feed(piece) == now


def test_what_waited_and_was_none_is_handed_on() -> None:
    redactor = Redactor((KEY,))
    assert redactor.feed(b"KEY_ac") == b""
    assert redactor.feed(b"tor") == b"KEY_actor"
    assert redactor.feed(b"KEY_") == b""
    assert redactor.finish() == b"KEY_"


def test_who_has_no_secrets_hides_nothing() -> None:
    assert Redactor(()).feed(b"KEY_") == b"KEY_"
    assert Redactor(("",)).feed(b"KEY_") == b"KEY_"


def test_headers_are_text() -> None:
    assert Redactor((KEY,)).text(f"text/html; echo={KEY}") == "text/html; echo=[redacted]"
