"""Keys of this proxy: how they are made, recognised and compared.

A minted key is `sk-tp-`, 32 random bytes in base62 (43 characters) and a CRC-32 in base62 (6 characters), so that a
mistyped or cut key is told apart from an unknown one and secret scanners can find leaked ones. A key given in the
configuration may be any other string; only digests are kept in memory.
"""

import hashlib
import zlib

PREFIX = "sk-tp-"
RANDOM_BYTES = 32
BODY_LENGTH = 43  # 62 ** 43 > 256 ** 32
CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def mint(random: bytes) -> str:
    """A key from 32 random bytes. Raises ValueError for any other number of them."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} random bytes")
    body = _base62(int.from_bytes(random, "big"), BODY_LENGTH)
    return PREFIX + body + _checksum(body)


def damaged(key: str) -> bool:
    """Whether a key has the form of a minted one but not its checksum: mistyped or cut."""
    if not key.startswith(PREFIX):
        return False
    body, checksum = key[len(PREFIX) : -CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
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
