"""Encrypting anew: after it, every Telnyx key is under the first of the encryption keys, and the others can go."""

from sqlalchemy import select, update

from proxy.accounts.roles import Actor
from proxy.storage import schema
from proxy.storage.refusals import SecretRefused
from proxy.storage.sealing import Sealing, Unreadable
from proxy.storage.secrets import remember
from proxy.storage.store import CREDENTIAL, Session, Store


async def reseal(store: Store, sealing: Sealing, actor: Actor) -> int:
    """Encrypt everything under the first key, in one transaction; how many credentials there are.

    Each is a change of its credential in the audit log. Raises SecretRefused where one cannot be opened, and then
    nothing is changed; StoreUnavailable.
    """
    async with store.changing(actor) as session:
        sealed = [row for row in await session.find(CREDENTIAL) if row["sealed"] is not None]
        for row in sealed:
            try:
                anew = sealing.renew(row["sealed"])
            except Unreadable:
                raise SecretRefused(
                    f"no key of storage.encryption_keys opens the credential '{row['name']}' of tenant "
                    f"'{row['tenant']}': set it anew or delete it. Nothing was changed"
                ) from None
            await session.change(CREDENTIAL, row["id"], {"sealed": anew}, action="resealed")
        await _answers(session, sealing)
        await remember(session.connection, sealing)
    return len(sealed)


async def _answers(session: Session, sealing: Sealing) -> None:
    """Kept answers, too; one that cannot be opened is of no use to anybody and runs out by itself."""
    kept = schema.IDEMPOTENCY
    for row in await session.connection.execute(select(kept.c.actor, kept.c.key, kept.c.answer)):
        try:
            anew = sealing.renew(row.answer)
        except Unreadable:
            continue
        where = (kept.c.actor == row.actor, kept.c.key == row.key)
        await session.connection.execute(update(kept).where(*where).values(answer=anew))
