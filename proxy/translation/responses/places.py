"""Where in the client's request something of the chat request comes from.

The chat translation names places of the chat request (`messages[2].content[1].file.file_data`). The client sent
something else, and must read its own words (`input[5].content[1].file_data`), in errors and in changes.
"""

import re
from collections.abc import Mapping

from proxy.errors import InvalidRequest
from proxy.translation.changes import Change, Changes

FIELDS: Mapping[str, str] = {
    "messages": "input",
    "messages[]": "input[]",
    "messages[].tool_calls[]": "input[]",
    "messages[].tool_calls[].custom": "input[].input",
    "messages[].content[]": "input[].content[]",
    "messages[].content[].file": "input[].content[].file_data",
    "tools[]": "tools[]",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "logprobs": "include",
}
"""Fields of the chat request and where the Responses API has them, as far as they differ."""

INNER: tuple[tuple[str, str], ...] = (
    (".image_url.url", ".image_url"),
    (".image_url.", "."),
    (".file.", "."),
    (".function.", "."),
    (".custom.", "."),
    (".json_schema.", "."),
    (".retrieval.bucket_ids", ".vector_store_ids"),
    (".retrieval.", "."),
)
"""Objects that the Responses API does without: what they hold stands one level higher."""

_STEP = re.compile(r"\.|\[")


class Places:
    """Places of one chat request and what of the client's request stands there."""

    __slots__ = ("_origins",)

    def __init__(self) -> None:
        self._origins: dict[str, str] = {}

    def add(self, place: str, origin: str) -> None:
        """At `place` of the chat request and below it stands what the client sent at `origin`."""
        self._origins[place] = origin

    def origin(self, place: str) -> str:
        """The place in the client's request."""
        cuts = [len(place), *(step.start() for step in reversed(list(_STEP.finditer(place))))]
        for cut in cuts:
            origin = self._origins.get(place[:cut]) or FIELDS.get(place[:cut])
            if origin is not None:
                return origin + _inner(place[cut:])
        return place

    def refusal(self, fault: InvalidRequest) -> InvalidRequest:
        """The same refusal in the client's words."""
        if fault.param is None:
            return fault
        origin = self.origin(fault.param)
        message = fault.message.replace(f"'{fault.param}'", f"'{origin}'")
        return InvalidRequest(message, param=origin, code=fault.code)

    def changes(self, changes: Changes) -> list[Change]:
        """The same changes in the client's words. What is put into Telnyx's request keeps Telnyx's name."""
        return [
            change if change.kind in {"injected", "forced"} else change._replace(field=self.origin(change.field))
            for change in changes
        ]


def clients_param(param: str | None) -> str | None:
    """A place that Telnyx names -> the client's. Of which item a message was made is not known any more."""
    if param is None:
        return None
    return FIELDS["messages"] if param.startswith("messages") else Places().origin(param)


def _inner(rest: str) -> str:
    for old, new in INNER:
        if rest.startswith(old):
            return new + rest[len(old) :]
    return rest
