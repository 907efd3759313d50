"""One choice of a streamed answer: upstream's deltas -> deltas that every client library can add up.

What a choice owes the client: the role in its first delta and only there, one finish reason of OpenAI's five and
nothing after it, reasoning under one name, tool calls as `calls` says.
"""

import copy
from types import MappingProxyType
from typing import Any

from proxy.streaming.calls import CallStream
from proxy.streaming.meter import Meter
from proxy.translation import calls, fences, finishes, reasoning
from proxy.translation.answers import content_text
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation

_NOTHING: frozenset[str] = frozenset()
_TEXTS = frozenset({"content", "reasoning_content", "reasoning"})
_TAG_STARTS = frozenset(reasoning.SPACE + reasoning.OPENING[0])
"""How content begins that may begin with thinking; after anything else, a tag is what the model wants to say."""
_OTHERS = ("refusal", "tool_calls")
"""What stands behind the text of an answer."""
_ENDS = frozenset({"stop", "length", "content_filter"})
"""Finish reasons that stay what they are where there are no calls."""
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
        meter: the figures of the stream.
    """

    __slots__ = (
        "_answer_id",
        "_blanks",
        "_calls",
        "_checks",
        "_easy",
        "_expects",
        "_fence",
        "_refused",
        "_texts",
        "_think",
        "_unsaid",
        "blank",
        "finished",
        "index",
        "introduced",
        "last_word",
        "meter",
    )

    def __init__(
        self, answer_id: tuple[str, int], expects: Expectation, meter: Meter, checks: Conformance | None
    ) -> None:
        """`answer_id` is the id of the answer and the index of the choice; `checks` is None if there are none."""
        self.index = answer_id[1]
        self.introduced = False
        self.finished = False
        self.blank = False
        self.last_word = False
        self._answer_id = answer_id
        self._blanks = 0
        self._expects = expects
        self.meter = meter
        self._checks = checks
        self._calls: CallStream | None = None  # until there is a call
        self._unsaid = True  # there was no content yet
        self._think: reasoning.ThinkSplitter | None = None  # while the content may begin with thinking
        self._fence = fences.FenceStripper(wanted=True) if expects.json_text else None  # while there may be one
        self._texts: list[str] | None = None if expects.schema is None else []
        self._refused = False
        self._easy = _NOTHING  # fields whose text can be handed on as it is

    def passes(self, choice: dict[str, Any]) -> str | None:
        """The field of a choice that is one piece of text and goes on as it is, counted; None for any other choice."""
        delta = choice.get("delta")
        if choice.get("finish_reason", "") is not None or type(delta) is not dict or len(delta) != 1:
            return None
        ((name, text),) = delta.items()
        if type(text) is not str:
            return None
        if name not in self._easy and not (name == "content" and self._plainly_begins(text)):
            return None
        self.pass_on(name, len(text) if text.isascii() else len(text.encode()), shown=True)
        if text and self._texts is not None and name == "content":
            self.remember(text)
        return str(name)

    def stays(self, choice: dict[str, Any]) -> bool:
        """Whether a choice that says nothing is one `feed` would hand on as it is; if so, that is done.

        So are the first and the last one of most answers. Its index has been compared.
        """
        delta, reason = choice.get("delta"), choice.get("finish_reason", "")
        if self.finished or type(delta) is not dict:
            return False
        if ("role" in delta) is self.introduced or (not self.introduced and delta["role"] != "assistant"):
            return False  # the first delta has it, and no other
        for name, value in delta.items():
            if value is not None and value != "" and name != "role":
                return False
        if reason is None:
            self._begin()
        elif not self._ends(reason):
            return False
        self.blank = self.last_word = False
        return True

    def _ends(self, reason: Any) -> bool:
        """Whether a finish reason is handed on as it is, and nothing was held back; if so, the choice is finished."""
        if type(reason) is not str or reason not in _ENDS:
            return False
        if self._think is not None or self._fence is not None or self._calls is not None:
            return False
        self.introduced = True
        self._easy = _NOTHING
        if self._texts is None:
            self.finished = True
        else:
            self._finish(reason)
        return True

    def opens(self, text: str) -> bool:
        """Whether content that begins like this would go on as it comes, and so would all that may follow it."""
        if not self._unsaid:
            return self._settled
        if not self.introduced or self.finished or self._fence is not None:
            return False
        said = text.lstrip(reasoning.SPACE)
        return said != "" and not said.startswith(reasoning.OPENING) and not reasoning.OPENING.startswith(said)

    def open(self) -> None:
        """Take it that content which `opens` was handed on."""
        if self._unsaid:
            self._unsaid = False
            self._begin()

    def _plainly_begins(self, text: str) -> bool:
        """Whether this is the first content, and neither thinking nor a fence; if so, all the rest is easy."""
        if not self._unsaid or not self.opens(text):
            return False
        self.open()
        return True

    def pass_on(self, name: str, length: int, *, shown: bool) -> None:
        """Count `length` bytes of text in a field that was handed on, or if not `shown` was left out."""
        self.blank = self.last_word = False
        meter = self.meter
        meter.output_bytes += length
        if name != "content":
            meter.reasoning_bytes += length
        if length and shown:
            meter.started = True

    @property
    def remembers(self) -> bool:
        """Whether the content is kept, to be checked against a schema."""
        return self._texts is not None

    def remember(self, text: str) -> None:
        """Keep content that was handed on (it is not empty); where there is no room, all is given up unchecked."""
        if self._texts is not None:
            if self.meter.hold(text):
                self._texts.append(text)
            else:
                self._texts = None

    def varying(self, choice: dict[str, Any]) -> str | None:
        """The one field of the choice that could hold any other text and would be handed on the same way.

        None unless the choice is a piece of text or reasoning and nothing else, and how such pieces go on is settled.
        """
        delta = choice.get("delta")
        if type(delta) is not dict or choice.get("finish_reason") is not None or self.finished or not self.introduced:
            return None
        told: str | None = None
        for name, value in delta.items():
            if value is not None and value != "" and name != "role":
                if told is not None or name not in _TEXTS or type(value) is not str:
                    return None
                told = name
        return told if told != "content" or self._settled else None

    def rehearse(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        """What `feed` would make of a choice that has a `varying` field; nothing is counted or remembered."""
        twin = copy.copy(self)
        twin.meter = Meter()
        twin._texts = None  # noqa: SLF001 - of the same class
        return twin.feed(choice)

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
        if self._quiet(given, finishing=bool(reason)):
            delta = self._role_settled(given)
        else:
            delta = self._told(given, reason)
            if not reason and self._emptied(given, delta):
                return None
        made["index"] = self.index
        made["delta"] = self._with_role(delta)
        made["finish_reason"] = self._finish(reason) if reason else None
        self._begin()
        return made

    def _quiet(self, given: dict[str, Any], *, finishing: bool) -> bool:
        """Whether a delta says nothing but its role, and nothing held back comes out with it.

        So are the first and the last one of most answers.
        """
        if finishing and not (self._think is None and self._fence is None and self._calls is None):
            return False
        for name, value in given.items():  # noqa: SIM110 - all() would take three times as long
            if value is not None and value != "" and name != "role":
                return False
        return True

    @property
    def _settled(self) -> bool:
        """Whether all further content is handed on as it comes."""
        return not self._unsaid and self._think is None and self._fence is None

    def _told(self, given: dict[str, Any], reason: Any) -> dict[str, Any]:
        """The delta to hand on for one that says something."""
        delta = self._texts_of(given, finishing=bool(reason))
        calls.leave_out_nothing(delta)
        entries = self._call_stream().feed(delta["tool_calls"]) if delta.get("tool_calls") else []
        if reason and self._calls is not None:
            self._calls.finish(entries, check=not finishes.cut_short(reason))
        self._place(delta, entries)
        return delta

    def _call_stream(self) -> CallStream:
        if self._calls is None:
            self._calls = CallStream(self._expects, self._answer_id, self.meter, self._checks)
        return self._calls

    def _role_settled(self, given: dict[str, Any]) -> dict[str, Any]:
        """A copy of the delta with the role in the first one only."""
        delta = dict(given)
        if self.introduced:
            delta.pop("role", None)
        elif "role" in delta:
            delta["role"] = "assistant"
        return delta

    def _texts_of(self, given: dict[str, Any], *, finishing: bool) -> dict[str, Any]:
        """A copy of the delta with its content and reasoning settled."""
        delta = self._role_settled(given)
        reasoning.settle(delta, hide=False)
        self.meter.count(delta.get("reasoning_content"))
        self._content(delta, finishing=finishing)
        self.meter.count_reasoning(delta.get("reasoning_content"))
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
        self.meter.count(content)
        overtaken = any(delta.get(name) for name in _OTHERS)
        if self._settled or not (content or finishing or overtaken):
            return
        if self._unsaid and content:
            self._unsaid = False
            self._think = reasoning.ThinkSplitter() if content[0] in _TAG_STARTS else None
        thought, said = self._apart(content, finishing=finishing, overtaken=overtaken)
        if thought:
            reasoning.add(delta, thought)
        if said:
            delta["content"] = said
        elif content:
            del delta["content"]

    def _apart(self, content: str, *, finishing: bool, overtaken: bool) -> tuple[str, str]:
        """(thinking, text without a fence) that are certain after this piece of content.

        `overtaken`: something comes in the same delta that must not be told before the text that is held back.
        """
        thought, said = "", content
        if self._think is not None:
            thought, said = self._think.feed(content)
            if overtaken:
                said += self._think.release()
            if finishing:
                more, rest = self._think.finish()
                thought, said = thought + more, said + rest
        if self._fence is not None:
            said = self._fence.feed(said) + (self._fence.finish() if finishing else "")
        return thought, said

    def _hand_on(self, name: str, text: str) -> None:
        self.meter.started = True
        if self._texts is not None and name == "content":
            self.remember(text)

    def _place(self, delta: dict[str, Any], entries: list[dict[str, Any]]) -> None:
        """Put tool-call entries into the delta, under the name the client reads."""
        if entries:
            self.meter.started = True
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
        if self._think is not None and self._think.plain:
            self._think = None
        if self._fence is not None and self._fence.plain:
            self._fence = None
        settled = not self._unsaid and self._think is None and self._fence is None
        self._easy = _NOTHING if self.finished else _EASY[settled, self._expects.hide_reasoning]

    def _finish(self, reason: object) -> str:
        called = self._calls is not None and self._calls.seen
        word = finishes.finish(reason, calls=called, expects=self._expects)
        self.finished = True
        checked = self._texts is not None and not called and not self._refused and not finishes.cut_short(reason)
        if checked and self._checks is not None and self._texts is not None:
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
