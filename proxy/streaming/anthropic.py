"""A streamed message from Telnyx -> exactly what Anthropic would have sent.

Theory of operation: the bytes are cut into events, each is decoded once and, where nothing has to change, goes on with
its data as it came; only the lines around it are written anew. What Anthropic's client libraries rely on is put in
where it is missing: a message that has begun, names, figures, the end of blocks.

The client gets exactly one ending: `message_stop`, or one `error` event. Never neither, which would look like success.

    open ── message_stop, or end after a stop reason ──── complete
      ├──── end before any stop reason ────────────────── truncated
      ├──── an error event ────────────────────────────── upstream_error
      ├──── what is no event, or too large ────────────── malformed
      └──── fail() ────────────────────────────────────── what the caller says; complete if only the end was missing

Source of the shape: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Callable
from typing import Any

from proxy import codec
from proxy.accounts.ledger import COMPLETE
from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming.events import Event, EventSplitter, Malformed
from proxy.streaming.meter import Meter
from proxy.translation import failures, metering
from proxy.translation.answers import Identity
from proxy.translation.anthropic.answer import THOUGHTS, call_id, head, shown, stop_reason
from proxy.translation.anthropic.errors import envelope
from proxy.translation.rules import Expectation
from proxy.usage import Usage

EVENT_LIMIT = 4 << 20
"""Bytes of one event."""
BLOCK_LIMIT = 10_000
"""Blocks of one message; it bounds the memory of a stream."""
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
DONE = b"[DONE]"
"""OpenAI's end of a stream, which servers with both interfaces have been seen to send."""
Out = list[bytes]


def frame(name: str, data: bytes) -> bytes:
    """One event; data of several lines stay so."""
    lines = data if b"\n" not in data else data.replace(b"\n", b"\ndata: ")
    return b"event: %b\ndata: %b\n\n" % (name.encode(), lines)


def _event(name: str, **fields: Any) -> bytes:
    return frame(name, codec.encode({"type": name, **fields}))


