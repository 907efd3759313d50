"""Keys of this proxy: how they are made, recognised and compared.

A minted key is `sk-tp-`, 32 random bytes in base62 (43 characters) and a CRC-32 in base62 (6 characters), so that a
mistyped or cut key is told apart from an unknown one and secret scanners can find leaked ones. A key given in the
configuration may be any other string; only digests are kept in memory. A token of the admin API is made the same way
behind `sk-admin-`.
"""

import hashlib
import zlib

PREFIX = "sk-tp-"
TOKEN_PREFIX = "sk-admin-"  # noqa: S105 - what tokens begin with is public
LAST = 4
"""Characters of a key that are kept readable, so that people can tell one from another."""
IDENTITY_BYTES = 16
IDENTITY_LENGTH = 22  # 62 ** 22 > 256 ** 16
RANDOM_BYTES = 32
BODY_LENGTH = 43  # 62 ** 43 > 256 ** 32
CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def mint(random: bytes, prefix: str = PREFIX) -> str:
    """A key from 32 random bytes. Raises ValueError for any other number of them."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} random bytes")
    body = _base62(int.from_bytes(random, "big"), BODY_LENGTH)
    return prefix + body + _checksum(body)


def identity(prefix: str, random: bytes) -> str:
    """A public id, `key_` and 22 characters, from 16 random bytes. Raises ValueError for any other number of them."""
    if len(random) != IDENTITY_BYTES:
        raise ValueError(f"an id is made of {IDENTITY_BYTES} random bytes")
    return prefix + _base62(int.from_bytes(random, "big"), IDENTITY_LENGTH)


def redacted(last4: str, prefix: str = PREFIX) -> str:
    """What people see of a key, `sk-tp-…a1b2`. Of an imported digest (no last characters) nothing is known."""
    return f"{prefix}…{last4}" if last4 else "…"


def damaged(key: str, prefix: str = PREFIX) -> bool:
    """Whether a key has the form of a minted one but not its checksum: mistyped or cut."""
    if not key.startswith(prefix):
        return False
    body, checksum = key[len(prefix) : -CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
    # A header may hold bytes that are no text; they arrive as lone surrogates, which have no checksum.
    return len(body) != BODY_LENGTH or not body.isascii() or checksum != _checksum(body)


def digest(key: str) -> bytes:
    """SHA-256. Looking a digest up in a dictionary tells a caller nothing about other keys by its timing."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
