"""A whole chat completion -> the response object: what a chat client would have been told, in other words.

Everything odd about Telnyx's answers ends in `translation.answers`; what comes out of it is retold here. The order of
the items is the one in which models speak: thinking, text, calls.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proxy import codec
from proxy.errors import ProxyError
from proxy.translation import answers
from proxy.translation.answers import Answer, Identity
from proxy.translation.responses import output
from proxy.translation.responses.outline import Item, Outline
from proxy.translation.rules import Expectation


class Telling:
    """One whole answer. It is made for one request.

    Args:
        outline: the response before it has an output.
        now: Unix seconds, for `completed_at`.

    Attributes:
        response: the response object, as it will be shown; None until there is an answer.
    """

    __slots__ = ("_now", "_outline", "response")

    def __init__(self, outline: Outline, now: Callable[[], int]) -> None:
        self._outline = outline
        self._now = now
        self.response: dict[str, Any] | None = None

    def answer(self, raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:
        """The body of a 200 from Telnyx as a response. Raises what `translation.answers` raises."""
        told = answers.answer(raw, expects, identity, model)
        outline = self._outline
        outline.model = told.model
        choice = codec.decode(told.body)["choices"][0]
        reason = choice["finish_reason"]
        said = items(outline, choice, reason)
        self.response = output.ended(outline, reason, said, told.usage, self._now())
        return replace(told, body=codec.encode(self.response))

    def shown(self, kept: bool) -> bytes:  # noqa: FBT001 - a fact, no mode
        """The body. Where the response was to be stored and could not be, it says so: `"store": false`."""
        response = {} if self.response is None else self.response
        if not kept:
            response["store"] = False
        return codec.encode(response)

    def cancel(self) -> None:
        """It was cancelled meanwhile."""
        self.response = output.cancelled(self.response or {})

    def failed(self, error: ProxyError) -> dict[str, Any]:
        """The response object where there is no answer, for those who ask for it later."""
        self.response = output.failed(self._outline, error, [])
        return self.response


def items(outline: Outline, choice: dict[str, Any], reason: Any) -> list[Item]:
    """The output items of a choice as `translation.answers` leaves it; the last one may be cut short."""
    told = choice["message"]
    parts = _parts(outline, choice)
    made = told.get("tool_calls") or []
    if not (parts or made) and output.status(reason) == "completed":
        parts.append(output.text_part("", []))  # applications look into the first message
    thought, said = told.get("reasoning_content"), []
    if type(thought) is str and thought:
        item = output.reasoning(outline, outline.item_id("rs", 0), "completed", thought)
        said = [] if item is None else [item]
    if parts:
        said.append(output.message(outline.item_id("msg", len(said)), "completed", parts))
    for entry in made:
        said.append(output.call(outline, len(said), "completed", output.named(entry)))
    if said:
        said[-1]["status"] = output.status(reason)
    return said


def _parts(outline: Outline, choice: dict[str, Any]) -> list[Item]:
    """The parts of the message: text, then a refusal; none where the model said neither."""
    told = choice["message"]
    content, refusal = told["content"], told["refusal"]
    parts = []
    if content:
        cited = output.citations(told.get("annotations"))
        parts.append(output.text_part(content, output.logprobs(outline, choice["logprobs"]), cited))
    if type(refusal) is str and refusal:
        parts.append(output.refusal_part(refusal))
    return parts
