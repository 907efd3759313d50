"""A streamed chat completion from Telnyx -> exactly what OpenAI would have sent.

Theory of operation: `pieces` cuts the bytes into events, and here each one is decoded once. A chunk that is one piece
of text, named like all the others, goes on as the bytes it came in; any other is taken apart by `choices` and written
anew. Whatever else upstream's stream holds (ids, comments, pings, event names, usage) ends here.

That would be too slow for the many chunks that differ in their text only. So what was decoded once becomes one of the
`templates`, and events that fit one are compared, counted and handed on many at a time. Templates say nothing new:
without them, every answer would be the same, byte for byte. A piece that all goes on as it came is not even copied.

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
from proxy.streaming import chunks
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.chunks import KIND, SHORT, WORDS, Names, frame
from proxy.streaming.events import LF, Event, EventSplitter, Malformed
from proxy.streaming.meter import Meter
from proxy.streaming.pieces import DONE, Pieces
from proxy.streaming.templates import AS_IT_CAME, Repertoire
from proxy.translation import metering
from proxy.translation.answers import Identity, head
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation
from proxy.usage import Usage

EVENT_LIMIT = 4 << 20
"""Bytes of one event. The largest honest one is a whole answer with logprobs in a single chunk, well below a MiB."""
MOST_CHOICES = 128
"""OpenAI's maximum of `n`; it bounds the memory of a stream."""


