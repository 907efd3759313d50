"""One choice of a streamed answer: upstream's deltas -> deltas that every client library can add up.

What a choice owes the client: the role in its first delta and only there, one finish reason of OpenAI's five and
nothing after it, reasoning under one name, tool calls as `calls` says.
"""

from types import MappingProxyType
from typing import Any

from proxy.streaming.calls import CallStream
from proxy.streaming.meter import Meter
from proxy.translation import calls, fences, finishes, reasoning
from proxy.translation.answers import content_text
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation

_NOTHING: frozenset[str] = frozenset()
_EASY = MappingProxyType(
    {
        # (the content goes on as it is, reasoning is hidden): the fields whose text goes on as it is
        (True, False): frozenset({"content", "reasoning_content"}),
        (True, True): frozenset({"content"}),
        (False, False): frozenset({"reasoning_content"}),
        (False, True): _NOTHING,
    }
)


class ChoiceStream:
    """One choice under way.

    Attributes:
        index: its number in the answer.
        finished: its finish reason has been handed on.
        blank: its last delta had the finish reason "". Some servers put it on every chunk, so it is an end only if
            upstream then says that it is done.
        last_word: that "" was the first one and not on the first chunk, so it does mean the end.
        introduced: its role has been handed on.
    """

    __slots__ = (
        "_blanks",
        "_calls",
        "_checks",
        "_easy",
        "_expects",
        "_fence",
        "_meter",
        "_refused",
        "_texts",
        "_think",
        "blank",
        "finished",
        "index",
        "introduced",
        "last_word",
    )

    def __init__(self, answer_id: tuple[str, int], expects: Expectation, meter: Meter, checks: Conformance) -> None:
        """`answer_id` is the id of the answer and the index of the choice."""
        self.index = answer_id[1]
        self.introduced = False
        self.finished = False
        self.blank = False
        self.last_word = False
        self._blanks = 0
        self._expects = expects
        self._meter = meter
        self._checks = checks
        self._calls = CallStream(expects, answer_id, meter, checks)
        self._think = reasoning.ThinkSplitter()
        self._fence = fences.FenceStripper(wanted=expects.json_text)
        self._texts: list[str] | None = None if expects.schema is None else []
        self._refused = False
        self._easy = _NOTHING  # fields whose text can be handed on as it is

    def passes(self, choice: dict[str, Any]) -> bool:
        """Whether the choice is one piece of text that goes on as it is; if so, it is counted."""
        delta = choice.get("delta")
        if choice.get("finish_reason", "") is not None or type(delta) is not dict or len(delta) != 1:
            return False
        ((name, text),) = delta.items()
        if name not in self._easy or type(text) is not str:
            return False
        self.blank = self.last_word = False
        self._meter.count(text)
        if name == "reasoning_content":
            self._meter.count_reasoning(text)
        self._hand_on(name, text)
        return True

    def feed(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        """The choice to hand on, None for nothing. The input is not changed.

        Raises Malformed, and UpstreamFailed for a finish reason that means a broken answer.
        """
        if self.finished:
            return None
        made = dict(choice)
        given = _delta(made)
        reason = choice.get("finish_reason")
        self.blank = reason == ""
        self._blanks += self.blank
        self.last_word = self.blank and self._blanks == 1 and self.introduced
        delta = self._texts_of(given, finishing=bool(reason))
        calls.leave_out_nothing(delta)
        entries = self._calls.feed(delta["tool_calls"]) if delta.get("tool_calls") else []
        if reason:
            self._calls.finish(entries, check=not finishes.cut_short(reason))
        self._place(delta, entries)
        if not reason and self._emptied(given, delta):
            return None
        made["index"] = self.index
        made["delta"] = self._with_role(delta)
        made["finish_reason"] = self._finish(reason) if reason else None
        self._begin()
        return made

    def _texts_of(self, given: dict[str, Any], *, finishing: bool) -> dict[str, Any]:
        """A copy of the delta with its content and reasoning settled."""
        delta = dict(given)
        if self.introduced:
            delta.pop("role", None)
        elif "role" in delta:
            delta["role"] = "assistant"
        reasoning.settle(delta, hide=False)
        self._meter.count(delta.get("reasoning_content"))
        self._content(delta, finishing=finishing)
        self._meter.count_reasoning(delta.get("reasoning_content"))
        reasoning.settle(delta, hide=self._expects.hide_reasoning)
        for name in ("reasoning_content", "content"):
            if delta.get(name):
                self._hand_on(name, delta[name])
        self._refused = self._refused or bool(delta.get("refusal"))
        return delta

    def _content(self, delta: dict[str, Any], *, finishing: bool) -> None:
        """Settle the content of a delta (changed in place): one text, thinking apart from it, JSON without a fence."""
        if "content" in delta:
            delta["content"] = content_text(delta["content"])
        content = delta.get("content") or ""
        self._meter.count(content)
        thought, said = self._think.feed(content)
        if finishing:
            more, rest = self._think.finish()
            thought, said = thought + more, said + rest
        said = self._fence.feed(said) + (self._fence.finish() if finishing else "")
        if thought:
            reasoning.add(delta, thought)
        if said:
            delta["content"] = said
        elif content:
            del delta["content"]

    def _hand_on(self, name: str, text: str) -> None:
        if text:
            self._meter.started = True
        if self._texts is not None and name == "content":
            if self._meter.hold(text):
                self._texts.append(text)
            else:
                self._texts = None  # it stays unchecked

    def _place(self, delta: dict[str, Any], entries: list[dict[str, Any]]) -> None:
        """Put tool-call entries into the delta, under the name the client reads."""
        if entries:
            self._meter.started = True
        if entries and self._expects.legacy_functions:
            delta.pop("tool_calls", None)
            function = entries[0]["function"]
            delta["function_call"] = {key: function[key] for key in ("name", "arguments") if key in function}
        elif entries:
            delta["tool_calls"] = entries
        elif delta.get("tool_calls"):
            del delta["tool_calls"]

    def _emptied(self, given: dict[str, Any], delta: dict[str, Any]) -> bool:
        """Whether nothing is left of a delta that had something; a first delta with a role always has."""
        return "role" not in delta and not any(delta.values()) and any(given[key] for key in given if key != "role")

    def _with_role(self, delta: dict[str, Any]) -> dict[str, Any]:
        return delta if self.introduced or "role" in delta else {"role": "assistant", **delta}

    def introduce(self) -> dict[str, Any]:
        """An empty delta, for a sign of life; the first one of a choice has its role, as any first delta."""
        delta = self._with_role({})
        self._begin()
        return {"index": self.index, "delta": delta, "finish_reason": None}

    def _begin(self) -> None:
        self.introduced = True
        plain = self._think.plain and self._fence.plain
        self._easy = _NOTHING if self.finished else _EASY[plain, self._expects.hide_reasoning]

    def _finish(self, reason: object) -> str:
        called = self._calls.seen
        word = finishes.finish(reason, calls=called, expects=self._expects)
        self.finished = True
        if self._texts is not None and not called and not self._refused and not finishes.cut_short(reason):
            self._checks.text("".join(self._texts))
        return word


def _delta(choice: dict[str, Any]) -> dict[str, Any]:
    """The delta of a choice (a copy of the upstream object, changed in place); servers have other names for it."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        delta = choice.pop("message", None)  # the whole message in one chunk
    if not isinstance(delta, dict) and isinstance(choice.get("text"), str):
        delta = {"content": choice.pop("text")}  # the older completions shape
    return delta if isinstance(delta, dict) else {}
