"""Reasoning that clients carry: sealed, so that nobody but this proxy reads or changes it, and only for its tenant.

A sealed text is the prefix `tpr1_` and base64url (without `=`) of a nonce of 12 bytes and AES-256-GCM of the compressed
text. The key is the tenant's own, derived by HKDF with SHA-256 (RFC 5869) from an encryption key of the store; prefix
and tenant are authenticated with it. What begins otherwise comes from somebody else (OpenAI, another proxy) and is not
looked at.
"""

import base64
import hmac
import secrets
import zlib
from typing import Final

from proxy.storage.sealing import Sealing

PREFIX: Final = "tpr1_"
"""The version is in it; another one is a foreign blob."""
PURPOSE = b"telnyx-proxy reasoning"
NONCE = 12
"""Bytes, random for each text: a key of its own for each tenant makes 2**32 of them safe (NIST SP 800-38D, 8.3)."""
LONGEST = 1 << 20
"""Bytes of a text: five times what a model may write as reasoning. The beginning of a longer one is cut off."""
LONGEST_SEALED = len(PREFIX) + (LONGEST + 1024) * 4 // 3 + 4
"""Characters of a sealed text: one that does not compress grows by some bytes."""


class Sealer:
    """Seals texts for tenants.

    With the secrets of a store, every process and every later one opens what any of them has sealed, as long as the
    encryption key is among those of `storage.encryption_keys`: the first seals, all open. Without a store the key is
    random and this process's alone: what it has sealed is opened by no other worker and not after a restart, and the
    reasoning of the turns before is then left out.
    """

    def __init__(self, sealing: Sealing | None = None) -> None:
        self._keys = sealing.encryption_keys if sealing is not None else (secrets.token_bytes(32),)

    def seal(self, tenant: str, text: str) -> str:
        """Seal for a tenant, differently each time. Of a text beyond LONGEST bytes the end is kept."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        plain = zlib.compress(text.encode(errors="replace")[-LONGEST:])
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + AESGCM(_key(self._keys[0], tenant)).encrypt(nonce, plain, _bound_to(tenant))
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, tenant: str, sealed: str) -> str | None:
        """The text; None for what was not sealed for this tenant with one of these keys, was changed, or is foreign."""
        if not sealed.startswith(PREFIX) or len(sealed) > LONGEST_SEALED:
            return None
        try:
            data = _decoded(sealed[len(PREFIX) :])
        except ValueError:
            return None
        for key in self._keys:
            if (plain := _opened(_key(key, tenant), data, tenant)) is not None:
                # a part of a character may stand where a long text was cut
                return zlib.decompress(plain).decode(errors="ignore")
        return None


def _decoded(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _opened(key: bytes, data: bytes, tenant: str) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(data[:NONCE], data[NONCE:], _bound_to(tenant))
    except (InvalidTag, ValueError):  # of too few bytes
        return None


def _key(key: bytes, tenant: str) -> bytes:
    """HKDF without salt, whose one block of 32 bytes is two HMACs."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, PURPOSE + b"\0" + tenant.encode() + b"\x01", "sha256")


def _bound_to(tenant: str) -> bytes:
    return PREFIX.encode() + tenant.encode()
