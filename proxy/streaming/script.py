"""The events of a streamed response: how they are written and numbered, and the runs of deltas that make up a text.

Source of the shapes: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from proxy import codec
from proxy.errors import ProxyError
from proxy.streaming.pieces import DONE
from proxy.translation.responses import output
from proxy.translation.responses.outline import Item, Outline


class Script:
    """Numbers events and writes them, each as one whole event of one line.

    Attributes:
        number: the `sequence_number` of the next event.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0

    def event(self, kind: str, /, **fields: Any) -> bytes:
        """One event. `kind` is its type, and what `event:` says."""
        body = codec.encode({"type": kind, "sequence_number": self.number, **fields})
        self.number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)


class Frame:
    """What all streamed responses have around their items: how they begin, are kept alive and end.

    Attributes:
        ended: how it ended, one of `proxy.accounts.ledger.STREAM_ENDS`; None while more may come.
        error: why, if it was not complete.
        model: the Telnyx id that served, as the client sees it.
        response: the final response object, once it has ended.
    """

    __slots__ = ("_opened", "_outline", "_script", "ended", "error", "model", "response")

    ended: str | None
    error: ProxyError | None
    model: str

    def __init__(self, model: str, outline: Outline) -> None:
        self.ended = None
        self.error = None
        self.model = model
        self.response: dict[str, Any] = {}
        self._outline = outline
        self._script = Script()
        self._opened = False

    def opening(self) -> bytes:
        """The first events, which need nothing of upstream; nothing where they have been told.

        A response in the background was queued before.
        """
        if self._opened:
            return b""
        self._opened = True
        script, outline = self._script, self._outline
        queued = bool(outline.echo.get("background"))
        response = outline.response("queued" if queued else "in_progress", [])
        made = script.event("response.created", response=response)
        if queued:
            made += script.event("response.queued", response=response)
        return made + self.heartbeat()

    def heartbeat(self) -> bytes:
        """An event that says nothing new and may stand anywhere; nothing before the first ones and after the end."""
        if self.ended is not None or not self._opened:
            return b""
        return self._script.event("response.in_progress", response=self._outline.response("in_progress", []))

    def conclude(self, kept: bool) -> bytes:  # noqa: FBT001 - a fact, no mode
        """The terminal event, which has the whole response, and `[DONE]`.

        Where the response was to be stored and could not be, it says so: `"store": false`. There is no event for one
        that was cancelled: client libraries stop at `response.failed`, and the response in it says what it is.
        """
        if not kept:
            self.response["store"] = False
        status = self.response["status"]
        kind = "failed" if status == "cancelled" else status
        return self._script.event(f"response.{kind}", response=self.response) + DONE

    def cancel(self) -> None:
        """It was cancelled meanwhile."""
        self.response = output.cancelled(self.response)


class Kind(NamedTuple):
    """One kind of text that arrives in deltas, and what its events are called.

    Attributes:
        name: of the events: `response.{name}.delta` and `.done`.
        told: the field of the last one that has the whole text.
        part: of the events around it, `response.{part}.added` and `.done`; "" where there are none.
        counter: the field that counts the parts; "" where there is but one.
    """

    name: str
    told: str
    part: str = ""
    counter: str = ""

    def made(self, text: str, logprobs: list[Any], annotations: Sequence[Item] = ()) -> Item:
        """The part of the item that holds the text."""
        if self is TEXT:
            return output.text_part(text, logprobs, annotations)
        if self is REFUSAL:
            return output.refusal_part(text)
        return {"type": "reasoning_text" if self is THOUGHT else "summary_text", "text": text}


TEXT = Kind("output_text", "text", "content_part", "content_index")
REFUSAL = Kind("refusal", "refusal", "content_part", "content_index")
THOUGHT = Kind("reasoning_text", "text", "content_part", "content_index")
"""The parts of a model's own thinking are announced, too: openai-node adds up deltas of announced parts only."""
SUMMARY = Kind("reasoning_summary_text", "text", "reasoning_summary_part", "summary_index")
ARGUMENTS = Kind("function_call_arguments", "arguments")
INPUT = Kind("custom_tool_call_input", "input")


class Run:
    """One text under way.

    Attributes:
        kind: what it is.
        pieces: the text so far.
        logprobs: of all its tokens; annotations: what it cites.
        before, between, after: what the event of a piece is made of, around its number and its text. Set by `open`.
    """

    __slots__ = ("_place", "_script", "after", "annotations", "before", "between", "kind", "logprobs", "pieces")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.logprobs: list[Any] = []
        self.annotations: list[Item] = []

    @property
    def text(self) -> str:
        """All of it, so far."""
        return "".join(self.pieces)

    @property
    def part(self) -> Item:
        """The part of an item that it is, so far."""
        return self.kind.made(self.text, self.logprobs, self.annotations)

    def open(self, script: Script, item: str, number: int, part: int) -> bytes:
        """Announce it, and tell what was held back of it."""
        kind = self.kind
        self._script = script
        self._place: dict[str, Any] = {"item_id": item, "output_index": number}
        if kind.counter:
            self._place[kind.counter] = part
        delta = f"response.{kind.name}.delta"
        self.before = f'event: {delta}\ndata: {{"type":"{delta}","sequence_number":'.encode()
        self.between = b"," + codec.encode(self._place)[1:-1] + b',"delta":'
        self.after = b',"logprobs":[]}\n\n' if kind is TEXT else b"}\n\n"
        made = b""
        if kind.part:
            blank = kind.made("", [])
            made = script.event(f"response.{kind.part}.added", **self._place, part=blank)
        if self.pieces:
            made += self.delta(codec.encode(self.text), self.logprobs)
        held, self.annotations = self.annotations, []
        return made + self.cite(held)

    def cite(self, annotations: list[Item]) -> bytes:
        """Tell what it cites, once it is open."""
        made = b""
        for annotation in annotations:
            more = {"annotation_index": len(self.annotations), "annotation": annotation}
            made += self._script.event("response.output_text.annotation.added", **self._place, **more)
            self.annotations.append(annotation)
        return made

    def delta(self, spelled: bytes, logprobs: list[Any]) -> bytes:
        """The event of a piece, which is given as JSON."""
        script, after = self._script, self.after
        if logprobs:
            after = b',"logprobs":%b}\n\n' % codec.encode(logprobs)
        number = script.number
        script.number = number + 1
        return b"%b%d%b%b%b" % (self.before, number, self.between, spelled, after)

    def close(self, **more: Any) -> bytes:
        """Tell the whole."""
        kind, script = self.kind, self._script
        told: dict[str, Any] = {kind.told: self.text, **more}
        if kind is TEXT:
            told["logprobs"] = self.logprobs
        made = script.event(f"response.{kind.name}.done", **self._place, **told)
        if kind.part:
            made += script.event(f"response.{kind.part}.done", **self._place, part=self.part)
        return made
