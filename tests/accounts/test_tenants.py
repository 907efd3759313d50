"""Who is let in, and what those hear who are not."""

from contextlib import nullcontext
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.credentials import Rota, Turn
from proxy.accounts.keys import digest, mint
from proxy.accounts.tenants import SEEN, Grant, KeyRing, Scope, Tenant
from proxy.errors import InvalidApiKey, NotPermitted, StoreUnavailable

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


def test_a_key_opens_nothing_from_its_end_on_and_its_holder_hears_why() -> None:
    ring = KeyRing({digest(MINTED): Grant(ACME, "web", "key_1", expires_at=100.0, closed="it has been revoked")})
    assert ring.admit(f"Bearer {MINTED}", 99.9).id == "key_1"
    with pytest.raises(InvalidApiKey, match="it has been revoked") as caught:
        ring.admit(f"Bearer {MINTED}", 100.0)
    assert MINTED not in str(caught.value)


def test_while_keys_cannot_be_looked_up_an_unknown_one_may_be_a_new_one() -> None:
    ring = KeyRing({digest(MINTED): WEB})
    ring.complete = False
    assert ring.admit(f"Bearer {MINTED}") is WEB
    with pytest.raises(StoreUnavailable) as caught:
        ring.admit("Bearer sk-perhaps-made-a-second-ago")
    assert caught.value.status == 503
    with pytest.raises(InvalidApiKey, match="checksum"):  # no key at all, whatever the store has
        ring.admit(f"Bearer {MINTED[:-1]}")


def test_other_keys_take_the_place_of_those_before() -> None:
    ring = KeyRing({digest(MINTED): WEB}, lambda key: digest(key)[::-1])
    with pytest.raises(InvalidApiKey):
        ring.admit(f"Bearer {MINTED}")
    ring.replace({digest(MINTED)[::-1]: BATCH})
    assert ring.admit(f"Bearer {MINTED}") is BATCH
    assert len(ring) == 1


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("fe80::1%eth0", False),
        ("11.0.0.1", False),
        ("", False),
        (None, False),
        ("unix", False),
    ],
)
def test_a_key_bound_to_networks_is_used_from_there_only(address: str | None, *, inside: bool) -> None:
    scope = Scope(networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    with nullcontext() if inside else pytest.raises(NotPermitted, match="address"):
        scope.expect_address(address)
    Scope().expect_address(address)


def test_a_key_bound_to_endpoints_and_models() -> None:
    scope = Scope(endpoints=frozenset({"models.list"}), models={"a/b"})
    scope.expect_endpoint("models.list")
    with pytest.raises(NotPermitted, match=r"chat\.completions"):
        scope.expect_endpoint("chat.completions")
    assert scope.allows("a/b")
    assert not scope.allows("a/c")
    Scope().expect_endpoint("chat.completions")
    assert Scope().allows("a/c")


class Counting:
    """A digest, and how often it was made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, key: str) -> bytes:
        self.made += 1
        return digest(key)


def test_a_header_that_was_good_is_known_again_without_the_dear_digest() -> None:
    made = Counting()
    ring = KeyRing({digest(MINTED): WEB}, made)
    made.made = 0
    assert all(ring.admit(f"Bearer {MINTED}") is WEB for _ in range(3))
    assert made.made == 1
    for _ in range(2):
        with pytest.raises(InvalidApiKey):
            ring.admit("Bearer nobody knows it")
    assert made.made == 3


def test_a_header_that_was_good_is_good_no_longer_than_its_key() -> None:
    ring = KeyRing({digest(MINTED): Grant(ACME, "web", expires_at=10)})
    assert ring.admit(f"Bearer {MINTED}", 9).key == "web"
    with pytest.raises(InvalidApiKey):
        ring.admit(f"Bearer {MINTED}", 10)
    ring.replace({digest(MINTED): BATCH})
    assert ring.admit(f"Bearer {MINTED}") is BATCH
    ring.replace({})
    with pytest.raises(InvalidApiKey):
        ring.admit(f"Bearer {MINTED}")


def test_of_a_key_spelled_in_a_thousand_ways_not_all_are_kept() -> None:
    ring = KeyRing({digest(MINTED): WEB})
    for blanks in range(SEEN + 10):
        assert ring.admit(f"Bearer {' ' * blanks}{MINTED}") is WEB
    assert len(ring._seen) <= SEEN


def test_a_text_that_holds_any_of_a_tenants_telnyx_keys_reveals_it() -> None:
    several = Tenant("acme", "KEY_one", rota=Rota([Turn("a", "KEY_one"), Turn("b", "KEY_two")]))
    for tenant, text, found in (
        (ACME, f"id-{ACME.credential}", True),
        (ACME, "id-1", False),
        (several, "id-KEY_two", True),
        (several, "id-KEY_three", False),
    ):
        assert tenant.reveals(text) is found
    assert several.secrets() == ("KEY_one", "KEY_two")


def test_keys_are_found_by_their_ids_and_those_of_the_configuration_by_name() -> None:
    stored = Grant(ACME, "night", "key_1", expires_at=100.0)
    ring = KeyRing({b"1": WEB, b"2": stored, b"3": Grant(BETA, "web")})
    assert ring.named("acme", "", "web", 0.0) is WEB
    assert ring.named("acme", "key_1", "renamed since", 99.0) is stored
    with pytest.raises(InvalidApiKey, match="it has expired"):
        ring.named("acme", "key_1", "night", 100.0)
    for tenant, key_id, key in (("acme", "", "night"), ("beta", "key_1", "night"), ("acme", "key_2", "web")):
        with pytest.raises(InvalidApiKey, match="not known any more"):
            ring.named(tenant, key_id, key, 0.0)
    ring.replace({})
    with pytest.raises(InvalidApiKey):
        ring.named("acme", "", "web", 0.0)
