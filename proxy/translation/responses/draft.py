"""A response's request on its way to a chat request."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from proxy.translation import checks
from proxy.translation.responses.names import Names
from proxy.translation.responses.outline import Item
from proxy.translation.responses.places import Places
from proxy.translation.rules import Convert, Draft, Policy

QUIET = frozenset({
    "id", "type", "object", "status", "created_by", "caller", "async", "annotations", "logprobs",
})  # fmt: skip
"""Fields of an answer that applications send back with it, unasked; the model never saw them."""

CACHING = "Caching is up to Telnyx; the answer does not change."
DROPPED: Mapping[str, str] = {
    "prompt_cache_breakpoint": CACHING,
    "cache_control": CACHING,
    "phase": "Telnyx's models do not tell commentary from final answers.",
    "name": "Models' chat templates have no place for the name of a participant.",
    "namespace": "The call that is answered names the tool.",
    "defer_loading": "All tools are offered from the start.",
    "output_schema": "A function is offered with what it takes, not with what it gives.",
}
"""Fields of items, parts and tools that are left out, and why."""


def sealed_elsewhere(sealed: str) -> str | None:
    """What opens encrypted reasoning where nothing can be opened: nothing."""
    return None


class ResponseDraft(Draft):
    """What converters of this package read and write; `body` becomes a chat request.

    Attributes:
        history: items before this turn, and the field that names them, for faults in them.
        items: items of this turn, in the order of the client's `input`.
        open: sealed reasoning -> its text, None where it is not ours.
        refuses_tools: tools that nobody here can run are refused, not dropped.
        native: the items go to Telnyx as items; then no messages are made of them.
        names: what the model knows the tools of namespaces by.
        places: where in the client's request a place of the chat request comes from.
        echo: what the response object repeats of the request, where it is not the default.
        reasoning: how thinking is told: "text", "summary" or "none".
        encrypt: reasoning is handed out sealed, too.
    """

    __slots__ = (
        "echo", "encrypt", "history", "items", "names", "native", "open", "places", "reasoning", "refuses_tools",
    )  # fmt: skip

    def __init__(self, source: Mapping[str, Any], policy: Policy, items: Sequence[Item]) -> None:
        super().__init__(source, policy)
        self.items = items
        self.history: tuple[str, Sequence[Item]] = ("input", ())
        self.open: Callable[[str], str | None] = sealed_elsewhere
        self.refuses_tools = True
        self.native = False
        self.names = Names()
        self.places = Places()
        self.echo: dict[str, Any] = {}
        self.reasoning = "none" if policy.reasoning == "hide" else "text"
        self.encrypt = False

    def leave_out(self, name: str, at: str, value: Mapping[str, Any], known: frozenset[str]) -> None:
        """Say what of an object does not go on: `name` is noted (`input[]`), `at` is its exact place."""
        if value.keys() <= known:
            return
        for key, held in value.items():
            if not held or key in known or key in QUIET:
                continue
            reason = DROPPED.get(key)
            if reason is not None:
                self.note_once("dropped", f"{name}.{key}", reason)
            else:
                column = name.partition("[")[0]
                self.lose(f"{name}.*", "Telnyx knows no such field.", column, f"{at}.{checks.shorten(key)}")


def ours(function: Callable[[ResponseDraft, str, Any], None]) -> Convert:
    """A function for a row of a table that is only ever applied to a ResponseDraft."""
    return cast("Convert", function)
