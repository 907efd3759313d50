"""An answer in pieces: `chat.completion.chunk` objects, one token each, and the ways in which they may be odd."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

from proxy.emulator import tokens
from proxy.emulator.answers import Completion, Reply
from proxy.emulator.behaviour import Behaviour

Chunk = dict[str, Any]


def chunks(completion: Completion, behaviour: Behaviour, *, usage_asked: bool) -> Iterator[Chunk]:
    """Every chunk of the stream, in order, with the quirks of the scenario."""
    made = _with_usage(_chunks(completion, behaviour), completion.usage, behaviour, usage_asked=usage_asked)
    for quirk in behaviour.chunks:
        made = QUIRKS[quirk](made)
    return iter(made)


def _frame(completion: Completion) -> Chunk:
    frame = {
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
    }
    return frame if completion.fingerprint is None else {**frame, "system_fingerprint": completion.fingerprint}


def _chunks(completion: Completion, behaviour: Behaviour) -> Iterator[Chunk]:
    frame = _frame(completion)
    parts = [_choice(completion, index, reply, behaviour) for index, reply in enumerate(completion.replies)]
    for abreast in zip_longest(*parts):  # several choices come interleaved
        for choice in abreast:
            if choice is not None:
                yield {**frame, "choices": [choice]}


def _choice(completion: Completion, index: int, reply: Reply, behaviour: Behaviour) -> Iterator[dict[str, Any]]:
    def part(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"index": index, "delta": delta, "finish_reason": finish}

    yield part({"role": "assistant", "content": ""})
    for token in reply.reasoning:
        yield part({behaviour.reasoning: token})
    for token in reply.content:
        one = part({"content": token})
        if completion.top_logprobs is not None:
            one["logprobs"] = tokens.logprobs([token], completion.top_logprobs)
        yield one
    for place, call in enumerate(reply.calls):
        opening = {"index": place, "id": call.id, "type": "function"}
        yield part({"tool_calls": [{**opening, "function": {"name": call.name, "arguments": ""}}]})
        for piece in call.pieces:
            yield part({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    yield part({}, behaviour.finished(reply.finish))


def _with_usage(
    made: Iterable[Chunk], usage: dict[str, Any], behaviour: Behaviour, *, usage_asked: bool
) -> Iterator[Chunk]:
    how = behaviour.usage
    last: Chunk = {}
    for chunk in made:
        finishing = chunk["choices"][0]["finish_reason"] is not None
        last = {**chunk, "usage": usage} if how == "every" or (how == "twice" and finishing) else chunk
        yield last
    if how in {"always", "twice"} or (how in {"asked", "every"} and usage_asked):
        yield {**last, "choices": [], "usage": usage}


def _deltas(chunk: Chunk) -> Iterator[dict[str, Any]]:
    for choice in chunk["choices"]:
        yield choice["delta"]


def _minimal(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """No id, object, created, index or role; the end is called `eos`."""
    for chunk in made:
        kept = {key: value for key, value in chunk.items() if key not in {"id", "object", "created"}}
        for choice in kept["choices"]:
            del choice["index"]
            choice["delta"].pop("role", None)
            if choice["finish_reason"] == "stop":
                choice["finish_reason"] = "eos"
        yield kept


def _no_role(made: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in made:
        for delta in _deltas(chunk):
            delta.pop("role", None)
        yield chunk


def _no_delta(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """The finishing choice has no delta."""
    for chunk in made:
        for choice in chunk["choices"]:
            if choice["finish_reason"] is not None:
                del choice["delta"]
        yield chunk


def _empty_choices(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """A chunk without choices before the first and after the second one."""
    for place, chunk in enumerate(made):
        if place in {0, 2}:
            yield {**chunk, "choices": []}
        yield chunk


def _null_choices(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """A chunk whose choices are null, and one that has none, before the first."""
    for place, chunk in enumerate(made):
        if place == 0:
            yield {**chunk, "choices": None}
            yield {key: value for key, value in chunk.items() if key != "choices"}
        yield chunk


def _content_list(made: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in made:
        for delta in _deltas(chunk):
            if delta.get("content"):
                delta["content"] = [{"type": "text", "text": delta["content"]}]
        yield chunk


def _error_null(made: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in made:
        yield {**chunk, "error": None}


def _tool_calls(chunk: Chunk) -> Iterator[dict[str, Any]]:
    for delta in _deltas(chunk):
        yield from delta.get("tool_calls", ())


def _tool_repeat_ids(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """Id, type and name stand in every delta of a call."""
    known: dict[int, dict[str, Any]] = {}
    for chunk in made:
        for call in _tool_calls(chunk):
            first = known.setdefault(call["index"], call)
            call |= {"id": first["id"], "type": first["type"]}
            call["function"] = {"name": first["function"]["name"], **call["function"]}
        yield chunk


def _tool_null_fields(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """Later deltas of a call carry id, type and name as null."""
    for chunk in made:
        for call in _tool_calls(chunk):
            if "id" not in call:
                call |= {"id": None, "type": None, "function": {"name": None, **call["function"]}}
        yield chunk


def _tool_no_index(made: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in made:
        for call in _tool_calls(chunk):
            del call["index"]
        yield chunk


def _tool_garbled(made: Iterable[Chunk]) -> Iterator[Chunk]:
    """Pieces of the arguments overlap: each starts with the end of the one before (seen with GLM-5.2 in June 2026)."""
    before = ""
    for chunk in made:
        for call in _tool_calls(chunk):
            piece = call["function"]["arguments"]
            call["function"]["arguments"] = before[-3:] + piece
            before = piece
        yield chunk


QUIRKS: Mapping[str, Callable[[Iterable[Chunk]], Iterator[Chunk]]] = MappingProxyType(
    {
        "minimal": _minimal,
        "no-role": _no_role,
        "no-delta": _no_delta,
        "empty-choices": _empty_choices,
        "null-choices": _null_choices,
        "content-list": _content_list,
        "error-null": _error_null,
        "tool-repeat-ids": _tool_repeat_ids,
        "tool-null-fields": _tool_null_fields,
        "tool-no-index": _tool_no_index,
        "tool-garbled": _tool_garbled,
    }
)
"""Each takes the chunks and gives others; where a scenario names several, they are applied one after the other."""
