"""Streamed chat answers -> one streamed completion, in OpenAI's older `text_completion` shape. PURE.

Theory of operation: each prompt is a chat request of its own, whose answer a `ChatStream` reads: all of Telnyx's
quirks end there. What it gives, whole events of one line, is retold here. Whoever carries the streams says with
`turn_to` whose bytes come next, and with `close` that one has come to its end; with a single prompt there is nothing to
say.

Choices of several prompts come interleaved, as at OpenAI: each chunk names its choice by `index`. All chunks are called
what the first one is. The first text of a choice has its prompt in front where `echo` asks for it. `[DONE]` follows
when every choice of every prompt has its finish reason; one stream that breaks breaks them all, with one error event.

Source of the shape: https://platform.openai.com/docs/api-reference/completions
"""

from dataclasses import replace
from typing import Any

from proxy import codec
from proxy.errors import ProxyError
from proxy.streaming.chat import EVENT_LIMIT, ChatStream
from proxy.streaming.chunks import frame
from proxy.streaming.events import EventSplitter
from proxy.streaming.pieces import DONE
from proxy.translation import completions
from proxy.translation.answers import Identity
from proxy.translation.completions import Shape
from proxy.translation.rules import Expectation
from proxy.usage import Usage, total

OVERHEAD = 1 << 16
"""Bytes that chat may add to an event: names, a usage key, escapes of its own. Beyond it our own events would break."""


class _Part:
    """The answer to one prompt: its stream, the cutter of what that gives, and the choices that have said something."""

    __slots__ = ("begun", "chat", "events", "spoken")

    def __init__(self, chat: ChatStream, event_limit: int) -> None:
        self.chat = chat
        self.events = EventSplitter(2 * event_limit + OVERHEAD)
        self.begun = False
        self.spoken: set[int] = set()


class CompletionStream:
    """The streamed answers to all prompts of a request: upstream's bytes in, the client's bytes out.

    Args:
        shape: what the answer is shaped by.
        expects, identity, model, event_limit: as of a `ChatStream`.

    Attributes:
        ended, error, model: as of every stream.
    """

    __slots__ = ("_current", "_held", "_identity", "_names", "_parts", "_shape", "ended", "error", "model")

    def __init__(
        self, shape: Shape, expects: Expectation, identity: Identity, model: str, *, event_limit: int = EVENT_LIMIT
    ) -> None:
        self.ended: str | None = None
        self.error: ProxyError | None = None
        self.model = model
        self._shape = shape
        self._identity = identity
        self._names: dict[str, Any] | None = None  # once the first chunk has gone out
        self._held = b""  # what `close` had to say, until the client is written to
        self._parts = [
            _Part(ChatStream(replace(expects, input_bytes=size), identity, model, event_limit=event_limit), event_limit)
            for size in shape.sizes
        ]
        self._current = 0
        self._parts[0].begun = True

    @property
    def started(self) -> bool:
        """Whether text has been handed on."""
        return any(part.chat.started for part in self._parts)

    @property
    def violations(self) -> int:
        """Texts that do not keep to a schema the operator gave."""
        return sum(part.chat.violations for part in self._parts)

    @property
    def usage(self) -> Usage:
        """Of all prompts that were sent."""
        return total(part.chat.usage for part in self._parts if part.begun)

    def begin(self, prompt: int) -> None:
        """Upstream has read this prompt."""
        self._parts[prompt].begun = True

    def turn_to(self, prompt: int) -> None:
        """What is fed from now on answers this prompt."""
        self._current = prompt

    def over(self, prompt: int) -> bool:
        """Whether nothing more is to come for a prompt."""
        return self._parts[prompt].chat.ended is not None

    def close(self, prompt: int) -> None:
        """Upstream has closed the stream of a prompt in good order. What there is to say goes out with what follows."""
        self._held += self._retold(prompt, self._parts[prompt].chat.finish())

    def feed(self, data: bytes) -> bytes:
        """What the client gets for a piece of upstream's bytes, however sliced."""
        held, self._held = self._held, b""
        if self.ended is not None:
            return held
        return held + self._retold(self._current, self._parts[self._current].chat.feed(data))

    def finish(self) -> bytes:
        """The end of every stream that was sent."""
        made, self._held = self._held, b""
        for prompt, part in enumerate(self._parts):
            if self.ended is None:
                made += self._retold(prompt, part.chat.finish())
        return made

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end by trouble that the caller saw. If every choice has its finish reason, the client has everything."""
        made, self._held = self._held, b""
        error.param = completions.clients_param(error.param)
        for prompt, part in enumerate(self._parts):
            if self.ended is None:
                made += self._retold(prompt, part.chat.fail(error, end))
        return made

    def heartbeat(self) -> bytes:
        """A chunk without text for a choice that is still open; nothing where none is."""
        if self.ended is not None:
            return b""
        for prompt, part in enumerate(self._parts):
            if part.begun and part.chat.ended is None:
                made = self._retold(prompt, part.chat.heartbeat(), silent=True)
                if made:
                    return made
        return b""

    def _retold(self, prompt: int, said: bytes, *, silent: bool = False) -> bytes:
        """What a chat client would have been sent, in the client's terms. `silent`: also what says nothing."""
        part = self._parts[prompt]
        made = b"".join(self._event(prompt, data, silent=silent) for data, _ in part.events.feed(said))
        ended = part.chat.ended
        if ended is None or self.ended is not None:
            return made
        if ended != "complete":
            self.ended, self.error = ended, part.chat.error
        elif all(each.chat.ended == "complete" for each in self._parts):
            self.ended = ended
            made += self._last()
        return made

    def _event(self, prompt: int, data: bytes, *, silent: bool) -> bytes:
        if data == b"[DONE]":
            return b""
        chunk = codec.decode(data)
        if "error" in chunk:
            chunk["error"]["param"] = completions.clients_param(chunk["error"]["param"])
            return frame(codec.encode(chunk))
        if self._names is None:
            self._names = _names(chunk)
            self.model = chunk["model"]
        rows = [row for choice in chunk["choices"] if (row := self._row(prompt, choice, silent=silent))]
        return self._framed(chunk, rows) if rows else b""

    def _framed(self, chunk: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
        made = {**(self._names or {}), "choices": rows}
        if "system_fingerprint" in chunk:
            made["system_fingerprint"] = chunk["system_fingerprint"]
        if self._shape.include_usage:
            made["usage"] = None
        return frame(codec.encode(made))

    def _row(self, prompt: int, choice: dict[str, Any], *, silent: bool) -> dict[str, Any] | None:
        """A choice of a chunk; None where it says nothing, as the one that only has a role."""
        shape, spoken, index = self._shape, self._parts[prompt].spoken, choice["index"]
        text, reason = choice["delta"].get("content") or "", choice["finish_reason"]
        if index not in spoken:
            spoken.add(index)
            text = shape.lead(prompt) + text
        if not (text or reason or silent):
            return None
        return completions.choice_of(prompt * shape.choices + index, text, reason)

    def _last(self) -> bytes:
        if not self._shape.include_usage:
            return DONE
        names = self._names or {}  # a stream that is complete has had a chunk
        return frame(codec.encode({**names, "choices": [], "usage": self.usage.openai()})) + DONE


def _names(chunk: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": completions.name(chunk["id"]),
        "object": "text_completion",
        "created": chunk["created"],
        "model": chunk["model"],
    }
