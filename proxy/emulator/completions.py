"""A whole answer: one `chat.completion` object, and the ways in which it was or may be seen to be incomplete."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.emulator import tokens
from proxy.emulator.answers import Completion, Reply
from proxy.emulator.behaviour import Behaviour

Answer = dict[str, Any]


def whole(completion: Completion, behaviour: Behaviour) -> Answer:
    """The answer as one object, with the quirks of the scenario."""
    answer: Answer = {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": [_choice(completion, index, reply, behaviour) for index, reply in enumerate(completion.replies)],
    }
    if behaviour.usage != "missing":
        answer["usage"] = completion.usage
    if completion.fingerprint is not None:
        answer["system_fingerprint"] = completion.fingerprint
    for quirk in behaviour.whole:
        QUIRKS[quirk](answer)
    return answer


def _choice(completion: Completion, index: int, reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": index,
        "message": _message(reply, behaviour),
        "finish_reason": behaviour.finished(reply.finish),
    }
    if completion.top_logprobs is not None:
        choice["logprobs"] = tokens.logprobs(reply.content, completion.top_logprobs)
    return choice


def _message(reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    text = "".join(reply.content)
    # content is null, not "", with tool calls and where thinking used up the budget (both seen live)
    message: dict[str, Any] = {"role": "assistant", "content": text if text or reply.finish == "stop" else None}
    if reply.reasoning:
        message[behaviour.reasoning] = "".join(reply.reasoning)
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    return message


def _minimal(answer: Answer) -> None:
    for key in ("id", "object", "created"):
        answer.pop(key, None)
    for choice in answer["choices"]:
        del choice["index"], choice["message"]["role"]


def _no_created(answer: Answer) -> None:
    del answer["created"]


def _content_list(answer: Answer) -> None:
    for choice in answer["choices"]:
        message = choice["message"]
        message["content"] = [{"type": "text", "text": message["content"] or ""}]


def _error_null(answer: Answer) -> None:
    answer["error"] = None


QUIRKS: Mapping[str, Callable[[Answer], None]] = MappingProxyType(
    {
        "minimal": _minimal,  # the published schema of the answer is an object with anything in it
        "no-created": _no_created,  # Telnyx's own sample answer has none
        "content-list": _content_list,
        "error-null": _error_null,
    }
)
"""Each changes the answer in place."""
