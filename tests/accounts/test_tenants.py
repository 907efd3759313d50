"""Who is let in, and what those hear who are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.keys import digest, mint
from proxy.accounts.tenants import Grant, KeyRing, Tenant
from proxy.errors import InvalidApiKey

ACME = Tenant("acme", "KEY0123456789abcdef_secret", ("zai-org/*",))
BETA = Tenant("beta", "KEY9876543210fedcba_secret")
MINTED = mint(bytes(range(32)))
OLD = "an old key: with blanks, ünïcode"
WEB, BATCH, LEGACY = Grant(ACME, "web"), Grant(ACME, "batch"), Grant(BETA, "legacy")
RING = KeyRing({digest(MINTED): WEB, digest("sk-proj-another-minted-key"): BATCH, digest(OLD): LEGACY})

MISSING = "You didn't provide an API key."
MALFORMED = "must be 'Bearer' and a key"
MISTYPED = "its checksum is wrong"
UNKNOWN = "does not know it"


@pytest.mark.parametrize(
    ("authorization", "grant"),
    [
        (f"Bearer {MINTED}", WEB),
        (f"bearer {MINTED}", WEB),
        (f"BEARER {MINTED}", WEB),
        (f"bEaReR    {MINTED}  ", WEB),
        (f"Bearer \t{MINTED}\t", WEB),
        ("Bearer sk-proj-another-minted-key", BATCH),
        (f"Bearer {OLD}", LEGACY),
        (f"Bearer {OLD.encode().decode('utf-8', 'surrogateescape')}", LEGACY),
    ],
)
def test_a_known_key_opens_its_grant(authorization: str, grant: Grant) -> None:
    assert RING.admit(authorization) is grant


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, MISSING),
        ("", MISSING),
        (" ", MALFORMED),
        ("Bearer", MALFORMED),
        ("Bearer ", MALFORMED),
        ("Bearer   \t ", MALFORMED),
        (MINTED, MALFORMED),
        (f"Basic {MINTED}", MALFORMED),
        (f"Bearer{MINTED}", MALFORMED),
        (f"Token {MINTED}", MALFORMED),
        ("Bearer YOUR_KEY", UNKNOWN),
        ("Bearer undefined", UNKNOWN),
        ("Bearer " + mint(bytes(32)), UNKNOWN),
        (f"Bearer Bearer {MINTED}", UNKNOWN),
        (f"Bearer {MINTED.upper()}", UNKNOWN),
        (f"Bearer '{MINTED}'", UNKNOWN),
        (f"Bearer {MINTED[:-1]}", MISTYPED),
        (f"Bearer {MINTED},", MISTYPED),
        (f"Bearer {MINTED} {MINTED}", MISTYPED),
        ("Bearer sk-tp-", MISTYPED),
        ("Bearer " + "é" * 30, UNKNOWN),
        ("Bearer " + "\udcff\udc80" * 30, UNKNOWN),
        (f"Bearer {MINTED[:30]}\udcff{MINTED[31:]}", MISTYPED),
        ("Bearer " + "k" * 8192, UNKNOWN),
        ("Bearer sk-tp-" + "k" * 8192, MISTYPED),
        ("Bearer " + "\x00" * 40, UNKNOWN),
        (f"Bearer {ACME.credential}", UNKNOWN),
    ],
)
def test_nobody_else_is_let_in(authorization: str | None, message: str) -> None:
    with pytest.raises(InvalidApiKey, match=message) as caught:
        RING.admit(authorization)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


def heard(authorization: str | None) -> str:
    with pytest.raises(InvalidApiKey) as caught:
        RING.admit(authorization)
    return caught.value.message


WORDS = {
    case: heard(header)
    for case, header in {"missing": None, "malformed": "x", "mistyped": "Bearer sk-tp-x", "unknown": "Bearer x"}.items()
}


@given(st.text() | st.text().map("Bearer {}".format) | st.text().map("Bearer sk-tp-{}".format))
def test_no_answer_repeats_a_key(authorization: str) -> None:
    """There are four answers, whatever was sent."""
    assert heard(authorization) in WORDS.values()


@given(st.binary(max_size=100))
def test_any_bytes_of_a_header_are_answered(wire: bytes) -> None:
    assert heard("Bearer sk-tp-" + wire.decode("utf-8", "surrogateescape")) in WORDS.values()


@given(st.text(min_size=20).map(str.strip).filter(lambda key: len(key) >= 20))
def test_any_string_can_be_a_key(key: str) -> None:
    ring = KeyRing({digest(key): WEB})
    assert ring.admit(f"Bearer {key}") is WEB
    with pytest.raises(InvalidApiKey):
        RING.admit(f"Bearer {key}")


def test_a_ring_is_as_large_as_its_keys_and_can_be_empty() -> None:
    assert len(RING) == 3
    assert len(KeyRing({})) == 0
    with pytest.raises(InvalidApiKey):
        KeyRing({}).admit(f"Bearer {MINTED}")


def test_a_ring_does_not_change_with_what_it_was_made_of() -> None:
    grants: dict[bytes, Grant] = {}
    ring = KeyRing(grants)
    grants[digest(MINTED)] = WEB
    assert len(ring) == 0


@pytest.mark.parametrize("shown", [ACME, WEB])
def test_a_credential_is_never_shown(shown: Any) -> None:
    assert ACME.credential not in f"{shown!r} {shown}"
    assert "acme" in repr(shown)


def test_a_tenant_may_use_every_model_unless_told_otherwise() -> None:
    assert BETA.models == ("*",)
