"""A whole chat completion from Telnyx -> exactly what OpenAI would have answered.

Telnyx publishes no schema of its answers, and several servers and providers stand behind it. Client libraries validate:
a missing `id`, a finish reason of another name or an error dressed up as 200 ends an application far from the cause.
So every field they rely on is filled, and nothing else is touched: what needs no change goes on byte for byte.

Source of the shape: https://platform.openai.com/docs/api-reference/chat/object
"""

import codecs
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.translation import calls, failures, fences, finishes, metering, reasoning
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation
from proxy.usage import Usage, size


@dataclass(slots=True)
class Identity:
    """What an answer is called where upstream gives it no name.

    Attributes:
        id: `chatcmpl-` and something unique.
        created: Unix time in whole seconds.
    """

    id: str
    created: int


@dataclass(slots=True)
class Answer:
    """An answer ready for the client.

    Attributes:
        body: JSON; the very bytes of upstream where nothing had to change.
        usage: what it consumed.
        model: the Telnyx id that served.
        violations: texts and tool arguments that do not keep to the schema the client gave.
        estimated: whether upstream left a figure of the usage out.
    """

    body: bytes
    usage: Usage
    model: str
    violations: int
    estimated: bool = False


def answer(raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:
    """The body of a 200 from Telnyx as OpenAI would have sent it.

    `model` is the Telnyx id asked for, `identity` names the answer where upstream does not. Raises UpstreamFailed for
    what is no answer (empty, HTML, cut off, without choices), and what `failures` reads out of an error sent as 200.
    """
    try:
        value = codec.glance(raw)
    except ValueError:
        return _settled(raw, completion(raw), expects, identity, model)
    usage = _as_openai(value, expects)
    if usage is None:
        return _settled(raw, _expect_answer(value), expects, identity, model)
    return Answer(raw, usage, value["model"], 0)


def completion(raw: bytes) -> dict[str, Any]:
    """The object in the body of a 200, with one choice at least. Raises as `answer` does."""
    return _expect_answer(_decode(raw))


def _settled(raw: bytes, value: dict[str, Any], expects: Expectation, identity: Identity, model: str) -> Answer:
    """The same for an answer that has to be looked at closely, because something may have to be done."""
    reader = _Reader(expects, identity.id)
    made = {**value, **head(value, identity, model, "chat.completion")}
    made.pop("error", None)  # null, or it would have been raised
    made["choices"] = [reader.choice(choice, position) for position, choice in enumerate(value["choices"])]
    given = value.get("usage")
    usage = metering.as_openai(given)
    if usage is None:
        usage = metering.measure(given, expects.input_bytes, reader.output_bytes, reader.reasoning_bytes)
        made["usage"] = metering.shown(given, usage)
    body = codec.encode(made)
    return Answer(
        # Compared as bytes: to Python, 1 and 1.0 and True are equal; to a strict reader they are not.
        body=raw if body == codec.encode(value) and not raw.startswith(codecs.BOM_UTF8) else body,
        usage=usage,
        model=made["model"],
        violations=reader.checks.violations,
        estimated=usage.source == "estimated",
    )


def _decode(raw: bytes) -> Any:
    """What is JSON behind a byte order mark, or the error that it is none."""
    raw = raw.removeprefix(codecs.BOM_UTF8).strip()
    if not raw:
        raise UpstreamFailed("Telnyx answered 200 with an empty body.")
    try:
        return codec.decode(raw)
    except codec.NotJson:
        kind = "an HTML page" if raw.startswith(b"<") else "something that is not JSON"
        raise UpstreamFailed(f"Telnyx answered 200 with {kind} instead of a completion.") from None


def _expect_answer(value: Any) -> dict[str, Any]:
    """The decoded answer with at least one choice. Raises the error that it is instead."""
    error = failures.from_event(value)
    if error is not None:
        raise error
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list) or not value["choices"]:
        raise UpstreamFailed("Telnyx answered 200 without a single choice.")
    return value


