from dataclasses import replace

from sqlalchemy import func, select

from proxy.storage import state_saving
from proxy.storage.database import Database
from proxy.storage.state_schema import RESPONSE_ITEMS, RESPONSES
from tests.storage.databases import NOW
from tests.storage.states import BOUNDS, database, emptied, made, url

__all__ = ["database", "emptied", "url"]

EVERY = ("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")
ENDS = EVERY[2:5]


async def test_what_may_take_the_place_of_what(database: Database) -> None:
    async with database.begin() as connection:
        for before in (*EVERY, "deleted"):
            replaced = set()
            for after in EVERY:
                name = f"{before}-{after}"
                draft = await state_saving.drafted(made(name, before, created_at=NOW), BOUNDS)
                await state_saving.save(connection, draft, NOW, BOUNDS)
                again = await state_saving.drafted(made(name, after, created_at=NOW), BOUNDS)
                if await state_saving.save(connection, again, NOW, BOUNDS) is not None:
                    replaced.add(after)
            if before in EVERY[:2]:
                assert replaced == set(EVERY), before
            else:
                answers = {"completed", "incomplete"} if before in ENDS else set()
                assert replaced == (answers | ({before} & set(EVERY))), before


async def test_the_place_of_an_item_is_kept_once(database: Database) -> None:
    stored = made("1")
    stored.input *= 3
    draft = await state_saving.drafted(replace(stored, worker="w"), BOUNDS)
    assert draft.items == ["in_1", "out_1"]
    assert draft.row["worker"] is None
    async with database.begin() as connection:
        for _ in range(2):
            await state_saving.save(connection, draft, NOW, BOUNDS)
        assert (await connection.execute(select(func.count()).select_from(RESPONSE_ITEMS))).scalar_one() == 2
        assert (await connection.execute(select(RESPONSES.c.saves))).scalars().all() == [2]
