"""Reading the W3C trace context, so that a log line can be found from the trace of the application that called."""

import re

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def trace_id(traceparent: str | None) -> str | None:
    """The trace id, 32 hex digits, of a `traceparent` header; None if there is none or it is not valid.

    "All bytes as zero is considered an invalid value" for both ids, and so is version ff. Version 00 ends after the
    flags; a later version may go on after another dash (https://www.w3.org/TR/trace-context/#traceparent-header).
    """
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return None
    version, trace, parent, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not (trace.strip("0") and parent.strip("0")):
        return None
    return trace