class MessageStream:
    """One streamed message under way: upstream's bytes in, the client's bytes out.

    Args:
        expects: what the client expects.
        identity: what the message is called where upstream gives it no name.
        model: the Telnyx id asked for.
        event_limit: bytes one event of upstream may have.

    Attributes:
        ended: how it ended, one of `proxy.accounts.ledger.STREAM_ENDS`; None while more may come.
        error: why, if it was not complete.
        model: the Telnyx id that served, as the client sees it.
        violations: none; nothing is checked against a schema here.
    """

    __slots__ = (
        "_begun", "_called", "_expects", "_figures", "_hidden", "_identity", "_meter", "_open", "_splitter", "_stopped",
        "ended", "error", "model", "violations",
    )  # fmt: skip

    def __init__(self, expects: Expectation, identity: Identity, model: str, *, event_limit: int = EVENT_LIMIT) -> None:
        self.ended: str | None = None
        self.error: ProxyError | None = None
        self.model = model
        self.violations = 0
        self._expects = expects
        self._identity = identity
        self._splitter = EventSplitter(event_limit)
        self._meter = Meter()
        self._begun = self._called = self._stopped = False
        self._figures: dict[str, Any] = {}  # of usage, the last word on each
        self._open: set[int] = set()
        self._hidden: set[int] = set()

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        return self._meter.started

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        meter = self._meter
        figures = self._figures or None
        return metering.measure(figures, self._expects.input_bytes, meter.output_bytes, meter.reasoning_bytes)

    def feed(self, data: bytes) -> bytes:
        """What the client gets for a piece of upstream's bytes, however sliced."""
        if self.ended is not None:
            return b""
        made = self._take(self._splitter.feed(data))
        return made + self._overflow() if self._splitter.overflow else made

    def _overflow(self) -> bytes:
        """The end of the stream, unless the end came before what was too large."""
        if self.ended is not None:
            return b""
        return self._break("malformed", UpstreamFailed("Telnyx sent an event that is too large."))

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        if self.ended is not None:
            return b""
        made = self._take(self._splitter.finish(), torn=True)
        if self.ended is None:
            made += self._close()
        return made

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end of the stream by trouble that the caller saw. With a stop reason, the client has all of it."""
        if self.ended is not None:
            return b""
        return self._close() if self._stopped else self._break(end, error)

    def heartbeat(self) -> bytes:
        """An event that says nothing."""
        return b"" if self.ended is not None else PING

    def _take(self, events: list[Event], *, torn: bool = False) -> bytes:
        """What the client gets for events. `torn`: they may lack their ends, because the stream ended in them."""
        made: Out = []
        for data, name in events:
            try:
                self._read(data, name, made)
            except ProxyError as fault:
                made.append(self._break("upstream_error", fault))
            except Malformed as fault:
                if not torn:
                    made.append(self._break("malformed", UpstreamFailed(str(fault))))
            if self.ended is not None:
                break
        return b"".join(made)

    def _read(self, data: bytes, name: bytes, out: Out) -> None:
        """One event. Raises Malformed, or the error that it is."""
        if data.strip() == DONE:
            out.append(self._close())
            return
        if not data.strip():
            return
        try:
            value = codec.decode(data)
        except codec.NotJson:
            if name == b"ping":
                return
            raise Malformed("Telnyx sent an event that is not JSON.") from None
        if type(value) is not dict:
            raise Malformed("Telnyx sent an event that is not a JSON object.")
        kind = value.get("type")
        handler = HANDLERS.get(kind) if type(kind) is str else None
        if handler is None:
            self._other(kind, name, value, data, out)
        else:
            handler(self, value, data, out)

    def _other(self, kind: Any, name: bytes, value: dict[str, Any], data: bytes, out: Out) -> None:
        """An error, in whatever shape; a ping; or an event of a kind that is newer than this."""
        if kind == "ping" or (kind is None and name == b"ping"):
            out.append(PING)
            return
        error = failures.from_event(value)
        if error is not None or kind == "error" or name == b"error":
            raise error or UpstreamFailed("Telnyx broke off its answer with an error.")
        if type(kind) is not str or not kind.isidentifier():
            raise Malformed("Telnyx sent an event that is none of a message.")
        self._begin({}, out)
        out.append(frame(kind, data))

    def _begin(self, message: dict[str, Any], out: Out) -> None:
        """Begin the message, once."""
        if self._begun:
            return
        self._begun = True
        made = head(message, self._identity, self.model)
        self.model = made["model"]
        made.setdefault("content", [])
        made.setdefault("stop_reason", None)
        made.setdefault("stop_sequence", None)
        usage = made.get("usage")
        made["usage"] = {**shown(usage, self.usage._replace(output=0)), **(usage if type(usage) is dict else {})}
        if made != message:
            out.append(_event("message_start", message=made))

    def _message_start(self, value: dict[str, Any], data: bytes, out: Out) -> None:
        message = value.get("message")
        if type(message) is not dict:
            raise Malformed("Telnyx began a message that is not an object.")
        if self._begun:
            return
        self._note_start(message.get("usage"))
        before = len(out)
        self._begin(message, out)
        if len(out) == before:
            out.append(frame("message_start", data))

    def _note_start(self, usage: Any) -> None:
        """The figures of the beginning. The output is yet to come, and a prompt of no tokens is not known yet."""
        if type(usage) is dict:
            known = {name: figure for name, figure in usage.items() if figure is not None and name != "output_tokens"}
            if not any(known.get(name) for name in known if name.endswith("input_tokens")):
                known.pop("input_tokens", None)
            self._figures.update(known)

    def _block(self, value: dict[str, Any]) -> int:
        index = value.get("index")
        if type(index) is not int or index < 0:
            raise Malformed("Telnyx sent a block without a place.")
        return index

    def _hand_on(self, name: str, value: dict[str, Any], data: bytes, out: Out) -> None:
        """An event of a block, whose place is another one if blocks before it are hidden."""
        shift = sum(place < value["index"] for place in self._hidden)
        out.append(frame(name, data) if not shift else _event(name, **_at(value, shift)))

    def _start(self, value: dict[str, Any], data: bytes, out: Out) -> None:
        index, block = self._block(value), value.get("content_block")
        if type(block) is not dict:
            raise Malformed("Telnyx sent a block that is not an object.")
        self._begin({}, out)
        if len(self._open) + len(self._hidden) >= BLOCK_LIMIT:
            raise Malformed(f"Telnyx sent more than {BLOCK_LIMIT} blocks at once.")
        self._count(block)
        kind = block.get("type")
        if self._expects.hide_reasoning and kind in THOUGHTS:
            self._hidden.add(index)
            return
        if kind == "tool_use":
            self._called = self._meter.started = True
            if not block.get("id"):
                value = {**value, "content_block": {"input": {}, **block, "id": call_id(self._identity, index)}}
                data = codec.encode(value)
        self._open.add(index)
        self._hand_on("content_block_start", value, data, out)

    def _delta(self, value: dict[str, Any], data: bytes, out: Out) -> None:
        index, delta = self._block(value), value.get("delta")
        if type(delta) is not dict:
            raise Malformed("Telnyx sent a part of a block that is not an object.")
        self._count(delta)
        if index not in self._open and index not in self._hidden:
            self._open_late(index, delta, out)
        if index in self._hidden:
            return
        self._meter.started = True
        self._hand_on("content_block_delta", value, data, out)

    def _open_late(self, index: int, delta: dict[str, Any], out: Out) -> None:
        """Begin a block that upstream did not begin. Raises Malformed for a call, which would have no name."""
        kind = next((kind for kind in ("text", "thinking") if kind in delta), None)
        if kind is None:
            raise Malformed("Telnyx sent a part of a block that has not begun.")
        value = {"type": "content_block_start", "index": index, "content_block": {"type": kind, kind: ""}}
        self._start(value, codec.encode(value), out)

    def _stop(self, value: dict[str, Any], data: bytes, out: Out) -> None:
        index = self._block(value)
        if index in self._open:
            self._open.discard(index)
            self._hand_on("content_block_stop", value, data, out)

    def _message_delta(self, value: dict[str, Any], data: bytes, out: Out) -> None:
        usage, delta = value.get("usage"), value.get("delta")
        if type(usage) is dict:
            self._figures.update((name, figure) for name, figure in usage.items() if figure is not None)
        self._begin({}, out)
        given = delta if type(delta) is dict else {}
        reason = given.get("stop_reason")
        made = dict(value)
        if reason is not None:
            self._end_blocks(out)
            self._stopped = True
            made["delta"] = {**given, "stop_reason": stop_reason(reason, called=self._called)}
            made["delta"].setdefault("stop_sequence", None)
        figures = usage if type(usage) is dict else {}
        if type(figures.get("output_tokens")) is not int:
            made["usage"] = {**figures, "output_tokens": self.usage.output}
        out.append(frame("message_delta", data if made == value else codec.encode(made)))

    def _message_stop(self, _value: dict[str, Any], data: bytes, out: Out) -> None:
        self._begin({}, out)
        out.append(self._finish(data))

    def _end_blocks(self, out: Out) -> None:
        for index in sorted(self._open):
            shift = sum(place < index for place in self._hidden)
            out.append(_event("content_block_stop", index=index - shift))
        self._open.clear()

    def _finish(self, data: bytes) -> bytes:
        """The good end."""
        made: Out = []
        if not self._stopped:
            self._end_blocks(made)
            delta = {"stop_reason": stop_reason(None, called=self._called), "stop_sequence": None}
            made.append(_event("message_delta", delta=delta, usage={"output_tokens": self.usage.output}))
        self.ended = COMPLETE
        return b"".join(made) + frame("message_stop", data)

    def _close(self) -> bytes:
        """The end that upstream did not say: what came is all there is if it had a stop reason."""
        if not self._stopped:
            return self._break("truncated", UpstreamFailed("Telnyx closed the stream before the answer was complete."))
        return self._finish(b'{"type":"message_stop"}')

    def _break(self, end: str, error: ProxyError) -> bytes:
        self.ended, self.error = end, error
        said = envelope(error)
        del said["request_id"]
        return frame("error", codec.encode(said))

    def _count(self, part: dict[str, Any]) -> None:
        meter = self._meter
        thought = part.get("thinking")
        for text in (part.get("text"), part.get("partial_json"), thought):
            meter.count(text)
        meter.count_reasoning(thought)


def _at(value: dict[str, Any], shift: int) -> dict[str, Any]:
    """The fields of an event of a block, some places earlier."""
    return {**{name: field for name, field in value.items() if name != "type"}, "index": value["index"] - shift}


Handler = Callable[[MessageStream, dict[str, Any], bytes, Out], None]
HANDLERS: dict[str, Handler] = {
    "message_start": MessageStream._message_start,  # noqa: SLF001 - a table of its own methods
    "content_block_start": MessageStream._start,  # noqa: SLF001
    "content_block_delta": MessageStream._delta,  # noqa: SLF001
    "content_block_stop": MessageStream._stop,  # noqa: SLF001
    "message_delta": MessageStream._message_delta,  # noqa: SLF001
    "message_stop": MessageStream._message_stop,  # noqa: SLF001
}
"""What is done with an event, by its type."""
