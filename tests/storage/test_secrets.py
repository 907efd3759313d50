import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.storage.idempotency import Answered
from proxy.storage.refusals import SecretRefused
from proxy.storage.sealing import Sealing, sealing
from proxy.storage.secrets import check_sealing, sealing_for, secret_files
from proxy.storage.store import CREDENTIAL, Store
from tests.storage.databases import ACTOR, Hand, Open

PEPPER, OLD, NEW = "pepper-pepper-pepper", "old-old-old-old-old", "new-new-new-new-new"
SHA = b"s" * 32


def made(tmp_path: Path, pepper: str | None = None, *keys: str) -> Sealing:
    return sealing_for("sqlite:///data/proxy.db", tmp_path, pepper, keys)


def same(one: Sealing, other: Sealing) -> bool:
    return one.digest(SHA) == other.digest(SHA) and other.open(one.seal(b"x")) == b"x"


async def seal_a_credential(store: Store, seals: Sealing) -> None:
    row = {"id": "c", "tenant": "acme", "name": "main", "kind": "sealed", "sealed": seals.seal(b"KEY")}
    async with store.changing(ACTOR) as session:
        await session.add(CREDENTIAL, row)


def test_both_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert same(first, made(tmp_path))
    files = secret_files(tmp_path / "data" / "proxy.db")
    assert [path.name for path in files] == ["proxy.db.pepper", "proxy.db.encryption-key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert len({path.read_text() for path in files}) == 2


def test_of_many_processes_that_start_at_once_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: made(tmp_path), range(16)))
    assert all(same(found[0], other) for other in found)


def test_given_ones_win_and_nothing_is_made(tmp_path: Path) -> None:
    assert same(made(tmp_path, PEPPER, NEW, OLD), sealing(PEPPER, [NEW]))
    assert not list(tmp_path.iterdir())


def test_one_may_be_given_and_the_other_made(tmp_path: Path) -> None:
    assert made(tmp_path, PEPPER).digest(SHA) == sealing(PEPPER, [OLD]).digest(SHA)
    assert [path.exists() for path in secret_files(tmp_path / "data" / "proxy.db")] == [False, True]


@pytest.mark.parametrize(("pepper", "keys"), [("short", (OLD,)), (PEPPER, (OLD, "short"))])
def test_short_ones_are_refused_and_not_repeated(tmp_path: Path, pepper: str, keys: tuple[str, ...]) -> None:
    with pytest.raises(SecretRefused, match="16 characters or more") as refused:
        made(tmp_path, pepper, *keys)
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(("pepper", "keys", "name"), [(None, [OLD], "pepper"), (PEPPER, [], "encryption_keys")])
def test_postgresql_needs_both_given(pepper: str | None, keys: list[str], name: str) -> None:
    with pytest.raises(SecretRefused, match=f"storage.{name} must be set for PostgreSQL"):
        sealing_for("postgresql://u@db/proxy", Path(), pepper, keys)


def test_postgresql_with_both() -> None:
    assert same(sealing_for("postgresql://u@db/proxy", Path(), PEPPER, [OLD], "word"), sealing(PEPPER, [OLD]))


def test_a_file_that_everybody_reads_is_refused(tmp_path: Path) -> None:
    made(tmp_path)
    pepper = secret_files(tmp_path / "data" / "proxy.db")[0]
    pepper.chmod(0o640)
    made(tmp_path)  # a group: Kubernetes does that
    pepper.chmod(0o604)
    with pytest.raises(SecretRefused, match="by everybody: chmod o-rwx"):
        made(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 40])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    made(tmp_path)
    secret_files(tmp_path / "data" / "proxy.db")[1].write_bytes(content)
    with pytest.raises(SecretRefused, match="does not hold a secret"):
        made(tmp_path)


@pytest.mark.parametrize(("lost", "setting"), [(0, "storage.pepper"), (1, "storage.encryption_keys")])
async def test_a_lost_file_is_not_made_anew(tmp_path: Path, opening: Open, lost: int, setting: str) -> None:
    database = await opening("sqlite:///data/proxy.db", folder=tmp_path)
    await check_sealing(database, made(tmp_path))
    gone = secret_files(tmp_path / "data" / "proxy.db")[lost]
    gone.unlink()
    with pytest.raises(SecretRefused, match=f"is missing.*set {setting}"):
        made(tmp_path)
    assert not gone.exists()


def test_a_file_that_is_no_database_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "proxy.db").write_bytes(b"nothing of the kind" * 100)
    made(tmp_path)


async def test_the_first_ones_are_remembered(store: Store) -> None:
    await check_sealing(store.database, sealing(PEPPER, [OLD]))
    await check_sealing(store.database, sealing(PEPPER, [OLD]))
    with pytest.raises(SecretRefused, match="every key in this database would fail") as refused:
        await check_sealing(store.database, sealing("another-another", [OLD]))
    assert "another" not in str(refused.value)
    assert "pepper-pepper" not in str(refused.value)


async def test_who_comes_first_at_once_decides(store: Store, second: Store) -> None:
    ours = [sealing(f"{PEPPER}{number}", [OLD]) for number in range(4)]
    work = (check_sealing((store, second)[number % 2].database, each) for number, each in enumerate(ours))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert [type(each) for each in outcomes if each is not None] == [SecretRefused] * 3


async def test_an_older_key_further_down_is_fine(store: Store) -> None:
    await check_sealing(store.database, sealing(PEPPER, [OLD]))
    await seal_a_credential(store, sealing(PEPPER, [OLD]))
    await check_sealing(store.database, sealing(PEPPER, [NEW, OLD]))
    await check_sealing(store.database, sealing(PEPPER, [OLD]))


async def test_a_wrong_key_is_refused_where_it_would_be_needed(store: Store) -> None:
    await check_sealing(store.database, sealing(PEPPER, [OLD]))
    await seal_a_credential(store, sealing(PEPPER, [OLD]))
    with pytest.raises(SecretRefused, match=r"\(1 Telnyx key\): add the old one behind the new one"):
        await check_sealing(store.database, sealing(PEPPER, [NEW]))


async def test_a_new_key_is_taken_while_nothing_is_sealed(store: Store) -> None:
    await check_sealing(store.database, sealing(PEPPER, [OLD]))
    async with store.changing(ACTOR) as session:
        await session.keep_answer("once", Answered(b"f" * 32, 201, sealing(PEPPER, [OLD]).seal(b"{}")))
    await check_sealing(store.database, sealing(PEPPER, [NEW]))
    async with store.changing(ACTOR) as session:
        assert await session.answered("once") is None
    await check_sealing(store.database, sealing(PEPPER, [NEW]))


async def test_the_store_of_a_fresh_configuration(tmp_path: Path, opening: Open) -> None:
    """As `serve` does it: the secrets may be made before the database is."""
    seals = made(tmp_path)
    store = Store(await opening("sqlite:///data/proxy.db", folder=tmp_path), Hand().clock)
    await check_sealing(store.database, seals)
    await check_sealing(store.database, made(tmp_path))
