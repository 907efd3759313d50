"""Every way in which the emulated Telnyx may behave. The defaults are the good day; a scenario names what differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """One complete way to behave. Hashable, so that what follows from it can be kept.

    Attributes:
        scenario: the name it was resolved from.
        dialect: which published request schema holds, `2026-10` or `2026-06`.
        beyond_schema: also take what was observed to work without being in the schema (`stream_options`, `name`, ...).
        unknown_keys: take keys that nothing describes.
        guided: take `guided_json` and its kind in the newer dialect too.
        null_content: take messages whose `content` is null or missing.
        any_model: take model names that are not in the catalogue.
        image_url: `string`, `object` or `either`: the form an image part may have.
        refuses: names of the rows of `refusals.REFUSALS` that hold.
        efforts: the `reasoning_effort` values a model takes, where `reasoning-effort` is refused.
        failure: the row of `failures.FAILURES` that is answered instead of a completion.
        times: how many requests fail or are reset before all goes well; None is forever.
        where: which endpoints fail, pause and reset: `chat`, `embeddings`, `models` or `all`.
        pause: where to wait: before the `headers`, the `first-byte`, or each of the `chunks`.
        seconds: how long a pause lasts unless it is released or the client hangs up.
        connection: `reset` instead of answering, `reset-reused` from a connection's second request
            on, `close` after answering.
        retry_after: overrides the `retry-after` header of a failure, in seconds.
        answer: the text to say instead of the echo.
        words: makes the answer exactly this many words long (0: as it comes).
        bytes: makes the answer this many bytes long (0: as it comes).
        spaced: whether such a long answer consists of words or is one token.
        depth: how many arrays deep an extra field of every JSON object is nested (0: no such field).
        cached_tokens: what `prompt_tokens_details.cached_tokens` says.
        reasoning: the field with the chain of thought, `reasoning_content` or `reasoning`; `think` puts it into the
            content.
        json: how JSON mode goes wrong: `fenced` in Markdown, or `violated` against the schema.
        finish: pairs (finish reason, what is said instead).
        streams: whether an answer comes in pieces where it was asked for so.
        usage: `asked` follows `stream_options`; `missing`, `always`, `every` chunk, or `twice` in a stream.
        whole: names of rows of `completions.QUIRKS`, applied to whole answers.
        chunks: names of rows of `streaming.QUIRKS`, applied to the chunks of a stream.
        newline, bom, space, decorated, multi_line: how events are framed, see `wire.frames`.
        done: what is written after the last event; empty leaves out `[DONE]`.
        terminated: whether the last event is followed by a blank line.
        slices: how the bytes of a stream are cut into writes: `events`, `odd`, `bytes`, `one`.
        ending: what happens to a stream after `after` events, a row of `wire.ENDINGS`.
        after: see `ending`.
        body_ending: what happens in the middle of a whole answer: `cut`, `reset` or `stall`.
        models: names of rows of `catalogue.QUIRKS`, applied to each row of the model list.
        vectors: how embeddings are odd: rows of `embeddings.QUIRKS`, `base64-ignored`, `base64-refused` or
            `base64-always`.
        batch: texts that one embeddings request may have (0: as many as it likes).
        lengths: uploads have to tell their length.
        speech: how sound comes otherwise than asked: `base64` in JSON, always `mp3`, or `empty`.
        responses: how the Responses API is odd: rows of `response_requests.DOUBTS`, of `responses.WHOLE` and
            `responses.QUIRKS`, and the words that these two look for.
        reports: the row of `usage_reports.VARIANTS`: what usage reports call things.
    """

    scenario: str = "default"
    dialect: str = "2026-10"
    beyond_schema: bool = True
    unknown_keys: bool = False
    guided: bool = False
    null_content: bool = False
    any_model: bool = False
    image_url: str = "either"
    refuses: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ("low", "high")
    failure: str = ""
    times: int | None = None
    where: str = "chat"
    pause: str = ""
    seconds: float = 3600.0
    connection: str = ""
    retry_after: float | None = None
    answer: str = ""
    words: int = 0
    bytes: int = 0
    spaced: bool = True
    depth: int = 0
    cached_tokens: int = 0
    reasoning: str = "reasoning_content"
    json: str = ""
    finish: tuple[tuple[str, str], ...] = ()
    streams: bool = True
    usage: str = "asked"
    whole: tuple[str, ...] = ()
    chunks: tuple[str, ...] = ()
    newline: str = "\n"
    bom: bool = False
    space: bool = True
    decorated: bool = False
    multi_line: bool = False
    done: str = "data: [DONE]\n\n"
    terminated: bool = True
    slices: str = "events"
    ending: str = ""
    after: int = 3
    body_ending: str = ""
    models: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    batch: int = 0
    lengths: bool = False
    speech: str = ""
    responses: tuple[str, ...] = ()
    reports: str = "plain"

    def finished(self, reason: str) -> str:
        """What is said for a finish reason."""
        return dict(self.finish).get(reason, reason)

    def concerns(self, endpoint: str) -> bool:
        """Whether failures, pauses and resets happen at this endpoint (`chat`, `embeddings` or `models`)."""
        return self.where in {"all", endpoint}


ADDED_UP = frozenset({"refuses", "whole", "chunks", "models", "vectors", "responses"})
"""The fields that are joined where scenarios are combined; in every other field the later scenario wins."""


class BadOption(ValueError):
    """An option that a scenario does not have, or with a value it cannot have."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


OPTIONS: Mapping[str, tuple[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "answer": ("a text", _is_text),
        "words": ("a whole number", _is_count),
        "bytes": ("a whole number", _is_count),
        "depth": ("a whole number", _is_count),
        "after": ("a whole number", _is_count),
        "batch": ("a whole number", _is_count),
        "cached_tokens": ("a whole number", _is_count),
        "times": ("a whole number or null", lambda value: value is None or _is_count(value)),
        "seconds": ("a number", _is_duration),
        "retry_after": ("a number or null", lambda value: value is None or _is_duration(value)),
        "where": (
            "one of chat, embeddings, models, all",
            lambda value: value in ("chat", "embeddings", "models", "all"),
        ),
        "efforts": ("a list of texts", _is_names),
    }
)
"""The fields that can be set beside a scenario: what each has to be, in words and as a check."""


def checked_option(name: str, value: Any) -> Any:
    """The value of an option as its field holds it. Raises BadOption."""
    wanted, fits = OPTIONS[name]
    if not fits(value):
        raise BadOption(f"option '{name}' has to be {wanted}")
    return tuple(value) if isinstance(value, list) else value
