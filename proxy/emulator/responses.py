"""What the emulated Responses endpoint answers: OpenAI's objects and events, whatever is odd about them.

Published are one sample of an answer and that streams match OpenAI's. The good day is all of OpenAI's API: complete
objects, every event, no `[DONE]`. Each doubt is a row of WHOLE or QUIRKS, or a word that is looked for here (`bare`,
`done`, `summaries`, `unnamed`, `untyped`), and a scenario switches it on.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.emulator import tokens, wire
from proxy.emulator.answers import Completion, Reply
from proxy.emulator.behaviour import Behaviour

Request = Mapping[str, Any]
Item = dict[str, Any]

DONE = b"data: [DONE]\n\n"


class Answer:
    """One answer: as a whole, or in events."""

    def __init__(self, completion: Completion, request: Request, behaviour: Behaviour) -> None:
        self._completion, self._request, self._behaviour = completion, request, behaviour
        [self._reply] = completion.replies
        self._suffix = completion.id.removeprefix("chatcmpl-")

    def whole(self) -> dict[str, Any]:
        """The response."""
        cut = self._reply.finish == "length"
        response = self._response("incomplete" if cut else "completed", [item for item, _ in self._told()])
        if cut:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        if self._behaviour.usage != "missing":
            response["usage"] = self._usage()
        for quirk in self._behaviour.responses:
            if quirk in WHOLE:
                WHOLE[quirk](response)
        return response

    def frames(self) -> list[bytes]:
        """Its events as they are written."""
        behaviour, told = self._behaviour, self._events()
        for quirk in behaviour.responses:
            if quirk in QUIRKS:
                told = QUIRKS[quirk](told)
        made = [_frame({**event, "sequence_number": number}, behaviour) for number, event in enumerate(told)]
        return [*made, DONE] if "done" in behaviour.responses else made

    def _response(self, status: str, output: list[Item]) -> dict[str, Any]:
        asked, completion = self._request, self._completion
        return {
            "id": f"resp_{self._suffix}",
            "object": "response",
            "created_at": completion.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": asked.get("instructions"),
            "max_output_tokens": asked.get("max_output_tokens"),
            "model": completion.model,
            "output": output,
            "parallel_tool_calls": asked.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **asked.get("reasoning", {})},
            "store": False,
            "temperature": asked.get("temperature", 1.0),
            "text": asked.get("text", {"format": {"type": "text"}}),
            "tool_choice": asked.get("tool_choice", "auto"),
            "tools": asked.get("tools", []),
            "top_p": asked.get("top_p", 1.0),
            "truncation": "disabled",
            "usage": None,
            "metadata": {},
        }

    def _usage(self) -> dict[str, Any]:
        usage = self._completion.usage
        return {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {**usage["prompt_tokens_details"], "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": dict(usage["completion_tokens_details"]),
            "total_tokens": usage["total_tokens"],
        }

    def _told(self) -> list[tuple[Item, tuple[str, ...]]]:
        """The items of the output, each with the pieces that its text comes in."""
        reply = self._reply
        told = [(self._thinking(reply), reply.reasoning)] if reply.reasoning else []
        if reply.content or not (reply.calls or reply.finish == "length"):
            told.append((self._message(reply), reply.content))
        for place, call in enumerate(reply.calls):
            known_as = f"fc_{self._suffix}{place}"
            item = {"id": known_as, "type": "function_call", "status": "completed", "call_id": call.id}
            told.append(({**item, "name": call.name, "arguments": call.arguments}, call.pieces))
        if told and reply.finish == "length":
            told[-1][0]["status"] = "incomplete"
        return told

    def _thinking(self, reply: Reply) -> Item:
        kind, place = ("summary_text", "summary") if self._summarises else ("reasoning_text", "content")
        parts = [{"type": kind, "text": "".join(reply.reasoning)}]
        item: Item = {"id": f"rs_{self._suffix}", "type": "reasoning", "status": "completed", "summary": []}
        return {**item, place: parts, "encrypted_content": "Z2liYmVyaXNo"}

    @property
    def _summarises(self) -> bool:
        return "summaries" in self._behaviour.responses

    def _message(self, reply: Reply) -> Item:
        part: Item = {"type": "output_text", "text": "".join(reply.content), "annotations": [], "logprobs": []}
        part["logprobs"] = self._logprobs(reply.content)
        item: Item = {"id": f"msg_{self._suffix}", "type": "message", "status": "completed", "role": "assistant"}
        return {**item, "content": [part]}

    def _logprobs(self, said: Iterable[str]) -> list[Any]:
        most = self._completion.top_logprobs
        return [] if most is None else list(tokens.logprobs(list(said), most)["content"])

    def _events(self) -> list[Item]:
        begun = self._response("in_progress", [])
        made: list[Item] = [{"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")]
        for place, (item, pieces) in enumerate(self._told()):
            made += self._of_item(item, pieces, place)
        end = "incomplete" if self._reply.finish == "length" else "completed"
        return [*made, {"type": f"response.{end}", "response": self.whole()}]

    def _of_item(self, item: Item, pieces: Iterable[str], place: int) -> list[Item]:
        about = {"item_id": item["id"], "output_index": place}
        if item["type"] == "function_call":
            blank, inside = {**item, "arguments": ""}, self._arguments(item, pieces, about)
        else:
            field = "summary" if item.get("summary") else "content"
            blank, inside = {**item, field: []}, self._text(item[field][0], pieces, about)
        added = {
            "type": "response.output_item.added",
            "output_index": place,
            "item": {**blank, "status": "in_progress"},
        }
        return [added, *inside, {"type": "response.output_item.done", "output_index": place, "item": item}]

    def _arguments(self, item: Item, pieces: Iterable[str], about: Item) -> list[Item]:
        kind = "response.function_call_arguments"
        made = [{"type": f"{kind}.delta", **about, "delta": piece} for piece in pieces]
        return [*made, {"type": f"{kind}.done", **about, "name": item["name"], "arguments": item["arguments"]}]

    def _text(self, part: Item, pieces: Iterable[str], about: Item) -> list[Item]:
        name, around, counter = _NAMES[part["type"]]
        about = {**about, counter: 0}
        blank = {**part, "text": "", **({"logprobs": []} if "logprobs" in part else {})}
        made: list[Item] = [{"type": f"response.{around}.added", **about, "part": blank}]
        for piece in pieces:
            more = {"logprobs": self._logprobs([piece])} if name == "output_text" else {}
            made.append({"type": f"response.{name}.delta", **about, "delta": piece, **more})
        more = {"logprobs": part["logprobs"]} if name == "output_text" else {}
        made.append({"type": f"response.{name}.done", **about, "text": part["text"], **more})
        return [*made, {"type": f"response.{around}.done", **about, "part": part}]


_NAMES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "output_text": ("output_text", "content_part", "content_index"),
        "reasoning_text": ("reasoning_text", "content_part", "content_index"),
        "summary_text": ("reasoning_summary_text", "reasoning_summary_part", "summary_index"),
    }
)
"""Types of parts -> the names of their events, of the events around them, and of what counts them."""


def _frame(event: Item, behaviour: Behaviour) -> bytes:
    if "bare" in behaviour.responses:
        event = {name: value for name, value in event.items() if name not in {"sequence_number", "item_id", "logprobs"}}
    name = b"event: %b\n" % event["type"].encode()
    if "untyped" in behaviour.responses:
        event = {key: value for key, value in event.items() if key != "type"}
    data = b"data: %b\n\n" % wire.encode(event, behaviour)
    framed = data if "unnamed" in behaviour.responses else name + data
    return framed.replace(b"\n", behaviour.newline.encode())


def _sample(response: Item) -> None:
    """Nothing but what the published sample has."""
    kept = ("id", "object", "created_at", "status", "model", "output", "usage")
    for name in [name for name in response if name not in kept]:
        del response[name]
    if response.get("usage") is None:
        response.pop("usage", None)
    else:
        response["usage"] = {name: value for name, value in response["usage"].items() if type(value) is int}
    response["output"] = [_bare(item) for item in response["output"]]


def _bare(item: Item) -> Item:
    """An item without its status, and its texts without what is usually empty."""
    bare = {name: value for name, value in item.items() if name != "status"}
    if "content" in bare:
        bare["content"] = [{"type": part["type"], "text": part["text"]} for part in bare["content"]]
    return bare


def _minimal(response: Item) -> None:
    """No id, no time, no model; neither have the items an id."""
    for name in ("id", "object", "created_at", "model", "status"):
        response.pop(name, None)
    for item in response["output"]:
        item.pop("id")


WHOLE: Mapping[str, Callable[[Item], None]] = MappingProxyType({"sample": _sample, "minimal": _minimal})
"""Each changes the response in place."""


def _no_parts(told: list[Item]) -> list[Item]:
    return [event for event in told if "_part." not in event["type"]]


def _unannounced(told: list[Item]) -> list[Item]:
    return [event for event in _no_parts(told) if event["type"] != "response.output_item.added"]


def _no_end(told: list[Item]) -> list[Item]:
    return told[:-1]


def _empty_end(told: list[Item]) -> list[Item]:
    """The last event repeats nothing of what was said."""
    last = told[-1]
    return [*told[:-1], {**last, "response": {**last["response"], "output": [], "usage": None}}]


def _other_names(told: list[Item]) -> list[Item]:
    """Events of thinking as some servers call them, with the parts announced."""
    return [{**event, "type": event["type"].replace("reasoning_text", "reasoning")} for event in told]


QUIRKS: Mapping[str, Callable[[list[Item]], list[Item]]] = MappingProxyType(
    {
        "no-parts": _no_parts,
        "unannounced": _unannounced,
        "no-end": _no_end,
        "empty-end": _empty_end,
        "other-names": _other_names,
    }
)
"""Each takes the events and gives others."""
