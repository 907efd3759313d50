"""What the emulated model says. It understands nothing: it repeats what it was told, in the form that it was asked for.

Deterministic: the same request is answered with the same words, tool calls, token counts and probabilities.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.emulator import catalogue, refusals, tokens
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.catalogue import Model
from proxy.emulator.conforming import conforming
from proxy.emulator.patterns import matching
from proxy.emulator.tools import Call, calls, chosen, text_of

Request = Mapping[str, Any]

_SENTENCES_BY_EFFORT = {"none": 0, "minimal": 1, "low": 1, "medium": 2, "high": 3, "xhigh": 4, "max": 5}

_SCHEMA_IN_WORDS = re.compile(r"json[ _]schema\b[^{]*(\{.*)", re.IGNORECASE | re.DOTALL)

_VIOLATION = '["this does not follow the schema"]'


@dataclass(frozen=True)
class Reply:
    """One choice: the tokens of its thoughts, its text and its calls, and OpenAI's reason for its end."""

    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: str

    @property
    def size(self) -> int:
        """Output tokens."""
        return len(self.reasoning) + len(self.content) + sum(len(call.pieces) for call in self.calls)


@dataclass(frozen=True)
class Completion:
    """All choices of one answer with what stands around them.

    Attributes:
        top_logprobs: how many alternatives each token shows, None for no probabilities at all.
        fingerprint: `system_fingerprint`, where a seed was given.
    """

    id: str
    created: int
    model: str
    replies: tuple[Reply, ...]
    usage: dict[str, Any]
    top_logprobs: int | None
    fingerprint: str | None


