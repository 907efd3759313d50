"""Secrets at rest: keys as HMACs under a pepper, Telnyx keys encrypted.

Two secrets, both from `storage`: the *pepper*, without which a stolen database tells nothing about keys, and the
*encryption keys*, of which the first encrypts and all decrypt.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

PURPOSE = b"telnyx-proxy sealing"
CHECKED = b"telnyx-proxy"
"""What fingerprints are made of."""


class Unreadable(ValueError):
    """None of the encryption keys opens it."""


@dataclass(frozen=True)
class Sealing:
    """The two secrets at work.

    Attributes:
        pepper: what digests are made under.
        encryption_keys: 32 bytes each; the first encrypts, all decrypt.
    """

    pepper: bytes = field(repr=False)
    encryption_keys: tuple[bytes, ...] = field(repr=False)

    @cached_property
    def keys(self) -> "MultiFernet":
        """The encryption. Loaded when there is something to encrypt: many a database holds nothing sealed."""
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self.encryption_keys])

    def digest(self, sha256: bytes) -> bytes:
        """What is kept of a key or token whose SHA-256 this is: HMAC-SHA-256 under the pepper."""
        return hmac.digest(self.pepper, sha256, "sha256")

    def fingerprints(self) -> tuple[str, ...]:
        """By which the encryption keys are known again, in their order; they say nothing about them."""
        return tuple(hmac.digest(key, CHECKED, "sha256").hex() for key in self.encryption_keys)

    def seal(self, secret: bytes) -> bytes:
        """Encrypt: a Fernet token."""
        return self.keys.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt. Raises Unreadable."""
        from cryptography.fernet import InvalidToken

        try:
            return self.keys.decrypt(sealed)
        except InvalidToken:
            raise Unreadable("no encryption key of storage.encryption_keys opens it") from None

    def renew(self, sealed: bytes) -> bytes:
        """Encrypt anew under the first of the keys. Raises Unreadable."""
        from cryptography.fernet import InvalidToken

        try:
            return self.keys.rotate(sealed)
        except InvalidToken:
            raise Unreadable("no encryption key of storage.encryption_keys opens it") from None


def sealing(pepper: str, encryption_keys: Sequence[str]) -> Sealing:
    """From secrets of any length and form. Raises ValueError without an encryption key."""
    if not encryption_keys:
        raise ValueError("there must be an encryption key")
    return Sealing(pepper.encode(), tuple(map(_derived, encryption_keys)))


def _derived(secret: str) -> bytes:
    """A key of 32 bytes from a secret of high entropy; passwords would need a slow derivation.

    HKDF with SHA-256 and no salt (RFC 5869), whose one block is two HMACs.
    """
    extracted = hmac.digest(bytes(32), secret.encode(), "sha256")
    return hmac.digest(extracted, PURPOSE + b"\x01", "sha256")
