"""The conversation: six roles become four, and every message gets a content.

Telnyx takes `system`, `user`, `assistant` and `tool`; `content` is required and never null; parts are text or images.
OpenAI has two roles more and leaves the content of a message out where there are tool calls. The walk goes through the
messages once, in order, because a tool message must answer a call that stands before it. A message that needs no
change is handed on as the very same object, and so is the whole list where none of them does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.parts import content_size, convert_content
from proxy.translation.past_calls import arguments_size, convert_call, legacy_call
from proxy.translation.rules import Draft, unsupported

Message = Mapping[str, Any]

PLAIN = ("user", "assistant", "system")
"""Roles whose messages can be handed on when they hold nothing but a text."""

DROPPED: Mapping[str, str] = {
    "name": "Models' chat templates have no place for the name of a participant.",
    "cache_control": "Caching is up to Telnyx; the answer does not change.",
    "prompt_cache_breakpoint": "Caching is up to Telnyx; the answer does not change.",
}
"""Fields of a message that are left out, and why."""

QUIET = frozenset({
    "annotations", "audio", "function_call", "id", "reasoning", "reasoning_content", "reasoning_details", "refusal",
})  # fmt: skip
"""Fields of an answer that applications send back with it, unasked; what matters of them is converted."""


def convert_messages(draft: Draft, name: str, value: Any) -> None:
    """The row of `messages`."""
    if type(value) is not list or not 0 < len(value) <= checks.MESSAGE_LIMIT:
        checks.array(name, value, checks.MESSAGE_LIMIT, filled=True)
    count, size = _plain_beginning(value)
    draft.expects.input_bytes += size
    if count == len(value):
        draft.body["messages"] = value
        return
    walk = Conversation(draft)
    sent = value[:count]
    for index in range(count, len(value)):
        message = value[index]
        sent.append(message if walk.passes(message) else walk.convert(f"messages[{index}]", message))
    draft.body["messages"] = sent
    draft.expects.input_bytes += walk.size


def _plain_beginning(messages: list[Any]) -> tuple[int, int]:
    """How many messages at the start are a role and a text and nothing else, as most are, and their UTF-8 bytes."""
    size = 0
    for index, message in enumerate(messages):
        if type(message) is not dict or len(message) != 2:  # noqa: PLR2004 - the two
            return index, size
        content = message.get("content")
        if type(content) is not str or message.get("role") not in PLAIN:
            return index, size
        size += len(content) if content.isascii() else checks.size(content)
    return len(messages), size


class Conversation:
    """One walk: what must be remembered from earlier messages for later ones.

    Attributes:
        draft: where changes are noted.
        called: ids of all tool calls so far.
        legacy: the made-up id of the last `function_call`, which the next `function` message answers.
        functions: how many of them there were.
        size: UTF-8 bytes of the text that went by.
    """

    __slots__ = ("called", "draft", "functions", "legacy", "size")

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.called: set[str] = set()
        self.legacy: str | None = None
        self.functions = 0
        self.size = 0

    def passes(self, message: Any) -> bool:
        """Whether a message of a usual form, a text or a tool's text, goes on as it is; if so, it is counted."""
        if type(message) is not dict:
            return False
        role, content = message.get("role"), message.get("content")
        if type(content) is not str:
            return False
        if role == "tool":
            call = message.get("tool_call_id")
            usual = len(message) == 3 and type(call) is str and call in self.called  # noqa: PLR2004 - these three
        else:
            usual = len(message) == 2 and role in PLAIN  # noqa: PLR2004 - these two
        if usual:
            self.size += checks.size(content)
        return usual

    def convert(self, at: str, message: Any) -> Message:
        """The message as Telnyx takes it; the same object if it is that already. `at` is its path."""
        checks.json_object(at, message)
        role = checks.required(at, message, "role", checks.string)
        handler = ROLES.get(role)
        if handler is None:
            raise checks.invalid_value(f"{at}.role", role, ROLES)
        sent: Message = handler(self, at, message)
        self.size += content_size(sent["content"])
        if sent.keys() != message.keys():
            self._say_what_is_left_out(at, message, sent)
        # Values that were not changed are the same objects, so this comparison does not descend into them.
        return message if sent == message else sent

    def _say_what_is_left_out(self, at: str, message: Message, sent: Message) -> None:
        for key, value in message.items():
            if not value or key in sent or key in QUIET:
                continue
            reason = DROPPED.get(key)
            if reason is not None:
                self.draft.note_once("dropped", f"messages[].{key}", reason)
            else:
                reason = "Telnyx knows no such field of a message."
                self.draft.lose("messages[].*", reason, "messages", f"{at}.{checks.shorten(key)}")

    def system(self, at: str, message: Message) -> Message:
        """`system` and `developer`."""
        if message["role"] == "developer":
            self.draft.note_once("converted", "messages[].role", "Telnyx's name for developer is system.")
        return {"role": "system", "content": convert_content(self.draft, at, _expect_content(at, message))}

    def user(self, at: str, message: Message) -> Message:
        """`user`."""
        return {"role": "user", "content": convert_content(self.draft, at, _expect_content(at, message))}

    def assistant(self, at: str, message: Message) -> Message:
        """`assistant`: text, a refusal, tool calls, or the older function call."""
        if message.get("audio") is not None:
            raise unsupported(f"{at}.audio", "Telnyx keeps no earlier audio answers.")
        content = message.get("content")
        if content is None:
            self.draft.note_once("converted", "messages[].content", "Telnyx requires a content; null becomes empty.")
        text = "" if content is None or content == [] else convert_content(self.draft, at, content)
        sent = {"role": "assistant", "content": text}
        refusal = checks.optional(at, message, "refusal", checks.string)
        if refusal:
            self.draft.note_once("converted", "messages[].refusal", "A refusal is sent as the text it is.")
            sent["content"] = _with_text(sent["content"], refusal)
        calls = self._calls(at, message)
        if calls:
            sent["tool_calls"] = calls
        return sent

    def _calls(self, at: str, message: Message) -> list[Any]:
        calls: list[Any] = checks.optional(at, message, "tool_calls", checks.array) or []
        if calls:
            sent = [convert_call(self.draft, f"{at}.tool_calls[{index}]", call) for index, call in enumerate(calls)]
            calls = calls if all(new is old for new, old in zip(sent, calls, strict=True)) else sent
        elif message.get("function_call") is not None:
            self.legacy = f"call_fc_{self.functions}"
            self.functions += 1
            calls = [legacy_call(f"{at}.function_call", message["function_call"], self.legacy)]
            self.draft.note_once("converted", "messages[].function_call", "Telnyx's form of it is tool_calls.")
        for call in calls:
            self.called.add(call["id"])
            self.size += arguments_size(call)
        return calls

    def tool(self, at: str, message: Message) -> Message:
        """`tool`: the result of a call that stands before it."""
        call = message.get("tool_call_id")
        if call is None:
            text = "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'."
            raise InvalidRequest(text, param=f"{at}.tool_call_id", code="missing_required_parameter")
        checks.string(f"{at}.tool_call_id", call)
        if call not in self.called:
            raise self._unanswerable(at, call)
        content = convert_content(self.draft, at, _expect_content(at, message))
        return {"role": "tool", "tool_call_id": call, "content": content}

    def _unanswerable(self, at: str, call: str) -> InvalidRequest:
        if not self.called:
            return _not_an_answer(at, "tool", "tool_calls")
        text = (
            f"Invalid parameter: 'tool_call_id' of '{checks.shorten(call)}' not found in 'tool_calls' of "
            "previous message."
        )
        return InvalidRequest(text, param=f"{at}.tool_call_id")

    def function(self, at: str, message: Message) -> Message:
        """`function`, the older form of `tool`: it answers the last `function_call`."""
        if self.legacy is None:
            raise _not_an_answer(at, "function", "function_call")
        self.draft.note_once("converted", "messages[].role", "Telnyx's name for function is tool.")
        content = message.get("content")
        text = "" if content is None else convert_content(self.draft, at, content)
        return {"role": "tool", "tool_call_id": self.legacy, "content": text}


ROLES: Mapping[str, Callable[[Conversation, str, Message], Message]] = {
    "system": Conversation.system,
    "assistant": Conversation.assistant,
    "user": Conversation.user,
    "function": Conversation.function,
    "tool": Conversation.tool,
    "developer": Conversation.system,
}
"""In the order in which OpenAI's error message names them."""


def _expect_content(at: str, message: Message) -> Any:
    content = message.get("content")
    if content is None:
        if "content" not in message:
            raise checks.missing(f"{at}.content")
        raise InvalidRequest("Invalid value for 'content': expected a string, got null.", param=f"{at}.content")
    return content


def _not_an_answer(at: str, role: str, calls: str) -> InvalidRequest:
    text = f"Invalid parameter: messages with role '{role}' must be a response to a preceeding message with '{calls}'."
    return InvalidRequest(text, param=f"{at}.role")


def _with_text(content: Any, text: str) -> Any:
    """A content with a text behind it."""
    if isinstance(content, str):
        return f"{content}\n{text}" if content else text
    return [*content, {"type": "text", "text": text}]
