"""What a call consumed, read out of the `usage` of an answer or of a stream's events.

Upstream's figures are taken where they are plausible. A missing one is worked out from the total, or estimated from the
sizes of the texts; then the whole Usage says `estimated`.
"""

from dataclasses import replace
from typing import Any

from proxy.usage import Usage, estimate

PLAUSIBLE = 1_000_000_000
"""Tokens of one call at most: a thousand full windows of the largest model. A figure above it is a fault upstream, and
would spoil a counter for good."""

INPUT = (("prompt_tokens",), ("input_tokens",))
OUTPUT = (("completion_tokens",), ("output_tokens",))
TOTAL = (("total_tokens",),)
CACHED = (
    ("prompt_tokens_details", "cached_tokens"),  # Chat Completions
    ("input_tokens_details", "cached_tokens"),  # Responses
    ("cached_tokens",),  # Moonshot's own spelling
    ("prompt_cache_hit_tokens",),  # DeepSeek's own spelling
)
REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)
"""Paths into a `usage` object; the first plausible figure counts."""


def measure(usage: Any, input_bytes: int, output_bytes: int, reasoning_bytes: int = 0) -> Usage:
    """The Usage of a call whose answer carried `usage` (decoded JSON, None where it had none).

    The bytes are the UTF-8 sizes of the texts, for the estimate; reasoning is part of the output. An explicit zero is a
    figure. Where upstream counts the output but not the reasoning in it, nothing is guessed.
    """
    guess = estimate(input_bytes, output_bytes, reasoning_bytes)
    if not isinstance(usage, dict):
        return guess
    given, made, total = _figure(usage, INPUT), _figure(usage, OUTPUT), _figure(usage, TOTAL)
    if total is not None:
        if made is None and given is not None and total >= given:
            made = total - given
        elif given is None and made is not None and total >= made:
            given = total - made
    known = given is not None and made is not None
    read = Usage(
        input=guess.input if given is None else given,
        output=guess.output if made is None else made,
        source="upstream" if known else "estimated",
    )
    cached, reasoning = _figure(usage, CACHED) or 0, _figure(usage, REASONING) or 0
    # A part that is larger than its whole is no part of it.
    return replace(
        read,
        cached_input=cached if cached <= read.input else 0,
        reasoning=reasoning if reasoning <= read.output else 0,
    )


def shown(usage: Any, measured: Usage) -> dict[str, Any]:
    """The `usage` object a client gets: upstream's own, completed and corrected; nothing it says besides is lost."""
    if not isinstance(usage, dict):
        return measured.openai()
    total = _figure(usage, TOTAL)
    made = {
        **usage,
        "prompt_tokens": measured.input,
        "completion_tokens": measured.output,
        "total_tokens": measured.input + measured.output if total is None else total,
    }
    for part, figure, paths in (
        ("prompt_tokens_details", measured.cached_input, CACHED),
        ("completion_tokens_details", measured.reasoning, REASONING),
    ):
        outer, inner = paths[0]
        if figure and _figure(usage, paths[:1]) != figure:
            details = usage.get(outer)
            made[part] = {**(details if isinstance(details, dict) else {}), inner: figure}
    return made


def _figure(usage: dict[str, Any], paths: tuple[tuple[str, ...], ...]) -> int | None:
    for path in paths:
        value: Any = usage
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, float) and value.is_integer():  # some servers count in JavaScript
            value = int(value)
        if type(value) is int and 0 <= value <= PLAUSIBLE:  # not isinstance: True is an int, too
            return value
    return None
