"""Output items under way: thinking, text and calls as they come -> events, one item after the other.

Chat completions may tell several calls at once, piece by piece in turns; a response tells one item to its end before
the next one begins. So only the first item that is not complete is told as it comes, and what belongs to later ones is
held back. Thinking and text are complete as soon as something else begins; a call, once its arguments are a whole JSON
object, or with the end of the answer.
"""

from collections import deque
from typing import Any

from proxy import codec
from proxy.streaming.events import Malformed
from proxy.streaming.script import ARGUMENTS, INPUT, REFUSAL, SUMMARY, TEXT, THOUGHT, Kind, Run, Script
from proxy.translation.responses import output
from proxy.translation.responses.outline import Item, Outline

HELD_LIMIT = 16 << 20
"""Characters of one answer, which is held until its end because its last event repeats it. Several times what the
largest model can say at once."""

TRIES = 64
"""How often the arguments of one call are read to see whether they are whole. A call with more braces than that is
waited for until the answer ends."""


class Block:
    """One item under way.

    Attributes:
        runs: the texts it is made of.
        called: of a call, its `call_id` and `name`; None for any other item.
        number: its place in the output; None until it is told.
        complete: nothing more will come.
    """

    __slots__ = ("called", "complete", "kind", "number", "runs", "tries")

    def __init__(self, kind: str, called: Item | None = None) -> None:
        self.kind = kind
        self.called = called
        self.runs: list[Run] = []
        self.number: int | None = None
        self.complete = False
        self.tries = TRIES  # to read the arguments as JSON

    def item(self, outline: Outline, number: int, status: str) -> Item | None:
        """What it is so far; None for thinking of which nothing can be told."""
        if self.called is not None:
            run = self.runs[0]
            return output.call(outline, number, status, {**self.called, run.kind.told: run.text})
        known_as = outline.item_id(self.kind, number)
        if self.kind == "rs":
            return output.reasoning(outline, known_as, status, self.runs[0].text)
        return output.message(known_as, status, [run.part for run in self.runs])

    def blank(self, outline: Outline, number: int) -> Item:
        """What it is before it has said anything."""
        if self.called is not None:
            return output.call(outline, number, "in_progress", {**self.called, self.runs[0].kind.told: ""})
        known_as = outline.item_id(self.kind, number)
        if self.kind == "msg":
            return output.message(known_as, "in_progress", [])
        item: Item = {"id": known_as, "type": "reasoning", "status": "in_progress", "summary": []}
        return {**item, "content": []} if outline.reasoning == "text" else item


