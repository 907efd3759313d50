import hashlib
import hmac

import pytest

from proxy.storage.sealing import Unreadable, sealing

PEPPER, OLD, NEW = "pepper-pepper-pepper", "old-old-old-old-old", "new-new-new-new-new"


def test_a_digest_is_an_hmac_under_the_pepper() -> None:
    sha = hashlib.sha256(b"key").digest()
    assert sealing(PEPPER, [OLD]).digest(sha) == hmac.new(PEPPER.encode(), sha, "sha256").digest()


def test_what_is_sealed_opens_with_the_same_key_only() -> None:
    sealed = sealing(PEPPER, [OLD]).seal(b"KEY")
    assert b"KEY" not in sealed
    assert sealing("another", [NEW, OLD]).open(sealed) == b"KEY"
    with pytest.raises(Unreadable):
        sealing(PEPPER, [NEW]).open(sealed)
    with pytest.raises(Unreadable):
        sealing(PEPPER, [OLD]).open(sealed[:-1] + b"x")


def test_renewing_puts_it_under_the_first_key() -> None:
    sealed = sealing(PEPPER, [OLD]).seal(b"KEY")
    renewed = sealing(PEPPER, [NEW, OLD]).renew(sealed)
    assert sealing(PEPPER, [NEW]).open(renewed) == b"KEY"
    with pytest.raises(Unreadable):
        sealing(PEPPER, [NEW]).renew(sealed)


def test_it_shows_nothing() -> None:
    said = repr(sealing(PEPPER, [OLD]))
    assert "pepper-pepper" not in said
    assert "old-old" not in said


def test_an_encryption_key_is_needed() -> None:
    with pytest.raises(ValueError, match="must be an encryption key"):
        sealing(PEPPER, [])
