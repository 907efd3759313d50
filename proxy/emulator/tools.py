"""When the emulated model calls a tool, which one, and with what.

    tool_choice none, or no function tools      no call
    tool_choice required                        a call
    tool_choice auto, or absent                 a call if the last message is the user's and names a tool, or if it is
                                                the user's and there is only one tool

A tool is named by its name in the user's text, with spaces or underscores, in any case. Where several are named the
first is called; the words "both" or "parallel" ask for all that are named, or for all there are. Arguments conform to
the tool's parameters.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.emulator.conforming import conforming

_ALL_AT_ONCE = re.compile(r"\b(?:both|parallel)\b", re.IGNORECASE)
_ARGUMENT_PIECE = re.compile(r".{1,8}", re.DOTALL)  # a token of arguments: JSON has few blanks to cut at


@dataclass(frozen=True)
class Call:
    """One tool call; `pieces` are the tokens of its arguments."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments as JSON."""
        return "".join(self.pieces)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, whichever form its content has."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if "text" in part)


def chosen(
    tools: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]], choice: str
) -> list[Mapping[str, Any]]:
    """The functions to call, empty for none."""
    if not tools or choice == "none":
        return []
    last = messages[-1]
    text = text_of(last).lower() if last["role"] == "user" else ""
    named = [tool for tool in tools if tool["name"].lower() in text or tool["name"].lower().replace("_", " ") in text]
    if _ALL_AT_ONCE.search(text):
        return named if len(named) > 1 else list(tools)
    if named:
        return named[:1]
    alone = len(tools) == 1 and last["role"] == "user"
    return list(tools[:1]) if alone or choice == "required" else []


def calls(functions: Sequence[Mapping[str, Any]], seed: str) -> tuple[Call, ...]:
    """The calls of these functions, their ids derived from `seed`. Raises conforming.Unsupported."""
    return tuple(_call(function, f"{seed}/{place}") for place, function in enumerate(functions))


def _call(function: Mapping[str, Any], seed: str) -> Call:
    parameters = function.get("parameters")
    value = {} if parameters is None else conforming({"type": "object", **parameters})
    arguments = json.dumps(value, ensure_ascii=False)
    name = uuid.uuid5(uuid.NAMESPACE_URL, seed)
    return Call(f"call_{name}", function["name"], tuple(_ARGUMENT_PIECE.findall(arguments)))
