"""Tool calls that arrive in pieces: the deltas of one choice -> deltas every client library can add up.

Client libraries join what they get: an id sent twice becomes `call_1call_1`, a later null fails an assertion, a
missing `index` is an error. Hence id, type and name stand in the first piece of a call and only there, `index` in
every one, and `arguments` is text. Indexes are given out in the order in which calls are handed on, because the Python
library inserts by position.

A call is held back while its name is not known, and one of a custom tool until it is whole: its input stands in the
middle of JSON that cannot be unwrapped piece by piece.
"""

from typing import Any

from proxy.streaming.events import Malformed
from proxy.streaming.meter import Meter
from proxy.translation import calls
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation

MOST = 1024
"""Calls of one choice at most: memory is bounded, and no model asks for more at once (OpenAI takes 128 tools)."""


_ONCE = calls.FLAT | {"id", "type"}
"""What stands in the first piece of a call only."""


class _Call:
    """One call under way."""

    __slots__ = ("empty", "id", "index", "name", "parts", "upstream_id")

    def __init__(self, made_up: str) -> None:
        self.upstream_id = ""
        self.id = made_up
        self.name = ""
        self.index: int | None = None  # None until something of it was handed on
        self.empty = True  # no argument text yet
        self.parts: list[str] | None = []  # the arguments so far, while they are needed


class CallStream:
    """The tool calls of one choice.

    Attributes:
        seen: there is at least one call.
    """

    __slots__ = ("_by_index", "_calls", "_checks", "_expects", "_handed_on", "_id", "_meter", "seen")

    def __init__(
        self, expects: Expectation, answer_id: tuple[str, int], meter: Meter, checks: Conformance | None
    ) -> None:
        """`answer_id` is the id of the answer and the index of the choice, for calls that come without an id.

        `checks` is None if there are none.
        """
        self._expects = expects
        self._id = answer_id
        self._meter = meter
        self._checks = checks
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._handed_on = 0
        self.seen = False

    def feed(self, entries: Any) -> list[dict[str, Any]]:
        """What to hand on of a delta's `tool_calls`. Raises Malformed for what is not a list of calls."""
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Malformed("Telnyx sent tool calls that are not a list of objects.")
        made: list[dict[str, Any]] = []
        for position, entry in enumerate(entries):
            function = calls.function_of(entry)
            name = calls.name_of(function)
            arguments = calls.arguments_text(function.get("arguments"))
            self._meter.count(arguments)
            call = self._find(entry, name, position if len(entries) > 1 else -1)
            if call is not self._calls[0] and calls.only_first(self._expects):
                continue
            call.name = call.name or name
            call.empty = call.empty and not arguments
            self._remember(call, arguments)
            piece = self._piece(call, entry, function, arguments)
            if piece is not None:
                _merge(made, piece)
        return made

    def finish(self, made: list[dict[str, Any]], *, check: bool) -> None:
        """Add to `made`, what the last delta hands on, all that was held back; `check` what is whole now."""
        for call in self._calls[:1] if calls.only_first(self._expects) else self._calls:
            arguments = "".join(call.parts) if call.parts is not None else None
            if calls.is_custom(self._expects, call.name):
                entry = {"index": self._next(call), "id": call.id}
                made.append(calls.custom(entry, call.name, arguments or ""))
            elif call.index is None:  # a name never came
                function = {"name": "", "arguments": arguments or calls.NO_ARGUMENTS}
                made.append({"index": self._next(call), "id": call.id, "type": "function", "function": function})
            elif call.empty:
                _merge(made, {"index": call.index, "function": {"arguments": calls.NO_ARGUMENTS}})
            if check and arguments is not None and self._checks is not None:
                self._checks.arguments(call.name, arguments or calls.NO_ARGUMENTS)

    def _find(self, entry: dict[str, Any], name: str, position: int) -> _Call:
        """The call that a piece belongs to: by its index, else by its id, else by its place and name.

        Some providers give every parallel call the index 0: another id together with another name is another call.
        """
        index, known = entry.get("index"), entry.get("id")
        identity = known if isinstance(known, str) else ""
        if type(index) is int:
            call = self._by_index.get(index)
            if call is None or (identity and name and call.upstream_id and identity != call.upstream_id):
                call = self._by_index[index] = self._open()
        else:
            call = self._without_index(identity, name, position)
        if identity and not call.upstream_id:
            call.upstream_id = identity
            if call.index is None:
                call.id = identity
        return call

    def _without_index(self, identity: str, name: str, position: int) -> _Call:
        if identity:
            known = next((call for call in self._calls if call.upstream_id == identity), None)
            return known or self._open()
        if -len(self._calls) <= position < len(self._calls):
            call = self._calls[position]
            if not name or call.name in {"", name}:
                return call
        return self._open()

    def _open(self) -> _Call:
        if len(self._calls) >= MOST:
            raise Malformed(f"Telnyx sent more than {MOST} tool calls at once.")
        call = _Call(calls.call_id(*self._id, len(self._calls)))
        self._calls.append(call)
        self.seen = True
        return call

    def _next(self, call: _Call) -> int:
        call.index = self._handed_on
        self._handed_on += 1
        return call.index

    def _remember(self, call: _Call, arguments: str) -> None:
        """Keep the arguments as long as somebody needs them. Raises Malformed where that grows too large."""
        if call.parts is None:
            return
        held_back = not call.name or calls.is_custom(self._expects, call.name)
        kept = self._meter.hold(arguments) if held_back or call.name in self._expects.tool_schemas else True
        if held_back and not kept:
            raise Malformed("Telnyx sent a tool call that is too large to be held until it is complete.")
        if kept or call.index is None:  # the first piece to go out is made of all there was
            call.parts.append(arguments)
        else:
            call.parts = None  # it stays unchecked

    def _piece(
        self, call: _Call, entry: dict[str, Any], function: dict[str, Any], arguments: str
    ) -> dict[str, Any] | None:
        """The delta to hand on, or None while the call is held back."""
        if call.index is not None:
            made = {key: value for key, value in entry.items() if key not in _ONCE}
            rest = {key: value for key, value in function.items() if key != "name"}
            return {**made, "index": call.index, "function": {**rest, "arguments": arguments}}
        if not call.name or calls.is_custom(self._expects, call.name):
            return None
        whole = "".join(call.parts or ())
        if call.name not in self._expects.tool_schemas:
            call.parts = None
        made = {key: value for key, value in entry.items() if key not in calls.FLAT}
        named = {**function, "name": call.name, "arguments": whole}
        return {**made, "index": self._next(call), "id": call.id, "type": "function", "function": named}


def _merge(made: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    """Add a piece; two pieces of one call within one delta become one, because libraries look for an index once."""
    for other in made:
        if other["index"] == piece["index"]:
            other["function"]["arguments"] += piece["function"]["arguments"]
            return
    made.append(piece)
