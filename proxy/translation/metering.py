"""What a call consumed, read out of the `usage` of an answer or of a stream's events.

Upstream's figures are taken where they are plausible. A missing one is worked out from the total, or estimated from the
sizes of the texts; then the whole Usage says `estimated`.
"""

from operator import itemgetter
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
    ("cache_read_input_tokens",),  # Anthropic's
)
CACHE_WRITE = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("input_tokens_details", "cache_write_tokens"),
    ("cache_creation_input_tokens",),  # Anthropic's
)
REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "thinking_tokens"),  # Anthropic's
    ("reasoning_tokens",),
)
"""Paths into a `usage` object; the first plausible figure counts."""
OTHERS = frozenset(path[0] for paths in (CACHED, CACHE_WRITE, REASONING) for path in paths[1:])
"""Fields by which other APIs tell what OpenAI tells in the details."""


_FIGURES = itemgetter("prompt_tokens", "completion_tokens", "total_tokens")
ANTHROPIC = frozenset(("cache_read_input_tokens", "cache_creation_input_tokens"))
INCLUSIVE = frozenset(("prompt_tokens", "total_tokens"))
"""Fields of OpenAI's forms, whose input is all there was; servers that speak them may add Anthropic's fields to it."""


def as_openai(usage: Any) -> Usage | None:
    """The Usage in an object that `shown` would hand on as it is: all of OpenAI's figures, all plausible.

    Nearly every answer has one, so it is read at a glance. None for any other; `measure` makes the best of it.
    """
    if type(usage) is not dict or not OTHERS.isdisjoint(usage):
        return None
    try:
        given, made, total = _FIGURES(usage)
    except KeyError:
        return None
    if type(given) is not int or type(made) is not int or type(total) is not int:  # not isinstance: True is an int, too
        return None
    if not (0 <= given <= PLAUSIBLE and 0 <= made <= PLAUSIBLE and 0 <= total <= PLAUSIBLE):
        return None
    details, more = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = stored = thought = 0
    if type(details) is dict and any(details.values()):
        cached = _part(details, "cached_tokens", given)
        stored = _part(details, "cache_write_tokens", given - cached)
    if type(more) is dict and any(more.values()):
        thought = _part(more, "reasoning_tokens", made)
    figures = (given, made, cached, thought, "upstream", stored, 0, 0)
    return tuple.__new__(Usage, figures)  # as `Usage` does, a call less


def _part(details: dict[str, Any], name: str, whole: int) -> int:
    """The figure of a detail; a part that is larger than its whole is no part of it."""
    value = details.get(name)
    if type(value) is float and value.is_integer():  # some servers count in JavaScript
        value = int(value)
    return value if type(value) is int and 0 <= value <= whole else 0


def measure(usage: Any, input_bytes: int, output_bytes: int, reasoning_bytes: int = 0) -> Usage:
    """The Usage of a call whose answer carried `usage` (decoded JSON, None where it had none).

    The bytes are the UTF-8 sizes of the texts, for the estimate; reasoning is part of the output. An explicit zero is a
    figure. Where upstream counts the output but not the reasoning in it, nothing is guessed.
    """
    known = as_openai(usage)
    if known is not None:
        return known
    guess = estimate(input_bytes, output_bytes, reasoning_bytes)
    if not isinstance(usage, dict):
        return guess
    given, made, total = _figure(usage, INPUT), _figure(usage, OUTPUT), _figure(usage, TOTAL)
    if total is not None:
        if made is None and given is not None and total >= given:
            made = total - given
        elif given is None and made is not None and total >= made:
            given = total - made
    read = guess.input if given is None else given
    wrote = guess.output if made is None else made
    cached, stored, reasoning = (_figure(usage, paths) or 0 for paths in (CACHED, CACHE_WRITE, REASONING))
    if given is not None and _beside_the_cache(usage):
        read += cached + stored
    cached = cached if cached <= read else 0  # a part that is larger than its whole is no part of it
    return Usage(
        input=read,
        output=wrote,
        cached_input=cached,
        reasoning=reasoning if reasoning <= wrote else 0,
        source="estimated" if given is None or made is None else "upstream",
        cache_write=stored if stored <= read - cached else 0,
    )


def _beside_the_cache(usage: dict[str, Any]) -> bool:
    """Whether this is Anthropic's own form, in which `input_tokens` are without those that the cache has to do with."""
    return not ANTHROPIC.isdisjoint(usage) and INCLUSIVE.isdisjoint(usage)


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
        ("prompt_tokens_details", measured.cache_write, CACHE_WRITE),
        ("completion_tokens_details", measured.reasoning, REASONING),
    ):
        if figure and _figure(usage, paths[:1]) != figure:
            details = made.get(part)
            made[part] = {**(details if isinstance(details, dict) else {}), paths[0][1]: figure}
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
