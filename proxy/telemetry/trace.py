"""Reading the W3C trace context, so that a log line can be found from the trace of the application that called."""

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


class Context(NamedTuple):
    """What a `traceparent` header says: 32 and 16 hex digits, and whether the caller records this trace."""

    trace_id: str
    parent_id: str
    sampled: bool


def context(traceparent: str | None) -> Context | None:
    """What a `traceparent` header says; None if there is none or it is not valid.

    "All bytes as zero is considered an invalid value" for both ids, and so is version ff. Version 00 ends after the
    flags; a later version may go on after another dash (https://www.w3.org/TR/trace-context/#traceparent-header).
    """
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return None
    version, trace, parent, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not (trace.strip("0") and parent.strip("0")):
        return None
    return Context(trace, parent, bool(int(flags, 16) & _SAMPLED))