class ChatStream(Pieces):
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

    __slots__ = ("_checks", "_closing", "_expects", "_identity", "_measured", "_meter", "_usage", "error")

    def __init__(self, expects: Expectation, identity: Identity, model: str, *, event_limit: int = EVENT_LIMIT) -> None:
        self.ended = None
        self.error: ProxyError | None = None
        self.model = model
        self._expects = expects
        self._asked = expects.include_usage
        self._identity = identity
        self._limit = event_limit
        self._splitter = EventSplitter(event_limit)
        self._held = False
        self._meter = Meter()
        self._checks = Conformance(expects) if expects.schema is not None or expects.tool_schemas else None
        self._choices = {}
        self._names: Names | None = None  # once the first chunk has gone out
        self._lead = None
        self._usage: Any = None  # upstream's last word on it
        self._measured: Usage | None = None  # once the stream is over
        self._closing: dict[str, Any] | None = None  # upstream's chunk without choices, for what it says besides usage
        self._templates = Repertoire()
        self._likely = None

    @property
    def started(self) -> bool:
        """Whether content, reasoning or a tool call has been handed on."""
        return self._meter.started

    @property
    def violations(self) -> int:
        """Texts and arguments that do not keep to the schema the client gave."""
        return 0 if self._checks is None else self._checks.violations

    @property
    def usage(self) -> Usage:
        """Upstream's figures, else an estimate of what went by so far."""
        known = self._measured or metering.as_openai(self._usage)
        if known is not None:
            return known
        meter = self._meter
        return metering.measure(self._usage, self._expects.input_bytes, meter.output_bytes, meter.reasoning_bytes)

    def finish(self) -> bytes:
        """The end of the stream, when upstream has closed it in good order."""
        if self.ended is not None:
            return b""
        made = self._take(self._splitter.finish(), torn=True)
        if self.ended is None:
            for choice in self._choices.values():
                if choice.last_word:
                    made += self._settle(choice)
            made += self._close()
        return made

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
        return frame(codec.encode(self._chunk({}, [choice.introduce()])))

    def _take(self, events: list[Event], *, torn: bool = False) -> bytes:
        """What the client gets for events. `torn`: they may lack their ends, because the stream ended in them."""
        made: list[bytes] = []
        for data, name in events:
            try:
                out = self._event(data, name)
                made.append(frame(data) if out is AS_IT_CAME else out)
            except (Malformed, ProxyError) as fault:
                if not torn or isinstance(fault, ProxyError):
                    made.append(self._broken(fault))
            if self.ended is not None:
                break
        return b"".join(made)

    def _event(self, data: bytes, name: bytes) -> bytes:
        """What the client gets for one event. Raises Malformed, or the error that it is."""
        if len(data) < SHORT:
            word = data.strip()
            if word in WORDS:
                return self._done() if word else b""
        try:
            chunk = codec.decode(data)
        except codec.NotJson:
            return chunks.no_chunk(data, name)
        if type(chunk) is not dict:
            raise Malformed("Telnyx sent an event that is not a JSON object.")
        one_line = LF not in data
        out = self._as_it_came(data, chunk, name) if one_line and chunk.get("choices") else None
        if out is None:
            rows = self._rows(chunk, name)
            out = frame(chunks.spelled(data, chunk, self._chunk(chunk, rows))) if rows else b""
            if one_line and self._templates.lessons and chunk.get("choices"):
                self._learn(data, chunk, None)
        return out

    def _as_it_came(self, data: bytes, chunk: dict[str, Any], name: bytes) -> bytes | None:
        """The event of a chunk that goes on as it is, but for its usage key; None, and nothing is done, for another.

        Nearly every chunk is one, so it is asked for first and without a loop.
        """
        known = self._easy(chunk, name)
        if known is None:
            return None
        choice = chunk["choices"][0]
        passed = known.passes(choice) if choice.get("finish_reason") is None else None
        if passed is None and (name or not known.stays(choice)):
            return None
        if self._names is None:
            self._names = (chunk["id"], KIND, chunk["created"], chunk["model"])
            self.model = chunk["model"]
        same = ("usage" in chunk) is self._asked
        made = data if same else chunks.with_usage_key(data, chunk, asked=self._asked)
        if known.finished:
            self._templates.forget(known)
        elif self._templates.lessons:
            if passed is None:
                self._templates.guess(known, data, made)
            else:
                self._learn(data, chunk, passed)
        return AS_IT_CAME if same else frame(made)

    def _varying(self, chunk: dict[str, Any]) -> str | None:
        """The field that makes a chunk, which had to be made anew, one of the kind that comes in great numbers."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("usage") is not None:
            return None
        return self._at(choices[0].get("index"), 0).varying(choices[0])

    def _learn(self, data: bytes, chunk: dict[str, Any], passed: str | None) -> None:
        """Make a template of a chunk that was just handed on: `passed` is the field of it that was, or it is anew."""
        name = passed or self._varying(chunk)
        lesson = name and self._templates.lesson(data, name)
        if not name or not lesson:
            return
        sides, other, sample = lesson
        choice = self._at(chunk["choices"][0].get("index"), 0)
        if passed:
            body = chunks.with_usage_key(other, sample, asked=self._asked)
        else:
            row = choice.rehearse(sample["choices"][0])
            body = b"" if row is None else chunks.spelled(other, sample, self._chunk(sample, [row]))
        self._templates.add(choice, name, sides, body)

    def _easy(self, chunk: dict[str, Any], name: bytes) -> ChoiceStream | None:
        """The one choice of a chunk that can go on as it is, but for its usage key, if the choice can."""
        index = chunks.lone_choice(chunk, self._names)
        if index is None:
            return None
        known = self._choices.get(index)
        return self._at(index, 0) if known is None and index >= 0 and not name else known

    def _rows(self, chunk: dict[str, Any], name: bytes) -> list[dict[str, Any]]:
        """The choices to hand on of a chunk; none of a ping, or of a chunk that only has usage."""
        chunks.expect_no_error(chunk, name)
        choices, usage = chunk.get("choices"), chunk.get("usage")
        if usage is not None:
            self._usage = usage
            self._closing = self._closing if choices else chunk
        if not choices:
            return []
        if type(choices) is not list or not all(type(choice) is dict for choice in choices):
            raise Malformed("Telnyx sent a chunk whose choices are not a list of objects.")
        rows = []
        for place, choice in enumerate(choices):
            known = self._at(choice.get("index"), place)
            row = known.feed(choice)
            if row is not None:
                rows.append(row)
            if known.finished:
                self._templates.forget(known)
        return rows

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
        if self._names is None:
            named = head(chunk, self._identity, self.model, KIND)
            self._names = (named["id"], KIND, named["created"], named["model"])
            self.model = named["model"]
        return chunks.remade(chunk, self._names, rows, asked=self._asked)

    def _done(self) -> bytes:
        """Upstream says it is done, so a choice whose last finish reason was "" has ended, too."""
        made = b""
        for choice in self._choices.values():
            if choice.blank:
                made += self._settle(choice)
        return made + self._close()

    def _settle(self, choice: ChoiceStream) -> bytes:
        """Give a choice that upstream ended with "" a finish reason."""
        row = choice.feed({"index": choice.index, "delta": {}, "finish_reason": "stop"})
        return b"" if row is None else frame(codec.encode(self._chunk({}, [row])))

    def _whole(self) -> bool:
        for choice in self._choices.values():
            if not choice.finished:
                return False
        return bool(self._choices)

    def _close(self) -> bytes:
        """The ending that the client is owed: the usage it asked for and `[DONE]`, or the news that there is none."""
        if not self._whole():
            error = UpstreamFailed("Telnyx closed the stream before the answer was complete.")
            return self._break("truncated", error)
        self.ended = "complete"
        if not self._asked:
            return DONE
        self._measured = self.usage
        chunk = {**self._chunk(self._closing or {}, []), "usage": metering.shown(self._usage, self._measured)}
        return frame(codec.encode(chunk)) + DONE

    def _broken(self, fault: Malformed | ProxyError) -> bytes:
        if isinstance(fault, ProxyError):
            return self._break("upstream_error", fault)
        return self._break("malformed", UpstreamFailed(str(fault)))

    def _break(self, end: str, error: ProxyError) -> bytes:
        self.ended, self.error = end, error
        return frame(codec.encode(error.envelope()))
