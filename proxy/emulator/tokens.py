"""Tokens of a language in which every word is one: cutting, counting and log probabilities, all deterministic."""

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

_PIECE = re.compile(r"\s*\S+|\s+\Z")

PER_MESSAGE = 3
"""Tokens that a message costs beyond its words: a chat template wraps each in a few markers."""

PER_IMAGE = 85
"""Tokens of an image part, whatever its size."""


def pieces(text: str) -> list[str]:
    """The text in tokens: each word with the blank space before it. Joined, they are the text."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens the text has."""
    return len(pieces(text))


def _probability(token: str) -> float:
    """A log probability between -1 and 0 that depends on the token only."""
    return -(zlib.crc32(token.encode()) % 1000) / 1000


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def logprobs(tokens: Iterable[str], top: int) -> dict[str, Any]:
    """OpenAI's `logprobs` of a choice or chunk, with `top` alternatives for each token, the likeliest first."""
    content = []
    for token in tokens:
        own = _probability(token)
        alternatives = [_entry(token if rank == 0 else f"{token}~{rank}", own - rank) for rank in range(top)]
        content.append({**_entry(token, own), "top_logprobs": alternatives})
    return {"content": content}


def cut(tokens: Sequence[str], room: int) -> tuple[list[str], int]:
    """The tokens that fit, and the room that is left (negative where some did not fit)."""
    return list(tokens[: max(room, 0)]), room - len(tokens)