def _as_openai(value: Any, expects: Expectation) -> Usage | None:
    """The usage of an answer that OpenAI might have sent and that nothing has to be done with; None for any other.

    It decides by a look at the shape what `_settled` would find out by writing the answer anew: that nothing changes.
    """
    if type(value) is not dict or "error" in value or "errors" in value:
        return None
    if expects.schema is not None or expects.tool_schemas:
        return None
    try:
        name, kind, created, served, choices = _NAMES(value)
        if type(name) is not str or type(served) is not str or type(created) is not int or type(choices) is not list:
            return None
        if not (name and served and 0 < created < LATEST and choices) or kind != "chat.completion":
            return None
        for choice in choices:
            if not _stays(choice, expects):
                return None
        return metering.as_openai(value["usage"])
    except KeyError:
        return None


_NAMES = itemgetter("id", "object", "created", "model", "choices")


def _stays(choice: Any, expects: Expectation) -> bool:
    """Whether a choice is one that OpenAI might have sent. Raises KeyError where something of it is not there."""
    if type(choice) is not dict or "logprobs" not in choice:
        return False
    message, index = choice["message"], choice["index"]
    if type(message) is not dict or type(index) is not int or index < 0 or not _message_stays(message, expects):
        return False
    if "tool_calls" not in message:
        return choice["finish_reason"] in _ENDS
    made, reason = message["tool_calls"], choice["finish_reason"]
    if not made:
        return (made is None or made == []) and reason in _ENDS
    return reason == "tool_calls" and type(made) is list and _calls_stay(made, expects)


_ENDS = ("stop", "length", "content_filter")
_MAY_THINK = frozenset(reasoning.OPENING[0] + reasoning.SPACE)


def _message_stays(message: dict[str, Any], expects: Expectation) -> bool:
    content = message["content"]
    if type(content) is not str and content is not None:
        return False
    if message["role"] != "assistant" or "refusal" not in message or message.get("reasoning"):
        return False
    if expects.hide_reasoning and not all(not message.get(name) for name in reasoning.SECRET):
        return False
    if not content:
        return True
    if content[0] in _MAY_THINK and content.lstrip(reasoning.SPACE).startswith(reasoning.OPENING):
        return False
    return content[0] in "{[" or not expects.json_text  # only what begins otherwise can be in a fence


def _calls_stay(made: list[Any], expects: Expectation) -> bool:
    if expects.named_choice or expects.legacy_functions or (expects.single_call and len(made) > 1):
        return False
    return all(_call_stays(call, expects) for call in made)


def _call_stays(call: Any, expects: Expectation) -> bool:
    if type(call) is not dict or call.get("type") != "function" or "name" in call or "arguments" in call:
        return False
    known, function = call.get("id"), call.get("function")
    if type(known) is not str or not known or type(function) is not dict:
        return False
    name, arguments = function.get("name"), function.get("arguments")
    if type(name) is not str or type(arguments) is not str or not arguments:
        return False
    return name not in expects.custom_tools


def head(value: dict[str, Any], identity: Identity, model: str, kind: str) -> dict[str, Any]:
    """id, object, created and model of an answer or chunk: upstream's where they are usable, else ours."""
    name, served = value.get("id"), value.get("model")
    return {
        "id": name if isinstance(name, str) and name else identity.id,
        "object": kind,
        "created": unix_time(value.get("created")) or identity.created,
        "model": served if isinstance(served, str) and served else model,
    }


LATEST = 100_000_000_000
"""A Unix time is smaller than this (the year 5138); a larger number counts milliseconds, or is no time at all."""


