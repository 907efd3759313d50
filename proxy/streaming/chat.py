"""A streamed chat completion from Telnyx -> exactly what OpenAI would have sent.

Theory of operation: `feed` cuts the bytes into events and decodes each one once. A chunk that is one piece of text,
named like all the others, goes on as the bytes it came in; any other is taken apart by `choices` and written anew.
Whatever else upstream's stream holds (ids, comments, pings, event names, usage) ends here.

The client gets whole events of one line, and exactly one ending: `[DONE]` after every choice has its finish reason, or
one error event. Never neither, which most libraries take for success, and never both.

    open ── [DONE] or end, every choice finished ──────────── complete
      ├──── [DONE] or end, a choice not finished ──────────── truncated
      ├──── an error event, a finish reason that is none ──── upstream_error
      ├──── what is no chunk, or too large ────────────────── malformed
      └──── fail() ────────────────────────────────────────── what the caller says; complete if only the end was missing

Source of the shape: https://platform.openai.com/docs/api-reference/chat/streaming
"""

from typing import Any

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.events import Event, EventSplitter, Malformed
from proxy.streaming.meter import Meter
from proxy.translation import failures, metering
from proxy.translation.answers import Identity, head
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation
from proxy.usage import Usage

EVENT_LIMIT = 4 << 20
"""Bytes of one event. The largest honest one is a whole answer with logprobs in a single chunk, well below a MiB."""
MOST_CHOICES = 128
"""OpenAI's maximum of `n`; it bounds the memory of a stream."""
KIND = "chat.completion.chunk"
_DONE = b"data: [DONE]\n\n"
_TROUBLE = frozenset({"error", "errors", "detail"})
"""Keys that may hold an error; `"error": null` is fatal to one client library and is taken out."""
_WORDS = frozenset({b"", b"[DONE]"})
_SHORT = 16
"""Bytes; only events below it are looked at for one of the words, no chunk is that short."""
_SIGNS_OF_LIFE = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive"})
"""Names of events whose data means nothing and need not be JSON."""


