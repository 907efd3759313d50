"""Keeping the tenant's Telnyx keys out of answers of Telnyx that are handed on as they are.

Telnyx has no reason to repeat a key. Something on the way that shows what it was asked (a gateway's page of an error,
an echo) would hand it to whoever holds a key of ours.
"""

import re
from collections.abc import Iterable

REDACTED = b"[redacted]"
"""What stands in place of a key."""


class Redactor:
    """Bytes in, however sliced, and the same out without the secrets: at once, but for what may begin one.

    Only an end that is the beginning of a secret is kept back, so an event that ends in a blank line never waits.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets`: what must not be repeated; empty ones are none."""
        self._secrets = sorted((secret.encode() for secret in secrets if secret), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)) or rb"(?!)")
        self._longest = max(map(len, self._secrets), default=0)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be handed on of it; maybe nothing yet."""
        data = self._held + piece
        parts, at = [], 0
        begins = self._beginnings(data)
        for found in self._pattern.finditer(data):
            if any(at <= begin <= found.start() for begin in begins):
                break  # a longer secret may begin here, or around this one
            parts += [data[at : found.start()], REDACTED]
            at = found.end()
        held = next((begin for begin in begins if begin >= at), len(data))
        self._held = data[held:]
        return b"".join((*parts, data[at:held])) if parts else data[at:held]

    def finish(self) -> bytes:
        """What was kept back, at the end."""
        held, self._held = self._held, b""
        return self._pattern.sub(REDACTED, held)

    def whole(self, data: bytes) -> bytes:
        """The same for all of it at once."""
        return self._pattern.sub(REDACTED, data)

    def text(self, value: str) -> str:
        """The same for a header."""
        return self.whole(value.encode()).decode()

    def _beginnings(self, data: bytes) -> list[int]:
        """Where what may become a secret begins: from there to the end of the data."""
        first = max(0, len(data) - self._longest + 1)
        return [begin for begin in range(first, len(data)) if self._may_become(data[begin:])]

    def _may_become(self, end: bytes) -> bool:
        return any(len(secret) > len(end) and secret.startswith(end) for secret in self._secrets)
