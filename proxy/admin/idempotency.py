"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, gets the same answer and does nothing.

The answer is kept in the transaction that made the change, so there is never one without the other. A POST that failed
is not remembered. Of two at the same time one is done; the other waits for it, or hears that it should ask again.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy import codec
from proxy.admin.operations import Reply
from proxy.errors import Conflict, InvalidRequest
from proxy.storage.idempotency import Answered
from proxy.storage.sealing import Sealing, Unreadable
from proxy.storage.store import Session

HEADER = "Idempotency-Key"
CODE = "idempotency_key_reused"
_KEY = re.compile(r"[!-~]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Claim:
    """One use of a key: what it was used for, as the SHA-256 of path, query and body."""

    key: str
    fingerprint: bytes


def claim(key: str, path: str, query: Mapping[str, Sequence[str]], body: Any) -> Claim:
    """From a POST. Raises InvalidRequest for a key that is none."""
    if not _KEY.match(key):
        raise InvalidRequest(f"{HEADER} must be 1 to 255 visible ASCII characters.", param=HEADER)
    parts = [path.encode("utf-8", "surrogateescape"), codec.encode(sorted(query.items())), codec.encode(body)]
    return Claim(key, hashlib.sha256(b"\n".join(parts)).digest())


async def recall(session: Session, sealing: Sealing, wanted: Claim) -> Reply | None:
    """The answer that is remembered, None where there is none. Raises Conflict for another request."""
    found = await session.answered(wanted.key)
    if found is None:
        return None
    if bytes(found.fingerprint) != wanted.fingerprint:
        raise Conflict(f"This {HEADER} was used for another request; use a new one.", code=CODE)
    try:
        kept = codec.decode(sealing.open(bytes(found.answer)))
    except Unreadable:
        message = f"A request with this {HEADER} was done; its answer cannot be read any more with these keys."
        raise Conflict(message, code=CODE) from None
    return Reply(kept["value"], found.status, kept["revision"], tuple(kept["warnings"]), replayed=True)


async def keep(session: Session, sealing: Sealing, wanted: Claim, reply: Reply) -> None:
    """Remember an answer. It is sealed, because it may hold a secret. Raises Conflict where another was faster."""
    kept = {"value": reply.value, "revision": reply.revision, "warnings": reply.warnings}
    answer = sealing.seal(codec.encode(kept))
    await session.keep_answer(wanted.key, Answered(wanted.fingerprint, reply.status, answer))