def compose(request: Request, model: Model, behaviour: Behaviour, *, identity: str, created: int) -> Completion:
    """The answer to a valid request. `identity` tells this request from others. Raises conforming.Unsupported."""
    count = int(request.get("n", 1))
    replies = tuple(_reply(request, model, behaviour, f"{identity}/{index}", index) for index in range(count))
    seed = request.get("seed")
    return Completion(
        id=f"chatcmpl-{_digest(identity)[:24]}",
        created=created,
        model=model.id,
        replies=replies,
        usage=_usage(request, replies, behaviour),
        top_logprobs=request.get("top_logprobs", 0) if request.get("logprobs") else None,
        fingerprint=None if seed is None else f"fp_{_digest(f'{model.id}/{seed}')[:10]}",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reply(request: Request, model: Model, behaviour: Behaviour, seed: str, index: int) -> Reply:
    messages = request["messages"]
    functions = chosen(refusals.function_tools(request), messages, request.get("tool_choice", "auto"))
    thoughts = _thoughts(request, model)
    called = calls(functions, seed)
    text, finish = ("", "tool_calls") if called else _stopped(_text(request, behaviour, index), request)
    if behaviour.reasoning == "think" and thoughts:
        text, thoughts = f"<think>\n{thoughts}\n</think>\n\n{text}", ""
    room = _room(request, model, behaviour)
    reasoning, room = tokens.cut(tokens.pieces(thoughts), room)
    content, room = tokens.cut(tokens.pieces(text), room)
    kept: list[Call] = []
    for call in called:
        pieces, left = tokens.cut(call.pieces, room)
        kept += [Call(call.id, call.name, tuple(pieces))] if room > 0 else []
        room = left
    return Reply(tuple(reasoning), tuple(content), tuple(kept), "length" if room < 0 else finish)


def _room(request: Request, model: Model, behaviour: Behaviour) -> int:
    """The most output tokens: what the request asks for or the default, and never more than the model can."""
    if behaviour.words or behaviour.bytes:
        return behaviour.words + behaviour.bytes + catalogue.DEFAULT_CAP  # an answer of a given size is not cut
    cap = refusals.cap(request)
    return catalogue.cap_of(model) if cap is None else min(cap, model.cap or cap)


def _thoughts(request: Request, model: Model) -> str:
    if not model.reasons or not request.get("enable_thinking", True):
        return ""
    sentences = _SENTENCES_BY_EFFORT[request.get("reasoning_effort", "medium")]
    known = (
        "The user wants an answer.",
        "I repeat what was said.",
        "It must be exact.",
        "Nothing is missing.",
        "Done.",
    )
    return " ".join(known[:sentences])


def _stopped(text: str, request: Request) -> tuple[str, str]:
    """The text up to the first stop sequence, without it."""
    stop = request.get("stop", [])
    sequences = [stop] if isinstance(stop, str) else stop
    places = [text.find(sequence) for sequence in sequences if sequence and sequence in text]
    return text[: min(places, default=len(text))], "stop"


def _text(request: Request, behaviour: Behaviour, index: int) -> str:
    if behaviour.bytes:
        return _long(behaviour.bytes, spaced=behaviour.spaced)
    if behaviour.words:
        return " ".join(f"word{place}" for place in range(1, behaviour.words + 1))
    if behaviour.answer:
        return behaviour.answer
    structured = _structured(request, behaviour)
    if structured is not None:
        return structured
    return _plain(request) + (f" (choice {index + 1})" if index else "")


def _long(size: int, *, spaced: bool) -> str:
    if not spaced:
        return "x" * size
    word = "x" * 1023 + " "
    return (word * (size // len(word) + 1))[:size]


def _structured(request: Request, behaviour: Behaviour) -> str | None:
    """The text where the request asks for a form, None where it does not."""
    if request.get("guided_choice"):
        return str(request["guided_choice"][0])
    if "guided_regex" in request:
        return matching(request["guided_regex"])
    kind = refusals.response_kind(request)
    told = _told(request["messages"])
    if "guided_json" in request:
        value = conforming(request["guided_json"])
    elif kind == "json_schema" and "schema" in request["response_format"]["json_schema"]:
        value = conforming(request["response_format"]["json_schema"]["schema"])
    elif told is not None:
        value = conforming(told)
    elif kind in {"json_object", "json_schema"}:
        value = {"answer": _plain(request)}
    else:
        return None
    text = _VIOLATION if behaviour.json == "violated" else json.dumps(value, ensure_ascii=False)
    return f"```json\n{text}\n```" if behaviour.json == "fenced" else text


def _told(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The JSON schema that a system message asks for in words, as applications do where nothing else is understood."""
    for message in messages:
        words = _SCHEMA_IN_WORDS.search(text_of(message)) if message["role"] == "system" else None
        if words:
            with contextlib.suppress(json.JSONDecodeError):
                schema, _ = json.JSONDecoder().raw_decode(words[1])
                return dict(schema)
    return None


def _plain(request: Request) -> str:
    """The echo: of what the tools answered if they spoke last, else of what the user said."""
    messages = request["messages"]
    results = _last_tool_results(messages)
    if results:
        return f"The tool answered: {' '.join(results)}"
    last: Mapping[str, Any] = next((message for message in reversed(messages) if message["role"] == "user"), {})
    return f"You said: {text_of(last) or 'nothing'}{_seen(last)}{_looked_up(request)}"


def _last_tool_results(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, text_of(message))
    return results


def _parts(message: Mapping[str, Any], kind: str) -> int:
    content = message.get("content")
    return sum(part["type"] == kind for part in content) if isinstance(content, list) else 0


def _seen(message: Mapping[str, Any]) -> str:
    """How many images and recordings came with the text."""
    counts = [(_parts(message, "image_url"), "image"), (_parts(message, "audio_url"), "recording")]
    return "".join(f" [{count} {noun}{'s' * (count > 1)}]" for count, noun in counts if count)


def _looked_up(request: Request) -> str:
    """The buckets of Telnyx's retrieval tools."""
    tools = [tool["retrieval"] for tool in request.get("tools", []) if tool["type"] == "retrieval"]
    buckets = [bucket for retrieval in tools for bucket in retrieval["bucket_ids"]]
    return f" [looked up in {', '.join(buckets)}]" if buckets else ""


def _usage(request: Request, replies: Sequence[Reply], behaviour: Behaviour) -> dict[str, Any]:
    prompt = sum(
        tokens.PER_MESSAGE + tokens.count(text_of(message)) + tokens.PER_IMAGE * _parts(message, "image_url")
        for message in request["messages"]
    )
    prompt += tokens.count(json.dumps(request.get("tools") or ""))
    completion = sum(reply.size for reply in replies)
    thought = sum(len(reply.reasoning) for reply in replies)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": behaviour.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
