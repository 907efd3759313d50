"""What a response object is made of besides its outline: output items, their parts, usage, and how it ended.

Whole answers and streams make them here, and so does what is told of Telnyx's own Responses API.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from proxy.errors import ProxyError
from proxy.translation.responses.outline import Item, Outline
from proxy.usage import Usage

CODES = frozenset({
    "server_error", "rate_limit_exceeded", "invalid_prompt", "data_residency_mismatch", "bio_policy",
    "misalignment_policy_violation", "vector_store_timeout", "invalid_image", "invalid_image_format",
    "invalid_base64_image", "invalid_image_url", "image_too_large", "image_too_small", "image_parse_error",
    "image_content_policy_violation", "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type",
    "empty_image_file", "failed_to_download_image", "image_file_not_found",
})  # fmt: skip
"""The values of `error.code` of a response; client libraries know no others."""
CODE_OF = MappingProxyType(
    {400: "invalid_prompt", 413: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}
)
"""Statuses of errors -> the code that comes nearest; any other status is a server's error."""
INCOMPLETE: Mapping[str, str] = MappingProxyType({"length": "max_output_tokens", "content_filter": "content_filter"})
"""Finish reasons of an answer that is a beginning only -> `incomplete_details.reason`."""


_CITED = (("start_index", int), ("end_index", int), ("url", str), ("title", str))
"""What a citation of a chat completion holds, and of which types: client libraries want all of it."""


def text_part(text: str, logprobs: list[Any], annotations: Sequence[Item] = ()) -> Item:
    """A part of a message that is text."""
    return {"type": "output_text", "text": text, "annotations": [*annotations], "logprobs": logprobs}


def citations(given: Any) -> list[Item]:
    """The `annotations` of a chat message as those of a text: citations of addresses, for chat knows no others."""
    found = []
    for entry in given if type(given) is list else ():
        cited = entry.get("url_citation") if type(entry) is dict else None
        if type(cited) is dict and all(type(cited.get(name)) is kind for name, kind in _CITED):
            found.append({"type": "url_citation", **{name: cited[name] for name, _ in _CITED}})
    return found


def refusal_part(text: str) -> Item:
    """A part of a message that says why the model will not answer."""
    return {"type": "refusal", "refusal": text}


def message(known_as: str, status: str, content: list[Item]) -> Item:
    """An item that is text or a refusal, in parts."""
    return {"id": known_as, "type": "message", "status": status, "role": "assistant", "content": content}


def named(entry: Mapping[str, Any]) -> Item:
    """What a tool call of a chat completion holds: `call_id`, `name`, and `arguments` or, if it is custom, `input`."""
    kind, told = ("custom", "input") if entry["type"] == "custom" else ("function", "arguments")
    return {"call_id": entry["id"], "name": entry[kind]["name"], told: entry[kind][told]}


def call(outline: Outline, number: int, status: str, made: Mapping[str, Any]) -> Item:
    """An item that is a tool call, as `named`, in its place of the output."""
    prefix, kind, told = (
        ("ctc", "custom_tool_call", "input") if "input" in made else ("fc", "function_call", "arguments")
    )
    item = {"id": outline.item_id(prefix, number), "type": kind, "status": status, "call_id": made["call_id"]}
    name = made["name"]
    if name in outline.namespaces:
        item["namespace"], name = outline.namespaces[name]
    return {**item, "name": name, told: made[told]}


def reasoning(outline: Outline, known_as: str, status: str, text: str) -> Item | None:
    """An item that is thinking; None where nothing of it can be told."""
    item: Item = {"id": known_as, "type": "reasoning", "status": status, "summary": []}
    if outline.reasoning == "text":
        item["content"] = [{"type": "reasoning_text", "text": text}]
    elif outline.reasoning == "summary":
        item["summary"] = [{"type": "summary_text", "text": text}]
    sealed = outline.seal(text) if outline.encrypt else ""
    if sealed:
        item["encrypted_content"] = sealed
    return item if sealed or outline.reasoning != "none" else None


def logprobs(outline: Outline, given: Any) -> list[Item]:
    """The log probabilities of a choice (`{"content": [...]}`) as a part of a message has them, if it has them."""
    entries = given.get("content") if outline.logprobs and type(given) is dict else None
    if type(entries) is not list:
        return []
    made = []
    for entry in entries:
        token = _token(entry)
        if token is not None:
            best = entry.get("top_logprobs")
            others = [_token(other) for other in best] if type(best) is list else []
            made.append({**token, "top_logprobs": [other for other in others if other is not None]})
    return made


def _token(entry: Any) -> Item | None:
    """A token with its log probability; None for what is none. Client libraries want its bytes, servers may not."""
    if type(entry) is not dict:
        return None
    token, figure, spelled = entry.get("token"), entry.get("logprob"), entry.get("bytes")
    if type(token) is not str or type(figure) not in {int, float}:
        return None
    return {"token": token, "logprob": figure, "bytes": spelled if type(spelled) is list else list(token.encode())}


def usage(measured: Usage) -> Item:
    """`usage` of a response; all of it, because client libraries look for every figure."""
    return {
        "input_tokens": measured.input,
        "input_tokens_details": {
            "cached_tokens": measured.cached_input,
            "cache_write_tokens": measured.cache_write,
        },
        "output_tokens": measured.output,
        "output_tokens_details": {"reasoning_tokens": measured.reasoning},
        "total_tokens": measured.input + measured.output,
    }


def failure(error: ProxyError) -> Item:
    """`error` of a response that failed: one of CODES, and the words."""
    code = error.code if error.code in CODES else CODE_OF.get(error.status, "server_error")
    return {"code": code, "message": error.message}


def failed(outline: Outline, error: ProxyError, said: list[Item]) -> dict[str, Any]:
    """The response object of an answer that failed, with what was said before."""
    return outline.response("failed", said, error=failure(error))


def cancelled(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response object as that of one that was cancelled: what was said until then stays."""
    return {**response, "status": "cancelled", "completed_at": None, "error": None, "incomplete_details": None}


def ended(outline: Outline, reason: Any, said: list[Item], measured: Usage, now: int) -> dict[str, Any]:
    """The response object of an answer that came to its end; `reason` is the finish reason, `now` Unix seconds."""
    told = usage(measured)
    cut = INCOMPLETE.get(reason)
    if cut is not None:
        return outline.response("incomplete", said, incomplete_details={"reason": cut}, usage=told)
    return outline.response("completed", said, completed_at=now, usage=told)


def status(reason: Any) -> str:
    """The status of the last item of an answer that ended for `reason`; those before it are complete."""
    return "incomplete" if reason in INCOMPLETE else "completed"