class ChatStream:
    """One streamed answer under way: upstream's bytes in, the client's bytes out.

    Args:
        expects: what the client expects.
        identity: what the answer is called where upstream gives it no name.
        model: the Telnyx id asked for.
        event_limit: bytes one event of upstream may have.

    Attributes:
        ended: how it ended, one of `proxy.accounts.ledger.STREAM_ENDS`; None while more may come.
        error: why, if it was not complete.
        model: the Telnyx id that served, as the client sees it.
    """

    __slots__ = (
        "_asked",
        "_checks",
        "_choices",
        "_closing",
        "_expects",
        "_head",
        "_identity",
        "_meter",
        "_splitter",
        "_usage",
        "ended",
        "error",
        "model",
    )

    def __init__(self, expects: Expectation, identity: Identity, model: str, *, event_limit: int = EVENT_LIMIT) -> None:
        self.ended: str | None = None
        self.error: ProxyError | None = None
        self.model = model
        self._expects = expects
        self._asked = expects.include_usage
        self._identity = identity
        self._splitter = EventSplitter(event_limit)
        self._meter = Meter()
        self._checks = Conformance(expects)
        self._choices: dict[int, ChoiceStream] = {}
        self._head: dict[str, Any] = {}  # id, object, created and model, once the first chunk has gone out
        self._usage: Any = None  # upstream's last word on it
        self._closing: dict[str, Any] = {}  # upstream's chunk without choices, for what it says besides usage

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        return self._meter.started

    @property
    def violations(self) -> int:
        """Texts and arguments that do not keep to the schema the client gave."""
        return self._checks.violations

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        meter = self._meter
        return metering.measure(self._usage, self._expects.input_bytes, meter.output_bytes, meter.reasoning_bytes)

    def feed(self, piece: bytes) -> bytes:
        """What the client gets for the next bytes of upstream: whole events, or nothing yet."""
        if self.ended is not None:
            return b""
        made = self._take(self._splitter.feed(piece))
        if self._splitter.overflow and self.ended is None:
            made.append(self._break("malformed", UpstreamFailed("Telnyx sent an event that is too large.")))
        return b"".join(made)

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        if self.ended is not None:
            return b""
        made = self._take(self._splitter.finish(), torn=True)
        if self.ended is None:
            made.append(self._settle([choice for choice in self._choices.values() if choice.last_word]))
            made.append(self._close())
        return b"".join(made)

    def fail(self, error: ProxyError, end: str) -> bytes:
        """The end of the stream by trouble that the caller saw (a reset, a stall, a timeout, a shutdown).

        If every choice has its finish reason, the client has the whole answer and is told so.
        """
        if self.ended is not None:
            return b""
        return self._close() if self._whole() else self._break(end, error)

    def heartbeat(self) -> bytes:
        """A chunk that says nothing, for clients that give up on silence; nothing where no choice is open."""
        if self.ended is not None:
            return b""
        choice = next((choice for choice in self._choices.values() if not choice.finished), None)
        if choice is None:
            if self._choices:
                return b""
            choice = self._at(0, 0)
        return _frame(codec.encode(self._chunk({}, [choice.introduce()])))

    def _take(self, events: list[Event], *, torn: bool = False) -> list[bytes]:
        """What the client gets for events. `torn`: they may lack their ends, because the stream ended in them."""
        made: list[bytes] = []
        for data, name in events:
            try:
                made.append(self._event(data, name))
            except Malformed as fault:
                if not torn:
                    made.append(self._break("malformed", UpstreamFailed(str(fault))))
            except ProxyError as error:
                made.append(self._break("upstream_error", error))
            if self.ended is not None:
                break
        return made

    def _event(self, data: bytes, name: bytes) -> bytes:
        """What the client gets for one event. Raises Malformed, or the error that it is."""
        if len(data) < _SHORT:
            word = data.strip()
            if word in _WORDS:
                return self._done() if word else b""
        try:
            chunk = codec.decode(data)
        except codec.NotJson:
            return self._not_json(data, name)
        if type(chunk) is not dict:
            raise Malformed("Telnyx sent an event that is not a JSON object.")
        whole_line = b"\n" not in data
        if whole_line and self._passes(chunk):
            return _frame(data if ("usage" in chunk) is self._asked else self._with_usage_key(chunk))
        rows = self._rows(chunk, name)
        if not rows:
            return b""
        body = codec.encode(self._chunk(chunk, rows))
        return _frame(data if whole_line and body == codec.encode(chunk) else body)

    def _passes(self, chunk: dict[str, Any]) -> bool:
        """Whether a chunk can go on as it is, but for its usage key: named like the others, one piece of text.

        This is nearly every chunk, so it is asked first and without a loop.
        """
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or not self._named_alike(chunk):
            return False
        choice = choices[0]
        if type(choice) is not dict or type(choice.get("index")) is not int:
            return False
        if chunk.get("usage") is not None or not _TROUBLE.isdisjoint(chunk):
            return False
        known = self._choices.get(choice["index"])
        return known is not None and known.passes(choice)

    def _named_alike(self, chunk: dict[str, Any]) -> bool:
        made = self._head
        if not made or chunk.get("id") != made["id"] or chunk.get("model") != made["model"]:
            return False
        created = chunk.get("created")
        return created == made["created"] and type(created) is int and chunk.get("object") == KIND

    def _with_usage_key(self, chunk: dict[str, Any]) -> bytes:
        """A chunk (changed in place) with `"usage": null` where the client asked for usage, without it where not."""
        if self._asked:
            chunk["usage"] = None
        else:
            del chunk["usage"]
        return codec.encode(chunk)

    def _rows(self, chunk: dict[str, Any], name: bytes) -> list[dict[str, Any]]:
        """The choices to hand on of a chunk; none of a ping, or of a chunk that only has usage."""
        error = failures.from_event(chunk)
        if error is None and name == b"error":
            error = UpstreamFailed("Telnyx sent an error event without a message.")
        if error is not None:
            raise error
        choices, usage = chunk.get("choices"), chunk.get("usage")
        if usage is not None:
            self._usage = usage
            self._closing = self._closing if choices else chunk
        if not choices:
            return []
        if type(choices) is not list or not all(type(choice) is dict for choice in choices):
            raise Malformed("Telnyx sent a chunk whose choices are not a list of objects.")
        rows = [self._at(choice.get("index"), place).feed(choice) for place, choice in enumerate(choices)]
        return [row for row in rows if row is not None]

    def _at(self, index: Any, place: int) -> ChoiceStream:
        """The choice with an index, else the one at a place in the list. Raises Malformed for one too many."""
        number = index if type(index) is int and index >= 0 else place
        choice = self._choices.get(number)
        if choice is None:
            if len(self._choices) >= MOST_CHOICES:
                raise Malformed(f"Telnyx sent more than {MOST_CHOICES} choices.")
            choice = ChoiceStream((self._identity.id, number), self._expects, self._meter, self._checks)
            self._choices[number] = choice
        return choice

    def _chunk(self, chunk: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Upstream's chunk in the client's terms: the same names in every one, usage not here."""
        if not self._head:
            self._head = head(chunk, self._identity, self.model, KIND)
            self.model = self._head["model"]
        made = {**chunk, **self._head, "choices": rows}
        made.pop("error", None)  # null, or it would have been raised
        if self._asked:
            made["usage"] = None
        else:
            made.pop("usage", None)
        return made

    def _not_json(self, data: bytes, name: bytes) -> bytes:
        if name in _SIGNS_OF_LIFE:
            return b""
        if name == b"error":
            raise failures.from_event({"error": data.decode(errors="replace")}) or UpstreamFailed("Telnyx failed.")
        raise Malformed("Telnyx sent an event that is not JSON.")

    def _done(self) -> bytes:
        """Upstream says it is done, so a choice whose last finish reason was "" has ended, too."""
        return self._settle([choice for choice in self._choices.values() if choice.blank]) + self._close()

    def _settle(self, choices: list[ChoiceStream]) -> bytes:
        """Give choices that upstream ended with "" a finish reason."""
        rows = [choice.feed({"index": choice.index, "delta": {}, "finish_reason": "stop"}) for choice in choices]
        return b"".join(_frame(codec.encode(self._chunk({}, [row]))) for row in rows if row is not None)

    def _whole(self) -> bool:
        return bool(self._choices) and all(choice.finished for choice in self._choices.values())

    def _close(self) -> bytes:
        """The ending that the client is owed: the usage it asked for and `[DONE]`, or the news that there is none."""
        if not self._whole():
            error = UpstreamFailed("Telnyx closed the stream before the answer was complete.")
            return self._break("truncated", error)
        self.ended = "complete"
        if not self._asked:
            return _DONE
        chunk = {**self._chunk(self._closing, []), "usage": metering.shown(self._usage, self.usage)}
        return _frame(codec.encode(chunk)) + _DONE

    def _break(self, end: str, error: ProxyError) -> bytes:
        self.ended, self.error = end, error
        return _frame(codec.encode(error.envelope()))


def _frame(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
