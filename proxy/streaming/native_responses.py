"""A streamed response from Telnyx's own Responses API -> the events client libraries rely on.

Events go on in upstream's order, but: the first ones and the last one are ours, numbers and names are given out anew,
what an event lacks is filled in, and what belongs to no item that was announced is left out. The terminal event is held
back for `conclude`; where upstream sends none, the response has failed.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming import chunks
from proxy.streaming.chat import EVENT_LIMIT
from proxy.streaming.events import Event, EventSplitter, Malformed
from proxy.streaming.items import HELD_LIMIT
from proxy.streaming.meter import Meter
from proxy.streaming.script import Frame
from proxy.translation import failures, metering
from proxy.translation.answers import Identity
from proxy.translation.responses import native, output
from proxy.translation.responses.outline import Item, Outline
from proxy.translation.rules import Expectation
from proxy.usage import Usage

OPENINGS = frozenset({"response.created", "response.queued", "response.in_progress"})
ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
ALIASES = MappingProxyType({
    "response.reasoning.delta": "response.reasoning_text.delta",  # Open Responses' names
    "response.reasoning.done": "response.reasoning_text.done",
    "response.reasoning_part.added": "response.content_part.added",  # vLLM's
    "response.reasoning_part.done": "response.content_part.done",
})  # fmt: skip
TEXTS = frozenset({"response.output_text.delta", "response.output_text.done"})
COUNTERS = ("content_index", "summary_index")
RENAMED = frozenset({"type", "sequence_number", "item_id", "output_index", "obfuscation"})
"""What is written anew, or left out: padding against listeners is of no use behind a proxy."""


class _Told:
    """One item that was announced.

    Attributes:
        value: it as upstream gave it last.
        item: it as the client was told.
        done: it is complete.
        announced: the parts that were, by the field that counts them and their index.
        pieces: what came of it, by the kind of event and the index of the part.
    """

    __slots__ = ("announced", "done", "item", "number", "pieces", "value")

    def __init__(self, value: Item, number: int) -> None:
        self.value = value
        self.number = number
        self.item: Item = {}
        self.done = False
        self.announced: set[tuple[str, Any]] = set()
        self.pieces: dict[tuple[str, int], list[str]] = {}

    def so_far(self) -> Item:
        """The item made of the pieces that came, as upstream would have given it."""
        made: Item = {**self.value, "status": "incomplete"}
        for (kind, _), pieces in sorted(self.pieces.items()):
            text = "".join(pieces)
            if kind == "response.function_call_arguments.delta":
                made["arguments"] = text
            elif kind == "response.custom_tool_call_input.delta":
                made["input"] = text
            elif kind == "response.reasoning_summary_text.delta":
                made["summary"] = [*made.get("summary", ()), {"type": "summary_text", "text": text}]
            else:
                made["content"] = [*made.get("content", ()), _part(kind, text)]
        return made


def _part(kind: str, text: str) -> Item:
    if kind == "response.refusal.delta":
        return output.refusal_part(text)
    if kind == "response.reasoning_text.delta":
        return {"type": "reasoning_text", "text": text}
    return output.text_part(text, [])


def _blank(kind: str) -> Item | None:
    """The part that a delta adds to, before the first one; None for other events."""
    if not kind.endswith(".delta"):
        return None
    if kind == "response.reasoning_summary_text.delta":
        return {"type": "summary_text", "text": ""}
    return _part(kind, "")


class NativeResponsesStream(Frame):
    """One streamed response under way: upstream's bytes in, the client's events out.

    Args and attributes: as of a `ResponsesStream`.
    """

    __slots__ = ("_expects", "_items", "_known", "_meter", "_now", "_room", "_splitter", "_usage", "violations")

    def __init__(  # noqa: PLR0913 - what a stream is made with, by name
        self,
        expects: Expectation,
        identity: Identity,  # noqa: ARG002 - what all streams are made with
        model: str,
        *,
        event_limit: int = EVENT_LIMIT,
        outline: Outline,
        now: Callable[[], int],
    ) -> None:
        super().__init__(model, outline)
        self.violations = 0
        self._expects = expects
        self._now = now
        self._splitter = EventSplitter(event_limit)
        self._meter = Meter()
        self._room = HELD_LIMIT
        self._usage: Any = None
        self._items: list[_Told] = []
        self._known: dict[Any, _Told] = {}  # by upstream's index and by its id

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        return self._meter.started

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        meter = self._meter
        return metering.measure(self._usage, self._expects.input_bytes, meter.output_bytes, meter.reasoning_bytes)

    def feed(self, data: bytes) -> bytes:
        """What the client gets for a piece of upstream's bytes, however sliced."""
        if self.ended is not None:
            return b""
        made = self.opening() + self._take(self._splitter.feed(data))
        if self._splitter.overflow and self.ended is None:
            self._break("malformed", UpstreamFailed("Telnyx sent an event that is too large."))
        return made

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        if self.ended is not None:
            return b""
        made = self.opening() + self._take(self._splitter.finish(), torn=True)
        if self.ended is None:
            self._truncated()
        return made

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end of the stream by trouble that the caller saw."""
        if self.ended is not None:
            return b""
        made = self.opening()
        self._break(end, error)
        return made

    def _take(self, events: list[Event], *, torn: bool = False) -> bytes:
        """What the client gets for events. `torn`: they may lack their ends, because the stream ended in them."""
        made = b""
        for data, name in events:
            try:
                made += self._event(data, name)
            except ProxyError as fault:
                self._break("upstream_error", fault)
            except Malformed as fault:
                if not torn:
                    self._break("malformed", UpstreamFailed(str(fault)))
            if self.ended is not None:
                break
        return made

    def _event(self, data: bytes, name: bytes) -> bytes:
        """What the client gets for one event. Raises Malformed, or the error that it is."""
        word = data.strip()
        if word in chunks.WORDS:
            if word:
                self._truncated()
            return b""
        try:
            value = codec.decode(data)
        except codec.NotJson:
            return chunks.no_chunk(data, name)
        if type(value) is not dict:
            raise Malformed("Telnyx sent an event that is not a JSON object.")
        given = value.get("type")
        kind = given if type(given) is str else name.decode(errors="replace")
        if kind in OPENINGS:
            return b""  # ours were sent before
        if kind in ENDINGS:
            self._end(kind, value)
            return b""
        if not kind.startswith("response."):
            return _other(kind, value)
        return self._of_item(ALIASES.get(kind, kind), value)

    def _of_item(self, kind: str, value: dict[str, Any]) -> bytes:
        """An event that is about an item."""
        if kind in {"response.output_item.added", "response.output_item.done"}:
            item = value.get("item")
            if type(item) is not dict:
                return b""
            return self._added(value, item) if kind.endswith("added") else self._done(value, item)
        told = self._find(value)
        if told is None or told.done or not self._count(told, kind, value) or self._hidden(told):
            return b""
        self._meter.started = True
        if told.item["type"] == "reasoning" and self._outline.reasoning == "summary":
            kind, value = native.summarised(kind, value)
        if kind.startswith("response.function_call_arguments."):
            return self._arguments(told, kind, value)
        filled = _filled(kind, value)
        return self._announce(told, kind, filled) + self._script.event(kind, **_named(told), **filled)

    def _announce(self, told: _Told, kind: str, filled: Item) -> bytes:
        """Announce the part of an item that an event is about, if upstream did not: clients add up no others."""
        name = next((name for name in COUNTERS if name in filled), None)
        if name is None or (name, filled[name]) in told.announced:
            return b""
        told.announced.add((name, filled[name]))
        blank = _blank(kind)
        if blank is None:
            return b""
        event = "response.reasoning_summary_part.added" if name == "summary_index" else "response.content_part.added"
        return self._script.event(event, **_named(told), **{name: filled[name]}, part=blank)

    def _find(self, value: dict[str, Any]) -> _Told | None:
        """The item that an event is about: by its index, else by its id."""
        for name in ("output_index", "item_id"):
            key = value.get(name)
            if type(key) in {int, str} and key in self._known:
                return self._known[key]
        return None

    def _hidden(self, told: _Told) -> bool:
        return told.item["type"] == "reasoning" and self._outline.reasoning == "none"

    def _count(self, told: _Told, kind: str, value: dict[str, Any]) -> bool:
        """Take a piece of a text into account; False for one that is none. Raises Malformed where it is too much."""
        if not kind.endswith(".delta"):
            return True
        piece = value.get("delta")
        if type(piece) is not str:
            return False
        self._room -= len(piece)
        if self._room < 0:
            raise Malformed("Telnyx sent an answer that is too large to be told as a response.")
        self._meter.count(piece)
        if told.item["type"] == "reasoning":
            self._meter.count_reasoning(piece)
        index = value.get("content_index", value.get("summary_index"))
        told.pieces.setdefault((kind, index if type(index) is int else 0), []).append(piece)
        return True

    def _added(self, value: dict[str, Any], item: Item) -> bytes:
        """An item begins. It has said nothing yet, whatever upstream put into it."""
        if self._find(value) is not None:
            return b""
        told = _Told(item, len(self._items))
        self._items.append(told)
        for key in (value.get("output_index"), item.get("id")):
            if type(key) in {int, str}:
                self._known[key] = told
        blank = {key: inside for key, inside in item.items() if key not in {"content", "summary", "arguments", "input"}}
        if blank.get("type") == "reasoning" and self._outline.reasoning == "text":
            blank["content"] = []
        told.item = made = native.item(self._outline, {**blank, "status": "in_progress"}, told.number)
        return self._script.event("response.output_item.added", output_index=told.number, item=made)

    def _done(self, value: dict[str, Any], item: Item) -> bytes:
        """An item is complete, and begins with it if it was not announced."""
        made = self._added(value, item)
        told = self._find(value) or self._known.get(item.get("id")) or self._items[-1]
        if told.done:
            return made
        told.done, told.value = True, item
        told.item = native.item(self._outline, item, told.number)
        return made + self._script.event("response.output_item.done", output_index=told.number, item=told.item)

    def _arguments(self, told: _Told, kind: str, value: dict[str, Any]) -> bytes:
        """A piece of a call, or all of it; a custom tool's input can only be told once it is whole."""
        script, names = self._script, _named(told)
        if told.item["type"] == "function_call":
            more = {"name": told.item["name"]} if kind.endswith(".done") else {}
            return script.event(kind, **names, **{**_filled(kind, value), **more})
        if kind.endswith(".delta"):
            return b""
        whole = native.called(self._outline, {**told.value, "arguments": value.get("arguments")}, told.number)["input"]
        made = script.event("response.custom_tool_call_input.delta", **names, delta=whole)
        return made + script.event("response.custom_tool_call_input.done", **names, input=whole)

    def _end(self, kind: str, value: dict[str, Any]) -> None:
        """Upstream's terminal event: the response is made of it, and of what was told where it lacks something."""
        given = value.get("response")
        response: dict[str, Any] = given if type(given) is dict else {}
        self.model = self._outline.model = native.served(response, self.model)
        self._usage = response.get("usage")
        error = native.fault({**response, "status": kind.removeprefix("response.")})
        if error is not None:
            self._break("upstream_error", error)
            return
        listed = response.get("output")
        spoken = [item for item in listed if type(item) is dict] if type(listed) is list else []
        spoken = spoken or [told.value if told.done else told.so_far() for told in self._items]
        whole, thought = native.sizes(spoken)
        meter = self._meter
        meter.output_bytes, meter.reasoning_bytes = max(whole, meter.output_bytes), max(thought, meter.reasoning_bytes)
        status = {**response, "status": kind.removeprefix("response.")}
        said = native.items(self._outline, spoken)
        self.response = native.settled(self._outline, status, said, self.usage, self._now())
        self.violations = native.violations(self.response, self._expects)
        self.ended = "complete"

    def _truncated(self) -> None:
        self._break("truncated", UpstreamFailed("Telnyx closed the stream before the answer was complete."))

    def _break(self, end: str, error: ProxyError) -> None:
        self.ended, self.error = end, error
        outline = self._outline
        said = [told.value if told.done else told.so_far() for told in self._items]
        self.response = output.failed(outline, error, native.items(outline, said))


def _other(kind: str, value: dict[str, Any]) -> bytes:
    """An event that is no response's: a sign of life, or an error. Raises the error."""
    error = failures.from_event(value)
    if error is None and kind == "error":
        error = UpstreamFailed("Telnyx sent an error event without a message.")
    if error is not None:
        raise error
    return b""


def _named(told: _Told) -> Item:
    """Which item an event is about."""
    return {"item_id": told.item["id"], "output_index": told.number}


def _filled(kind: str, value: dict[str, Any]) -> Item:
    """The rest of an event, with what client libraries expect of it."""
    made = {key: inside for key, inside in value.items() if key not in RENAMED}
    if "reasoning_summary" in kind:
        made.setdefault("summary_index", 0)
    elif not kind.startswith(("response.function_call", "response.custom_tool_call")):
        made.setdefault("content_index", 0)
    if kind in TEXTS and type(made.get("logprobs")) is not list:
        made["logprobs"] = []
    if type(made.get("part")) is dict:
        made["part"] = native.part(made["part"])
    return made
