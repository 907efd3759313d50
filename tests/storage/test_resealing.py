import pytest

from proxy.storage.audit import Wanted
from proxy.storage.idempotency import Answered
from proxy.storage.refusals import SecretRefused
from proxy.storage.resealing import reseal
from proxy.storage.sealing import sealing
from proxy.storage.secrets import check_sealing
from proxy.storage.store import CREDENTIAL, Store
from tests.storage.databases import ACTOR

PEPPER, OLD, NEW = "pepper-pepper-pepper", "old-old-old-old-old", "new-new-new-new-new"
BEFORE, BOTH, AFTER = (sealing(PEPPER, keys) for keys in ([OLD], [NEW, OLD], [NEW]))


@pytest.fixture
async def sealed(store: Store) -> Store:
    await check_sealing(store.database, BEFORE)
    async with store.changing(ACTOR) as session:
        for number in range(3):
            secret = f"KEY{number}".encode()
            row = {"id": f"c{number}", "tenant": "acme", "name": f"n{number}", "kind": "sealed"}
            await session.add(CREDENTIAL, row | {"sealed": BEFORE.seal(secret)})
        await session.add(CREDENTIAL, {"id": "env", "tenant": "acme", "name": "e", "kind": "env", "reference": "X"})
        await session.keep_answer("once", Answered(b"f" * 32, 201, BEFORE.seal(b"answer")))
        await session.keep_answer("odd", Answered(b"f" * 32, 201, b"not sealed at all"))
    return store


async def test_afterwards_the_old_key_can_go(sealed: Store) -> None:
    assert await reseal(sealed, BOTH, ACTOR) == 3
    await check_sealing(sealed.database, AFTER)
    with pytest.raises(SecretRefused):
        await check_sealing(sealed.database, BEFORE)
    async with sealed.changing(ACTOR) as session:
        rows = await session.find(CREDENTIAL, kind="sealed")
        answer = await session.answered("once")
        odd = await session.answered("odd")
    assert [AFTER.open(row["sealed"]) for row in rows] == [b"KEY0", b"KEY1", b"KEY2"]
    assert answer is not None
    assert AFTER.open(answer.answer) == b"answer"
    assert odd is not None
    assert await sealed.generation() == 2


async def test_it_is_audited_without_what_is_sealed(sealed: Store) -> None:
    await reseal(sealed, BOTH, ACTOR)
    async with sealed.reading() as session:
        rows = (await session.audit_page(Wanted(actions=("credential.resealed",)), 10)).rows
    assert [row["object_id"] for row in rows] == ["c2", "c1", "c0"]
    assert all("sealed" not in row["after"] for row in rows)


async def test_one_that_cannot_be_opened_stops_all(sealed: Store) -> None:
    async with sealed.changing(ACTOR) as session:
        await session.change(CREDENTIAL, "c1", {"sealed": sealing(PEPPER, ["lost-lost-lost-lost"]).seal(b"x")})
    before = await sealed.snapshot()
    with pytest.raises(SecretRefused, match="opens the credential 'n1' of tenant 'acme'"):
        await reseal(sealed, BOTH, ACTOR)
    assert await sealed.snapshot() == before
