"""Answers kept for `Idempotency-Key`: a create that is sent twice is done once, and answered the same."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from proxy.storage import schema
from proxy.storage.connections import AsyncConnection

KEPT = 24 * 3600
"""Seconds an answer is kept, as Stripe has it (https://docs.stripe.com/api/idempotent_requests)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered before.

    Attributes:
        fingerprint: SHA-256 of method, path and body, which a repetition must share.
        status: of the answer; answer: its body, sealed.
    """

    fingerprint: bytes
    status: int
    answer: bytes


async def find(connection: AsyncConnection, actor: str, key: str, now: int) -> Answered | None:
    """What this actor was answered under this key, if that is no longer ago than `KEPT`."""
    kept = schema.IDEMPOTENCY
    query = select(kept.c.fingerprint, kept.c.status, kept.c.answer)
    mine = (kept.c.actor == actor, kept.c.key == key, kept.c.created_at > now - KEPT)
    row = (await connection.execute(query.where(*mine))).one_or_none()
    return None if row is None else Answered(row.fingerprint, row.status, row.answer)


async def keep(connection: AsyncConnection, actor: str, key: str, now: int, answered: Answered) -> None:
    """Keep an answer, and forget all that are too old. Raises IntegrityError where there is one already."""
    kept = schema.IDEMPOTENCY
    await connection.execute(delete(kept).where(kept.c.created_at <= now - KEPT))
    row = {"fingerprint": answered.fingerprint, "status": answered.status, "answer": answered.answer}
    await connection.execute(insert(kept).values(actor=actor, key=key, created_at=now, **row))
