"""Items -> messages.

A chat model knows turns: what an assistant says and all that it calls is one message, and every result comes after it.
Items are finer. So calls that follow one another, what is said between a call and its result, and the thinking before
either of them become one message of the assistant.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.responses.contents import TEXTS, Part, chat_part
from proxy.translation.responses.draft import ResponseDraft
from proxy.translation.responses.items import HOSTED, check_item, not_found
from proxy.translation.responses.outline import Item

Message = dict[str, Any]

MESSAGE_FIELDS = frozenset({"type", "role", "content", "id", "status"})
REASONING_FIELDS = frozenset({"type", "content", "summary", "encrypted_content"})
CALL_FIELDS = frozenset({"type", "call_id", "name", "namespace", "arguments", "input", "id", "status"})
OUTPUT_FIELDS = frozenset({"type", "call_id", "output", "id", "status"})

THOUGHTS = "Telnyx's messages have no place for what a model thought in earlier turns."
SEALED = "It was sealed by another service, or for another tenant."


def checked(draft: ResponseDraft) -> list[tuple[str, Item]]:
    """All items in order, each with its place in the request. Raises InvalidRequest.

    They are checked again, because between their check and now lies a store, or an answer of Telnyx.
    """
    field, history = draft.history
    return [
        *((field, check_item(field, item)) for item in history),
        *((f"input[{index}]", check_item(f"input[{index}]", item)) for index, item in enumerate(draft.items)),
    ]


def thoughts(draft: ResponseDraft, item: Item) -> str:
    """The text of a reasoning item; sealed text comes first, because it is the whole. "" where it cannot be read."""
    sealed = item.get("encrypted_content")
    if sealed:
        opened = draft.open(sealed)
        if opened is not None:
            return opened
        draft.note_once("dropped", "input[].encrypted_content", SEALED)
    for name in ("content", "summary"):
        texts = [part["text"] for part in item.get(name) or () if part["type"] in TEXTS]
        if texts:
            return "\n".join(texts)
    return ""


def summary(draft: ResponseDraft, at: str, item: Item) -> list[Part]:
    """What is left of a longer conversation, as the content of a message; nothing where it cannot be read."""
    text = draft.open(item["encrypted_content"])
    if text is None:
        draft.lose("input[].compaction", SEALED, "input", f"{at}.encrypted_content")
        return []
    return [{"type": "input_text", "text": text}]


class Assembly:
    """One walk through the items.

    Attributes:
        draft: where changes are noted, and where each message came from.
        messages: what has become of the items so far; contents are lists of parts until `finish`.
        called: ids of all calls.
        open: ids of the calls of `turn` that have no result yet.
        turn: the assistant's message that may still grow, or None.
        thought: thinking that waits for what the assistant says or calls next.
    """

    __slots__ = ("called", "draft", "messages", "open", "thought", "turn")

    def __init__(self, draft: ResponseDraft) -> None:
        self.draft = draft
        self.messages: list[Message] = []
        self.called: set[str] = set()
        self.open: set[str] = set()
        self.turn: int | None = None
        self.thought: list[str] = []

    def add(self, at: str, item: Item) -> None:
        """The next item. `at` is its place. Raises InvalidRequest."""
        handler = _KINDS.get(item["type"])
        if handler is not None:
            handler(self, at, item)
            return
        verdict, reason = HOSTED[item["type"]]
        name = f"input[].{item['type']}"
        if verdict == "lossy":
            self.draft.lose(name, reason, "input", f"{at}.type")
        else:
            self.draft.note_once(verdict, name, reason)

    def finish(self) -> list[Message]:
        """The messages. A single text is a string, as every model's chat template takes it."""
        for message in self.messages:
            parts = message["content"]
            if not parts:
                message["content"] = ""
            elif len(parts) == 1 and parts[0]["type"] == "text":
                message["content"] = parts[0]["text"]
        return self.messages

    def instruct(self, text: str) -> None:
        """The instructions of this turn, before everything else."""
        self._put({"role": "system", "content": [{"type": "text", "text": text}]}, "instructions")

    def message(self, at: str, item: Item) -> None:
        """`message`. What an assistant says between a call and its result belongs to the message with the call."""
        self.draft.leave_out("input[]", at, item, MESSAGE_FIELDS)
        if item["role"] != "assistant":
            turn = self._put({"role": item["role"], "content": []}, at)
            self._close()
        elif self.turn is not None and self.open:
            turn = self.turn
            self._think(self.messages[turn])
        else:
            turn = self._assistant(at)
        self._fill(turn, f"{at}.content", item["content"])

    def function_call(self, at: str, item: Item) -> None:
        """`function_call`."""
        function = {"name": self._name(item), "arguments": item["arguments"]}
        self._call(at, item, {"id": item["call_id"], "type": "function", "function": function})

    def custom_tool_call(self, at: str, item: Item) -> None:
        """`custom_tool_call`."""
        custom = {"name": self._name(item), "input": item["input"]}
        self._call(at, item, {"id": item["call_id"], "type": "custom", "custom": custom})

    def output(self, at: str, item: Item) -> None:
        """What came of a call that stands before it."""
        self.draft.leave_out("input[]", at, item, OUTPUT_FIELDS)
        call = item["call_id"]
        if call not in self.called:
            raise InvalidRequest(
                f"No tool call found for function call output with call_id {checks.shorten(call)}.",
                param=f"{at}.call_id",
            )
        place = self._put({"role": "tool", "tool_call_id": call, "content": []}, at)
        self._fill(place, f"{at}.output", item["output"])
        self.open.discard(call)

    def reasoning(self, at: str, item: Item) -> None:
        """`reasoning`: it goes to what the assistant says or calls next."""
        self.draft.leave_out("input[]", at, item, REASONING_FIELDS)
        text = thoughts(self.draft, item)
        if text:
            self.thought.append(text)
            self.draft.note_once("dropped", "input[].reasoning", THOUGHTS)

    def compaction(self, at: str, item: Item) -> None:
        """`compaction`: what is left of a longer conversation, if it can be read."""
        content = summary(self.draft, at, item)
        if content:
            self.message(at, {"role": "user", "content": content})

    def reference(self, at: str, item: Item) -> None:
        """`item_reference`: by now it has been replaced by its item, or there is none."""
        raise not_found(at, item["id"])

    def _name(self, item: Item) -> str:
        namespace = item.get("namespace")
        name: str = item["name"]
        return self.draft.names.flat(namespace, name) if namespace else name

    def _call(self, at: str, item: Item, call: Message) -> None:
        self.draft.leave_out("input[]", at, item, CALL_FIELDS)
        turn = self.turn
        if turn is None or not (self.open or turn == len(self.messages) - 1):
            turn = self._assistant(at)
        else:
            self._think(self.messages[turn])
        calls = self.messages[turn].setdefault("tool_calls", [])
        self.draft.places.add(f"messages[{turn}].tool_calls[{len(calls)}]", at)
        calls.append(call)
        self.called.add(item["call_id"])
        self.open.add(item["call_id"])

    def _assistant(self, at: str) -> int:
        place = self._put({"role": "assistant", "content": []}, at)
        self._close()
        self.turn = place
        return place

    def _close(self) -> None:
        """Nothing more is said in the turn before; what was thought last is for the message that has just begun."""
        self._think(self.messages[-1])
        self.turn = None
        self.open.clear()

    def _think(self, message: Message) -> None:
        if self.thought and message["role"] == "assistant":
            known = message.get("reasoning_content")
            message["reasoning_content"] = "\n".join([*([known] if known else []), *self.thought])
        self.thought.clear()

    def _put(self, message: Message, at: str) -> int:
        place = len(self.messages)
        self.draft.places.add(f"messages[{place}]", at)
        self.messages.append(message)
        return place

    def _fill(self, place: int, at: str, content: Any) -> None:
        """Put a content behind what the message at `place` holds."""
        parts = self.messages[place]["content"]
        if type(content) is str:
            parts.append({"type": "text", "text": content})
            return
        for number, part in enumerate(content):
            origin = f"{at}[{number}]"
            if part["type"] not in TEXTS:  # of a text there is nothing left to refuse
                self.draft.places.add(f"messages[{place}].content[{len(parts)}]", origin)
            parts.append(chat_part(self.draft, origin, part))


_KINDS: Mapping[str, Callable[[Assembly, str, Item], None]] = {
    "message": Assembly.message,
    "function_call": Assembly.function_call,
    "function_call_output": Assembly.output,
    "custom_tool_call": Assembly.custom_tool_call,
    "custom_tool_call_output": Assembly.output,
    "reasoning": Assembly.reasoning,
    "compaction": Assembly.compaction,
    "item_reference": Assembly.reference,
}


def assemble(draft: ResponseDraft, instructions: str | None) -> list[Message]:
    """The messages of a request: its instructions, what was said before, and this turn. Raises InvalidRequest."""
    assembly = Assembly(draft)
    if instructions:
        assembly.instruct(instructions)
    for at, item in checked(draft):
        assembly.add(at, item)
    return assembly.finish()
