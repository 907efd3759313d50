"""What was done to a request, and how the client, the log and the metrics are told.

Nearly every request of an application has the same few things done to it, so the words for a list of changes are found
once and kept. That is why a change is a tuple: it can be looked up, and is cheap to make.
"""

from functools import lru_cache
from typing import NamedTuple

CHANGE_KINDS = ("renamed", "aliased", "injected", "forced", "capped", "converted", "emulated", "dropped", "lossy",
                "repaired", "estimated")  # fmt: skip
"""The words of the changes header, in the order they stand there."""


class Change(NamedTuple):
    """One thing the proxy did to a request.

    Attributes:
        kind: one of CHANGE_KINDS.
        field: the path of the field (`max_completion_tokens`, `messages[].role`). Positions are left out, so that the
            header stays short in long conversations and the set of paths stays small.
        detail: what stands beside it in the header: the new name of a rename, the value of an injection.
        reason: a sentence for people, shown by `telnyx-proxy explain`.
    """

    kind: str
    field: str
    detail: str = ""
    reason: str = ""

    def text(self) -> str:
        """As it stands in the header: `a>b` for a rename or alias, `field:value` for an injection, else the field."""
        if not self.detail:
            return self.field
        return f"{self.field}>{self.detail}" if self.kind in {"renamed", "aliased"} else f"{self.field}:{self.detail}"


HEADER_LIMIT = 4096
"""Bytes of `x-telnyx-proxy-changes` at most: OpenAI's client libraries budget 64 KiB for all headers together."""
TOLD_KEPT = 512
"""Different lists of changes whose words are kept. Applications send the same few fields again and again."""
TOLD_LONGEST = 16
"""Changes of a list that is kept; a longer one is made of what a client invented, and would only take room."""


class Told(NamedTuple):
    """All that was done to one request, in words.

    Attributes:
        header: `renamed=a>b; injected=temperature:1,enable_thinking:false; dropped=user`, printable ASCII, at most
            4 KiB; "" where nothing was done.
        pairs: (field path, kind of change), for the record. An alias is the client's word for a model, not a field,
            and stands there as `model`.
    """

    header: str
    pairs: tuple[tuple[str, str], ...]


class Changes(list[Change]):
    """All that was done to one request, in order."""

    __slots__ = ()

    def told(self) -> Told:
        """What the client and the record hear of it. The same few lists come again and again, so they are kept."""
        return _told_before(tuple(self)) if len(self) <= TOLD_LONGEST else _told(tuple(self))

    def header(self) -> str:
        """The words for the client alone."""
        return self.told().header


def _told(changes: tuple[Change, ...]) -> Told:
    pairs = tuple(("model" if change.kind == "aliased" else change.field, change.kind) for change in changes)
    return Told(_header(changes), pairs)


_told_before = lru_cache(TOLD_KEPT)(_told)


def _header(changes: tuple[Change, ...]) -> str:
    by_kind: dict[str, dict[str, None]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, {})[change.text()] = None
    text = "; ".join(f"{kind}={','.join(by_kind[kind])}" for kind in CHANGE_KINDS if kind in by_kind)
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text if len(text) <= HEADER_LIMIT else text[: HEADER_LIMIT - 3] + "..."
