"""How a request ended, in a word and a sentence: what lists show beside its status, and what its story ends with."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from proxy.accounts import ledger
from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE

Tone = Literal["good", "warn", "bad", "muted"]
"""good: served · warn: refused, or the client left · bad: failed or cut short · muted: nobody knows."""
ICONS: Mapping[Tone, str] = {"good": "✓", "warn": "!", "bad": "✕", "muted": "?"}
"""Beside the word, so that colour alone says nothing."""


class Outcome(NamedTuple):
    """One end of a request."""

    tone: Tone
    word: str
    sentence: str

    @property
    def icon(self) -> str:
        """A sign for the tone."""
        return ICONS[self.tone]


ENDS: Mapping[str, Outcome] = {
    COMPLETE: Outcome("good", "complete", "The whole stream was handed on."),
    "truncated": Outcome("bad", "truncated", "Telnyx closed the stream before it said that the answer was finished."),
    "upstream_error": Outcome("bad", "error in stream", "Telnyx sent an error in the middle of the stream."),
    "upstream_reset": Outcome("bad", "connection broke", "The connection to Telnyx broke in the middle of the stream."),
    "malformed": Outcome("bad", "malformed", "Telnyx sent something that is no part of a stream."),
    "stalled": Outcome("bad", "stalled", "Telnyx fell silent for longer than timeouts.between_chunks."),
    "timeout": Outcome("bad", "timed out", "The answer took longer than timeouts.total."),
    "client_disconnected": Outcome("warn", "client left", "The client went away before the answer was complete."),
    "shutdown": Outcome("bad", "proxy stopped", "The proxy was stopped while the answer was under way."),
    "internal_error": Outcome("bad", "internal error", "A bug here; the log has the cause under this request's id."),
    ABORTED: Outcome(
        "muted",
        "aborted",
        "The process of the proxy was killed while the request was under way. What the answer held is not known; the "
        "input is estimated.",
    ),
}
"""`stream_end` -> how it ended."""

SERVED = Outcome("good", "served", "The whole answer was handed to the client.")
LEFT = Outcome("warn", "client left", "The client went away before it got an answer.")
REFUSED = Outcome("warn", "refused", "The request was refused; the client can mend it.")
FAILED = Outcome("bad", "failed", "The request failed, and the client was told so.")
UNKNOWN = Outcome("muted", "unknown", "Nothing was sent to the client.")
_OK = 200


def outcome(row: Mapping[str, Any]) -> Outcome:
    """How the request of a row of the ledger ended."""
    end, status = row["stream_end"], row["status"]
    if end in ENDS and (end == ABORTED or status < ledger.REFUSED or status == CLIENT_CLOSED):
        return ENDS[end]
    if status == CLIENT_CLOSED:
        return LEFT
    if status >= ledger.FAILED:
        return FAILED
    if status >= ledger.REFUSED:
        return REFUSED
    return SERVED if status >= _OK else UNKNOWN
