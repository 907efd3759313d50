"""The request to Telnyx's own Responses API, for models that are asked there.

Published are model, input, instructions, stream, reasoning.effort, service_tier, region and mode, and that other fields
may be sent; what else there is goes under OpenAI's names. Telnyx keeps nothing for us: what was said before is sent
along. Tools are functions there, too, as far as is known, so custom tools and namespaces are translated as for chat.
Source: the OpenAPI document of `POST /ai/openai/responses`, https://developers.telnyx.com.
"""

from collections.abc import Mapping
from typing import Any

from proxy import codec
from proxy.translation.responses.contents import IMAGES, TEXTS
from proxy.translation.responses.conversation import checked, summary, thoughts
from proxy.translation.responses.draft import ResponseDraft
from proxy.translation.responses.formats import LOGPROBS
from proxy.translation.responses.items import HOSTED, not_found
from proxy.translation.responses.outline import Item

NOT_SENT = frozenset({
    "messages", "tools", "response_format", "max_tokens", "reasoning_effort", "stream_options", "logprobs",
})  # fmt: skip
"""Fields of the chat request that have another place or form in the Responses API."""


def texts(draft: ResponseDraft) -> list[dict[str, Any]]:
    """All that is said as one message: it is never sent, but the size of what is sent is estimated from it."""
    said = [draft.source.get("instructions") or ""]
    for _, item in checked(draft):
        if item["type"] in HOSTED:
            continue
        for content in (item.get("content"), item.get("output")):
            for part in [{"type": "text", "text": content}] if type(content) is str else content or ():
                said.append(part["text"] if part["type"] in TEXTS else "")
                draft.expects.images += part["type"] in IMAGES
        said += [item[name] for name in ("arguments", "input") if item["type"].endswith("_call") and name in item]
    return [{"role": "user", "content": "".join(said)}]


def request(draft: ResponseDraft, body: Mapping[str, Any]) -> dict[str, Any]:
    """Telnyx's body, from the chat request that has the same meaning. Raises InvalidRequest for an item unknown."""
    sent = {name: value for name, value in body.items() if name not in NOT_SENT}
    sent["input"] = [made for at, item in checked(draft) for made in _item(draft, at, item)]
    if draft.source.get("instructions"):
        sent["instructions"] = draft.source["instructions"]
    if "tools" in body:
        sent["tools"] = [_tool(tool) for tool in body["tools"]]
    if draft.source.get("parallel_tool_calls") is False:
        sent["parallel_tool_calls"] = False
    if "max_tokens" in body:
        sent["max_output_tokens"] = body["max_tokens"]
    if "reasoning_effort" in body:
        sent["reasoning"] = {"effort": body["reasoning_effort"]}
    if "response_format" in body:
        sent["text"] = {"format": _format(body["response_format"])}
    if "logprobs" in body:
        sent["include"] = [LOGPROBS]
    return sent


def _format(form: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": form["type"], **form.get("json_schema", {})}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool of chat, flat again."""
    if tool["type"] == "function":
        return {"type": "function", **tool["function"]}
    search = {"type": "file_search", "vector_store_ids": tool["retrieval"]["bucket_ids"]}
    results = tool["retrieval"].get("max_num_results")
    return search if results is None else {**search, "max_num_results": results}


def _item(draft: ResponseDraft, at: str, item: Item) -> list[Item]:
    """What of an item goes on: ids that this proxy made up for what the client said do not."""
    kind = item["type"]
    if kind in HOSTED:
        draft.note_once("dropped", f"input[].{kind}", HOSTED[kind][1])
        return []
    if kind == "item_reference":
        raise not_found(at, item["id"])
    if kind == "reasoning":
        return _reasoning(draft, item)
    if kind == "compaction":
        content = summary(draft, at, item)
        return [{"type": "message", "role": "user", "content": content}] if content else []
    if kind in {"function_call", "custom_tool_call"}:
        return [_call(draft, item)]
    if kind.endswith("_output"):
        return [{"type": "function_call_output", "call_id": item["call_id"], "output": item["output"]}]
    return [item if item["role"] == "assistant" else _asked(draft, item)]


def _asked(draft: ResponseDraft, item: Item) -> Item:
    sent = {key: item[key] for key in item if key != "id"}
    if item["role"] == "developer":
        draft.note_once("converted", "input[].role", "Telnyx's name for developer is system.")
        sent["role"] = "system"
    return sent


def _call(draft: ResponseDraft, item: Item) -> Item:
    namespace, name = item.get("namespace"), item["name"]
    arguments = item["arguments"] if "arguments" in item else codec.encode_text({"input": item["input"]})
    return {
        "type": "function_call",
        **({"id": item["id"]} if item.get("id") else {}),
        "call_id": item["call_id"],
        "name": draft.names.flat(namespace, name) if namespace else name,
        "arguments": arguments or "{}",
    }


def _reasoning(draft: ResponseDraft, item: Item) -> list[Item]:
    """What was thought, readable: nobody but this proxy can open its seal."""
    text = thoughts(draft, item)
    if not text:
        return []
    content = [{"type": "reasoning_text", "text": text}]
    return [{"type": "reasoning", "id": item.get("id") or "rs_0", "summary": [], "content": content}]
