"""What is kept of the Responses API, as it is handed over: responses, conversations, pages of items."""

from dataclasses import dataclass, field
from typing import Any

Item = dict[str, Any]

UNFINISHED = ("queued", "in_progress")
"""Statuses of a response that is still being made."""
TURNS = ("completed", "incomplete")
"""Statuses with which a response becomes part of its conversation."""
FAILED = "failed"
CANCELLED = "cancelled"
DELETED = "deleted"
"""No status of OpenAI's: the response is a link of a chain and nothing else."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how much. `keep`: seconds; `size`, `tenant_size`: bytes."""

    keep: int
    size: int
    tenant_size: int


@dataclass(slots=True)
class Stored:
    """One response.

    Attributes:
        id, tenant, key_id: what it is called, whose it is, by which key it was made ("" where the key has no id).
        created_at: Unix seconds.
        status: of the response object: queued, in_progress, completed, incomplete, failed, cancelled.
        background: made without its client.
        response: the response object as the client has it, its output included.
        input: the items of this turn as they were sent, each with an id.
        previous: the response before it; conversation: the one it belongs to. At most one of the two.
        worker: who makes it, for responses in the background, until it has ended.
        lease: Unix seconds until which that process is taken to be alive, as the database has it.
    """

    id: str
    tenant: str
    created_at: int
    status: str
    response: dict[str, Any]
    input: list[Item] = field(default_factory=list)
    previous: str | None = None
    conversation: str | None = None
    background: bool = False
    key_id: str = ""
    worker: str = ""
    lease: int = field(default=0, compare=False)


@dataclass(slots=True)
class Conversation:
    """One conversation: `metadata` is the client's; `created_at` Unix seconds."""

    id: str
    tenant: str
    created_at: int
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A part of a list. `more`: whether others follow."""

    items: list[Item]
    more: bool
