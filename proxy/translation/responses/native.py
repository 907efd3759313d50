"""What Telnyx's own Responses API answers -> the response object, complete.

Telnyx's sample leaves out most of it: the status of items, the annotations of texts, the details of the usage, and all
that repeats the request. Client libraries read these fields without asking. Names are the proxy's: of the response and
of its items, which have to be unlike any other tenant's.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed
from proxy.translation import calls, failures, metering
from proxy.translation.answers import Answer, Identity
from proxy.translation.conformance import Conformance
from proxy.translation.responses import output
from proxy.translation.responses.answer import Telling
from proxy.translation.responses.outline import Item, Outline
from proxy.translation.rules import Expectation
from proxy.usage import size

STATUSES = frozenset({"in_progress", "completed", "incomplete"})
PREFIXES: Mapping[str, str] = MappingProxyType({
    "message": "msg", "function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs", "web_search_call": "ws",
    "file_search_call": "fs", "code_interpreter_call": "ci", "mcp_call": "mcp", "image_generation_call": "ig",
})  # fmt: skip
"""Types of items -> how their ids begin."""
SUMMARISED: Mapping[str, str] = MappingProxyType({
    "response.reasoning_text.delta": "response.reasoning_summary_text.delta",
    "response.reasoning_text.done": "response.reasoning_summary_text.done",
    "response.content_part.added": "response.reasoning_summary_part.added",
    "response.content_part.done": "response.reasoning_summary_part.done",
})  # fmt: skip
"""Events of an item that is thinking, as text -> as a summary."""
OTHER = "item"
BROKEN = frozenset({"failed", "cancelled"})


class NativeTelling(Telling):
    """One whole answer of Telnyx's own Responses API. It is made for one request."""

    __slots__ = ()

    def answer(self, raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:  # noqa: ARG002
        """The body of a 200 from Telnyx as a response. Raises UpstreamFailed for what is none, and the error it is."""
        outline, value = self._outline, decoded(raw)
        outline.model = served(value, model)
        given = value.get("output")
        spoken = [item for item in given if type(item) is dict] if type(given) is list else []
        measured = metering.measure(value.get("usage"), expects.input_bytes, *sizes(spoken))
        self.response = settled(outline, value, items(outline, spoken), measured, self._now())
        return Answer(
            body=codec.encode(self.response),
            usage=measured,
            model=outline.model,
            violations=violations(self.response, expects),
            estimated=measured.source == "estimated",
        )


def decoded(raw: bytes) -> dict[str, Any]:
    """The response in a body. Raises the error that it is instead: a 200 that failed is no answer."""
    try:
        value = codec.decode(raw)
    except codec.NotJson:
        raise UpstreamFailed("Telnyx answered 200 with something that is not JSON instead of a response.") from None
    error = fault(value)
    if error is not None:
        raise error
    if type(value) is not dict or type(value.get("output")) is not list:
        raise UpstreamFailed("Telnyx answered 200 without any output.")
    return value


def fault(value: Any) -> ProxyError | None:
    """The error in a response, or None if there is none."""
    error = failures.from_event(value)
    if error is None and type(value) is dict and value.get("status") in BROKEN:
        error = UpstreamFailed(f"Telnyx broke off the answer (status '{value['status']}').")
    return error


def served(value: dict[str, Any], model: str) -> str:
    """Who answered, if the response says so; else `model`."""
    named = value.get("model")
    return named if type(named) is str and named else model


def settled(outline: Outline, value: dict[str, Any], said: list[Item], measured: Any, now: int) -> dict[str, Any]:
    """The response object for upstream's, its items settled; `now` in Unix seconds."""
    reason = None
    if value.get("status") == "incomplete":
        details = value.get("incomplete_details")
        word = details.get("reason") if type(details) is dict else None
        reason = "content_filter" if word == "content_filter" else "length"
        if said:
            said[-1]["status"] = "incomplete"
    return output.ended(outline, reason, said, measured, now)


def items(outline: Outline, given: list[Item]) -> list[Item]:
    """Items in the client's terms, each in its place."""
    return [item(outline, value, number) for number, value in enumerate(given)]


def item(outline: Outline, value: Item, number: int) -> Item:
    """One item in the client's terms. The input is not changed."""
    kind = value.get("type")
    status = value.get("status")
    status = status if status in STATUSES else "completed"
    if kind in {"function_call", "custom_tool_call"}:
        return output.call(outline, number, status, called(outline, value, number))
    known_as = outline.item_id(PREFIXES.get(kind, OTHER) if type(kind) is str else OTHER, number)
    if kind == "message":
        return output.message(known_as, status, parts(value.get("content")))
    made = {**value, "id": known_as, "status": status}
    return _thinking(outline, made) if kind == "reasoning" else made


def called(outline: Outline, value: Item, number: int) -> Item:
    """What a call holds, see `output.named`; a function that was declared as a custom tool becomes one again."""
    known, name = value.get("call_id"), calls.name_of(value)
    made = {"call_id": known if type(known) is str and known else f"call_{outline.suffix}{number:04x}", "name": name}
    if value.get("type") == "custom_tool_call":
        return {**made, "input": calls.arguments_text(value.get("input"))}
    arguments = calls.arguments_text(value.get("arguments"))
    if name in outline.custom_tools:
        return {**made, "input": calls.custom_input(arguments)}
    return {**made, "arguments": arguments}


def parts(content: Any) -> list[Item]:
    """The parts of a message, complete; a lone text is one part."""
    if type(content) is str:
        return [output.text_part(content, [])]
    return [part(value) for value in content if type(value) is dict] if type(content) is list else []


def part(value: Item) -> Item:
    """One part of an item, complete."""
    kind, text = value.get("type"), value.get("text")
    if kind not in {"output_text", "text"}:
        return value
    made = output.text_part(text if type(text) is str else "", [])
    for name in ("annotations", "logprobs"):
        if type(value.get(name)) is list:
            made[name] = value[name]
    return made


def thoughts(value: Item) -> str:
    """The thinking in an item, the summary where that is all there is."""
    for name in ("content", "summary"):
        found = _texts(value.get(name))
        if found:
            return "\n\n".join(found)
    return ""


def _texts(given: Any) -> list[str]:
    found = (entry.get("text") for entry in given if type(entry) is dict) if type(given) is list else ()
    return [text for text in found if type(text) is str and text]


def _thinking(outline: Outline, made: Item) -> Item:
    """An item that is thinking (a copy, changed in place). It is sealed here: what upstream sealed cannot come back."""
    made.pop("encrypted_content", None)
    text = thoughts(made) if outline.encrypt else ""
    sealed = outline.seal(text) if text else ""
    if sealed:
        made["encrypted_content"] = sealed
    if outline.reasoning == "summary":
        said = _texts(made.pop("content", None)) or _texts(made.get("summary"))
        made["summary"] = [{"type": "summary_text", "text": text} for text in said]
    for name in ("summary", "content"):
        if outline.reasoning == "none" or type(made.get(name)) is not list:
            made.pop(name, None)
    made.setdefault("summary", [])
    return made


def summarised(kind: str, value: Item) -> tuple[str, Item]:
    """An event about the text of thinking as the one about its summary; other events stay."""
    to = SUMMARISED.get(kind)
    if to is None:
        return kind, value
    made = {name: inside for name, inside in value.items() if name != "content_index"}
    made["summary_index"] = value.get("content_index", 0)
    part = value.get("part")
    if type(part) is dict:
        text = part.get("text")
        made["part"] = {"type": "summary_text", "text": text if type(text) is str else ""}
    return to, made


def sizes(given: list[Item]) -> tuple[int, int]:
    """UTF-8 bytes of items as upstream gave them, and how much of it is thinking; for the estimate of the usage."""
    whole = thought = 0
    for value in given:
        if value.get("type") == "reasoning":
            thought += size(thoughts(value))
        else:
            whole += sum(size(text) for text in _texts(value.get("content")))
            whole += size(value.get("arguments")) + size(value.get("input"))
    return whole + thought, thought


def violations(response: dict[str, Any], expects: Expectation) -> int:
    """Texts and arguments of a complete response that do not keep to the schema the client gave."""
    checks = Conformance(expects)
    if response["status"] == "completed":
        called = [value for value in response["output"] if value["type"] == "function_call"]
        for value in called:
            checks.arguments(value["name"], value["arguments"])
        texts = [] if called else [value for value in response["output"] if value["type"] == "message"]
        for value in texts:
            checks.text("".join(_texts(value["content"])))
    return checks.violations