class Items:
    """The output of one response, in the order in which it appears.

    Args:
        outline: the response before it has an output.
        script: where events are numbered.

    Attributes:
        done: the items that are complete.
        spoke: whether there is a message or a call.
        room: characters that may still come.
        live: the run that is told as it comes and nothing waits for; None where there is none.
    """

    __slots__ = ("_calls", "_cited", "_outline", "_script", "_waiting", "done", "live", "room", "spoke")

    def __init__(self, outline: Outline, script: Script) -> None:
        self.done: list[Item] = []
        self.live: Run | None = None
        self.spoke = False
        self._outline = outline
        self._script = script
        self._waiting: deque[Block] = deque()  # the first one is being told
        self._calls: dict[int, Block] = {}
        self._cited: list[Item] = []  # before there was a text
        self.room = HELD_LIMIT

    def hold(self, size: int) -> None:
        """Take room for so many characters. Raises Malformed where there is none."""
        self.room -= size
        if self.room < 0:
            raise Malformed("Telnyx sent an answer that is too large to be told as a response.")

    def thought(self, text: str) -> bytes:
        """What to tell of a piece of thinking."""
        kind = SUMMARY if self._outline.reasoning == "summary" else THOUGHT
        return self._say("rs", kind, text, [])

    def text(self, text: str, logprobs: list[Any]) -> bytes:
        """What to tell of a piece of text."""
        self.spoke = True
        made = self._say("msg", TEXT, text, logprobs)
        if self._cited:
            early, self._cited = self._cited, []
            made += self.cite(early)
        return made

    def cite(self, annotations: list[Item]) -> bytes:
        """What to tell of what a text cites. Of one that something else has followed nothing can be told any more."""
        run = self._waiting[-1].runs[-1] if self._waiting else None
        if run is None or run.kind is not TEXT:
            self._cited += [] if self.spoke else annotations
            return b""
        self.hold(len(codec.encode(annotations)))
        if self._waiting[-1].number is None:
            run.annotations += annotations
            return b""
        return run.cite(annotations)

    def refusal(self, text: str) -> bytes:
        """What to tell of a piece of a refusal."""
        self.spoke = True
        return self._say("msg", REFUSAL, text, [])

    def call(self, entry: dict[str, Any]) -> bytes:
        """What to tell of a tool call, or of a further piece of one, as a chat completion has it."""
        block = self._calls.get(entry["index"])
        if block is None:
            self.spoke = True
            return self._call(entry)
        piece = entry["function"]["arguments"]
        if block.complete or not piece:  # complete: only space can follow
            return b""
        return self._add(block, block.runs[0], piece, [])

    def finish(self, status: str) -> bytes:
        """The end of the answer: all that was held back. `status`: of the last item."""
        made = b""
        while self._waiting:
            block = self._waiting[0]
            block.complete = True
            if len(self._waiting) > 1:
                made += self._advance()
            else:
                made += self._close(block, status)
                self._waiting.popleft()
        return made

    def so_far(self) -> list[Item]:
        """The items of an answer that broke off: what was told of them."""
        under_way = []
        for block in self._waiting:
            item = None if block.number is None else block.item(self._outline, block.number, "incomplete")
            if item is not None:
                under_way.append(item)
        return self.done + under_way

    def _call(self, entry: dict[str, Any]) -> bytes:
        made = output.named(entry)
        custom = "input" in made
        run = Run(INPUT if custom else ARGUMENTS)
        piece = made.pop(run.kind.told)
        block = self._calls[entry["index"]] = Block("ctc" if custom else "fc", made)
        block.runs.append(run)
        if piece:
            run.pieces.append(piece)
        self.hold(len(piece))
        block.complete = custom
        return self._append(block)

    def _say(self, name: str, kind: Kind, text: str, logprobs: list[Any]) -> bytes:
        """A piece of a text, which goes on with the last item or begins another one."""
        block = self._waiting[-1] if self._waiting else None
        if block is None or block.kind != name:
            block = Block(name)
            run = Run(kind)
            block.runs.append(run)
            if text:
                run.pieces.append(text)
            self.hold(len(text))
            run.logprobs += logprobs
            return self._append(block)
        run = block.runs[-1]
        if run.kind is kind:
            return self._add(block, run, text, logprobs)
        made = run.close() if block.number is not None else b""
        block.runs.append(run := Run(kind))
        if block.number is not None:
            made += self._open(block, len(block.runs) - 1)
        return made + self._add(block, run, text, logprobs)

    def _add(self, block: Block, run: Run, piece: str, logprobs: list[Any]) -> bytes:
        self.hold(len(piece))
        run.pieces.append(piece)
        run.logprobs += logprobs
        if block.number is None:
            return b""
        made = run.delta(codec.encode(piece), logprobs) if self._shown(block) else b""
        return made + self._advance() if len(self._waiting) > 1 else made

    def _append(self, block: Block) -> bytes:
        """Another item begins: those before it that are no calls are complete."""
        self.live = None
        if self._waiting:
            self._waiting[-1].complete |= self._waiting[-1].called is None
        self._waiting.append(block)
        return self._advance() if len(self._waiting) > 1 else self._begin(block)

    def _advance(self) -> bytes:
        """Tell the items that are complete to their ends, and begin with the next one."""
        made = b""
        while len(self._waiting) > 1 and _is_complete(self._waiting[0]):
            made += self._close(self._waiting.popleft(), "completed")
            made += self._begin(self._waiting[0])
        return made

    def _begin(self, block: Block) -> bytes:
        block.number = number = len(self.done)
        if not self._shown(block):
            return b""
        made = self._script.event(
            "response.output_item.added", output_index=number, item=block.blank(self._outline, number)
        )
        for part, run in enumerate(block.runs):
            made += self._open(block, part)
            if run is not block.runs[-1]:
                made += run.close()
        return made

    def _open(self, block: Block, part: int) -> bytes:
        number = len(self.done)
        run = block.runs[part]
        self.live = run
        return run.open(self._script, self._outline.item_id(block.kind, number), number, part)

    def _close(self, block: Block, status: str) -> bytes:
        self.live = None
        number = len(self.done)
        item = block.item(self._outline, number, status)
        if item is None:
            return b""
        self.done.append(item)
        made = b""
        if self._shown(block):
            made = block.runs[-1].close(**({"name": item["name"]} if block.kind == "fc" else {}))
        else:
            made = self._script.event(
                "response.output_item.added", output_index=number, item=block.blank(self._outline, number)
            )
        return made + self._script.event("response.output_item.done", output_index=number, item=item)

    def _shown(self, block: Block) -> bool:
        """Whether it is told as it comes; thinking that is only sealed is not."""
        return block.kind != "rs" or self._outline.reasoning != "none"


def _is_complete(block: Block) -> bool:
    """Whether nothing more will come of an item that others wait for."""
    if block.complete or block.called is None:
        return block.complete
    run = block.runs[0]
    if run.pieces and run.pieces[-1].rstrip().endswith("}") and block.tries:
        block.tries -= 1
        block.complete = _is_json(run.text)
    return block.complete


def _is_json(text: str) -> bool:
    try:
        codec.glance(text)
    except ValueError:
        return False
    return True
