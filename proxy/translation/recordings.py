"""How long a recording is, where its first bytes say it: WAV files, whose head is a table.

Source: Microsoft's Multimedia Programming Interface and Data Specifications 1.0 (RIFF WAVE).
"""

import struct

_RIFF, _CHUNK, _RATE = 12, 8, 8
_UNKNOWN = {0, 0xFFFFFFFF}
"""Sizes of data that were not known when the head was written."""


def seconds(head: bytes, size: int) -> float | None:
    """Seconds of a recording of `size` bytes that begins with these; None where they do not say it."""
    if len(head) < _RIFF or head[:4] not in {b"RIFF", b"RF64"} or head[8:12] != b"WAVE":
        return None
    at, rate = _RIFF, 0
    while at + _CHUNK <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += _CHUNK
        if name == b"fmt " and at + _RATE + 4 <= len(head):
            (rate,) = struct.unpack_from("<I", head, at + _RATE)
        if name == b"data":
            there = size - at  # it may say more than has come
            return max(0, there if length in _UNKNOWN else min(length, there)) / rate if rate else None
        at += length + length % 2
    return None
