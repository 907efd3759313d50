"""A streamed chat completion from Telnyx -> the events of a streamed response.

Theory of operation: a `ChatStream` makes of upstream's bytes what a chat client would have been told, event by event in
one line each; here those events are decoded once and retold. Nearly all of them differ in their text only: once one was
decoded, what stands around its text is remembered, and in those that follow only the text is decoded.

    open ── opening() or the first feed ── created, (queued,) in_progress
      ├──── text, thinking, calls ──────── items, see `items`
      ├──── the chat stream is complete ── the rest of the items; then, by conclude(), completed or incomplete, [DONE]
      └──── it is not ──────────────────── by conclude(), failed, with what was told so far, [DONE]

What was told of an item when the answer broke off is never told to be done: agents run a call once they hear that.
The terminal event is for `conclude`, because the response is stored before the client hears that it is complete.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming.chat import EVENT_LIMIT, ChatStream
from proxy.streaming.events import Malformed
from proxy.streaming.items import Items
from proxy.streaming.script import Frame, Run
from proxy.streaming.templates import SAMPLE, around, sample
from proxy.translation.answers import Identity
from proxy.translation.responses import output
from proxy.translation.responses.outline import Outline
from proxy.translation.rules import Expectation
from proxy.usage import Usage

_LEAD = len(b"data: ")
_TEXTS = frozenset({"content", "reasoning_content"})
LESSONS = 16
"""How often a stream looks for what stands around a text; where it is never the same, looking is of no use."""


class ResponsesStream(Frame):
    """One streamed response under way: upstream's bytes in, the client's events out.

    Args:
        expects, identity, model, event_limit: as of a `ChatStream`.
        outline: the response before it has an output.
        now: Unix seconds, for `completed_at`.
    """

    __slots__ = ("_around", "_chat", "_choice", "_items", "_lessons", "_now", "_reason", "_run")

    def __init__(  # noqa: PLR0913 - what a stream is made with, by name
        self,
        expects: Expectation,
        identity: Identity,
        model: str,
        *,
        event_limit: int = EVENT_LIMIT,
        outline: Outline,
        now: Callable[[], int],
    ) -> None:
        super().__init__(model, outline)
        # The chat stream knows the usage also where it does not tell it, and then has less to write.
        quiet = replace(expects, include_usage=False)
        self._chat = ChatStream(quiet, identity, model, event_limit=event_limit)
        self._now = now
        self._items = Items(outline, self._script)
        self._choice: int | None = None  # the one that is retold
        self._reason: Any = None  # its finish reason
        self._lessons = LESSONS
        self._around = (b"", b"")  # what stood around the text of the last event
        self._run: Run | None = None  # which it was of

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        return self._chat.started

    @property
    def violations(self) -> int:
        """Texts and arguments that do not keep to the schema the client gave."""
        return self._chat.violations

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        return self._chat.usage

    def feed(self, data: bytes) -> bytes:
        """What the client gets for a piece of upstream's bytes, however sliced."""
        if self.ended is not None:
            return b""
        made = b"" if self._opened else self.opening()
        told = self._chat.feed(data)
        return made + self._retell(told) if told else made

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        return b"" if self.ended is not None else self.opening() + self._retell(self._chat.finish())

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end of the stream by trouble that the caller saw."""
        return b"" if self.ended is not None else self.opening() + self._retell(self._chat.fail(error, end))

    def _retell(self, told: bytes) -> bytes:
        """The events for whole events of the chat stream, and what its end means."""
        made: list[bytes] = []
        events, at = told[:-2].split(b"\n\n"), 0
        try:
            while at < len(events):
                run = self._run
                if run is not None and run is self._items.live:
                    at = self._alike(run, events, at, made)
                if at < len(events):
                    made.append(self._chunk(events[at]))
                    at += 1
        except Malformed as fault:
            self.ended, self.error = "malformed", UpstreamFailed(str(fault))
        else:
            self.ended, self.error = self._chat.ended, self._chat.error
        self.model = self._chat.model
        if self.ended is not None:
            made.append(self._conclude())
        return b"".join(made)

    def _alike(self, run: Run, events: list[bytes], at: int, made: list[bytes]) -> int:
        """Retell events, from a place on, that are like the last one but for their text; where another one stands."""
        before, after = self._around
        begin, end, least = len(before) - 1, 1 - len(after), len(before) + len(after)
        script, items = self._script, self._items
        opening, between, closing = run.before, run.between, run.after
        number, room = script.number, items.room
        for event in events[at:] if at else events:
            if len(event) <= least or not (event.startswith(before) and event.endswith(after)):
                break
            spelled = event[begin:end]
            try:
                text = codec.glance(spelled)
            except ValueError:  # it is no one string: the chunk has more in it
                break
            if len(text) > room:
                break
            room -= len(text)
            run.pieces.append(text)
            made.append(b"%b%d%b%b%b" % (opening, number, between, spelled, closing))
            number += 1
            at += 1
        script.number, items.room = number, room
        return at

    def _chunk(self, event: bytes) -> bytes:
        """An event that has to be decoded: a chunk, an error, or `[DONE]`. What the last two mean, its stream knows."""
        if not event.endswith(b"}"):
            return b""
        chunk = codec.glance(event[_LEAD:])
        for choice in chunk.get("choices", ()):
            if self._choice is None:
                self._choice = choice["index"]
            if choice["index"] == self._choice:
                made = self._delta(choice)
                self._run = None
                if self._items.live is not None and self._lessons and len(choice["delta"]) == 1:
                    self._learn(event, chunk)
                return made
        return b""

    def _delta(self, choice: dict[str, Any]) -> bytes:
        items, delta = self._items, choice["delta"]
        thought, text, refusal = delta.get("reasoning_content"), delta.get("content"), delta.get("refusal")
        made = b""
        if thought and type(thought) is str:
            made += items.thought(thought)
        if text:
            made += items.text(text, output.logprobs(self._outline, choice.get("logprobs")))
        if "annotations" in delta:
            made += items.cite(output.citations(delta["annotations"]))
        if refusal and type(refusal) is str:
            made += items.refusal(refusal)
        for entry in delta.get("tool_calls") or ():
            made += items.call(entry)
        if choice["finish_reason"] is not None:
            self._reason = choice["finish_reason"]
        return made

    def _learn(self, event: bytes, chunk: dict[str, Any]) -> None:
        """Remember what stands around the text of a chunk that says nothing else, see `templates`.

        The proof is by decoding: with another text in that place it is the same chunk but for its text.
        """
        choice = chunk["choices"][0]
        ((name, text),) = choice["delta"].items()
        if name not in _TEXTS or not text or choice["finish_reason"] is not None or choice.get("logprobs") is not None:
            return
        self._lessons -= 1
        sides = around(event, name)
        choice["delta"] = {name: SAMPLE}
        if sides is not None and codec.glance(sample(sides)[_LEAD:]) == chunk:
            self._around = sides
            self._run = self._items.live

    def _conclude(self) -> bytes:
        """Make the final response; what is told of its items before the terminal event."""
        outline = self._outline
        outline.model = self.model
        if self.error is not None:
            self.response = output.failed(outline, self.error, self._items.so_far())
            return b""
        status = output.status(self._reason)
        made = b""
        if not self._items.spoke and status == "completed":
            made = self._items.text("", [])  # applications look into the first message
        made += self._items.finish(status)
        self.response = output.ended(outline, self._reason, self._items.done, self.usage, self._now())
        return made
