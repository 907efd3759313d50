import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from proxy.storage import idempotency, schema
from proxy.storage.idempotency import KEPT, Answered
from proxy.storage.store import Store

ANSWER = Answered(b"f" * 32, 201, b"sealed")


async def test_answers_belong_to_one_actor(store: Store) -> None:
    async with store.database.begin() as connection:
        await idempotency.keep(connection, "me", "key", 100, ANSWER)
        await idempotency.keep(connection, "you", "key", 100, Answered(b"g" * 32, 409, b"other"))
        assert await idempotency.find(connection, "me", "key", 100) == ANSWER
        assert await idempotency.find(connection, "me", "other", 100) is None


async def test_what_is_too_old_is_forgotten_when_something_is_kept(store: Store) -> None:
    async with store.database.begin() as connection:
        for number in range(3):
            await idempotency.keep(connection, "me", f"key{number}", number, ANSWER)
        await idempotency.keep(connection, "me", "late", KEPT + 1, ANSWER)
        count = (await connection.execute(select(func.count()).select_from(schema.IDEMPOTENCY))).scalar_one()
    assert count == 2  # the one of second 2, and the late one


async def test_one_answer_only(store: Store) -> None:
    async with store.database.begin() as connection:
        await idempotency.keep(connection, "me", "key", 100, ANSWER)
        with pytest.raises(IntegrityError):
            await idempotency.keep(connection, "me", "key", 100, ANSWER)