def unix_time(value: Any) -> int | None:
    """Whole seconds since 1970 from a number, a number as text or an ISO 8601 text; None from anything else."""
    if isinstance(value, str):
        try:
            value = float(value) if value.isdecimal() else _moment(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LATEST:
        return None
    return int(value)


def _moment(text: str) -> float:
    """Telnyx's own lists give times as `2026-01-02T03:04:05.678Z`; one without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def content_text(content: Any) -> str | None:
    """Content as the one text a client expects: null stays, parts are joined, anything else becomes its JSON."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part_text(part) for part in content)
    return codec.encode_text(content)  # some engines hand guided JSON on decoded


def _part_text(part: Any) -> str:
    if isinstance(part, dict):
        part = part.get("text")
    return part if isinstance(part, str) else ""


class _Reader:
    """Reads the choices of one answer and keeps count on the way."""

    __slots__ = ("_expects", "_id", "checks", "output_bytes", "reasoning_bytes")

    def __init__(self, expects: Expectation, answer_id: str) -> None:
        self._expects = expects
        self._id = answer_id
        self.checks = Conformance(expects)
        self.output_bytes = 0
        self.reasoning_bytes = 0

    def choice(self, choice: Any, position: int) -> dict[str, Any]:
        """One choice, complete. Raises UpstreamFailed where there is no message in it."""
        if not isinstance(choice, dict):
            raise UpstreamFailed("Telnyx answered with a choice that is not an object.")
        index, reason = choice.get("index"), choice.get("finish_reason")
        checks = None if finishes.cut_short(reason) else self.checks
        made = {**choice, "index": index if type(index) is int and index >= 0 else position}
        made["message"] = message = self._message(_expect_message(made))
        called = bool(message.get("tool_calls"))
        made["finish_reason"] = finishes.finish(reason, calls=called, expects=self._expects)
        if called:
            self._calls(message, made["index"], checks)
        elif checks is not None and not message["refusal"]:
            checks.text(message["content"] or "")
        made.setdefault("logprobs", None)
        return made

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        made = {**message, "role": "assistant"}
        content = content_text(message.get("content"))
        reasoning.settle(made, hide=False)
        self._count(content)
        self._count(made.get("reasoning_content"))
        thought, content = reasoning.split(content) if content else ("", content)
        made["content"] = fences.strip(content) if content and self._expects.json_text else content
        if thought:
            reasoning.add(made, thought)
        self.reasoning_bytes += size(made.get("reasoning_content"))
        reasoning.settle(made, hide=self._expects.hide_reasoning)
        made.setdefault("refusal", None)
        calls.leave_out_nothing(made)
        return made

    def _calls(self, made: dict[str, Any], choice: int, checks: Conformance | None) -> None:
        """Settle `tool_calls` of a message (changed in place) in the client's terms."""
        given = made["tool_calls"]
        if not isinstance(given, list) or not all(isinstance(call, dict) for call in given):
            raise UpstreamFailed("Telnyx answered with tool calls that are not a list of objects.")
        if calls.only_first(self._expects):
            for call in given[1:]:  # they are not handed on, but they were made and are paid for
                self._count(calls.arguments_text(calls.function_of(call).get("arguments")))
            given = given[:1]
        made["tool_calls"] = [
            self._call(call, calls.call_id(self._id, choice, number), checks) for number, call in enumerate(given)
        ]
        if self._expects.legacy_functions:
            function = made.pop("tool_calls")[0]["function"]
            made["function_call"] = {"name": function["name"], "arguments": function["arguments"]}

    def _call(self, call: dict[str, Any], made_up: str, checks: Conformance | None) -> dict[str, Any]:
        function = calls.function_of(call)
        name = calls.name_of(function)
        arguments = calls.arguments_text(function.get("arguments"))
        self._count(arguments)
        if checks is not None:
            checks.arguments(name, arguments or calls.NO_ARGUMENTS)
        known = call.get("id")
        made = {key: value for key, value in call.items() if key not in calls.FLAT}
        made["id"] = known if isinstance(known, str) and known else made_up
        if calls.is_custom(self._expects, name):
            return calls.custom(made, name, arguments)
        made["type"] = "function"
        made["function"] = {**function, "name": name, "arguments": arguments or calls.NO_ARGUMENTS}
        return made

    def _count(self, text: Any) -> None:
        self.output_bytes += size(text)


def _expect_message(choice: dict[str, Any]) -> dict[str, Any]:
    """The message of a choice (a copy of the upstream object, changed in place); servers have other names for it."""
    message = choice.get("message")
    if not isinstance(message, dict):
        message = choice.pop("delta", None)  # a server that built the answer from its own stream
    if not isinstance(message, dict) and isinstance(choice.get("text"), str):
        message = {"content": choice.pop("text")}  # the older completions shape
    if not isinstance(message, dict):
        raise UpstreamFailed("Telnyx answered with a choice that holds no message.")
    return message
