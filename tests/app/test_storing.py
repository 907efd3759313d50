"""Opening what is kept."""

import stat
from pathlib import Path
from typing import Any

import pytest

from proxy.app.storing import name_of, opened
from proxy.settings import Settings
from proxy.settings.model import Listen
from proxy.storage.store import TENANT


def settings(**storage: Any) -> Settings:
    return Settings.model_validate({"upstream": {"api_key": None}, "storage": storage})


async def test_where_nothing_is_kept_there_is_nothing() -> None:
    async with opened(settings(url=None)) as kept:
        assert kept is None


async def test_a_file_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    given = settings(url=f"sqlite:///{tmp_path}/data/proxy.db")
    digests = []
    for _ in range(2):
        async with opened(given) as kept:
            assert kept is not None
            await kept.refresh()
            digests.append(kept.sealing.digest(bytes(32)))
            async with kept.store.reading() as session:
                assert await session.find(TENANT) == []
    assert digests[0] == digests[1]
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ({"url": "postgresql://nobody@127.0.0.1:1/none", "pepper": {"value": "p" * 32}}, "encryption_keys"),
        (
            {
                "url": "postgresql://nobody@127.0.0.1:1/none",
                "password": {"value": "the-password"},
                "pepper": {"value": "p" * 32},
                "encryption_keys": [{"value": "k" * 32}],
            },
            "storage.url",
        ),
    ],
)
async def test_what_cannot_be_opened_is_told(storage: Any, told: str) -> None:
    with pytest.raises(OSError, match=told) as caught:
        async with opened(settings(**storage)):
            pass
    assert "the-password" not in str(caught.value)


async def test_another_pepper_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/proxy.db"
    async with opened(settings(url=url, pepper={"value": "p" * 32})):
        pass
    with pytest.raises(OSError, match="pepper"):
        async with opened(settings(url=url, pepper={"value": "q" * 32})):
            pass


def test_a_process_is_known_by_a_name_that_nobody_else_has() -> None:
    sure = Listen(port=8080)
    assert name_of(sure, 1) == name_of(sure, 1) != name_of(sure, 2)
    assert name_of(sure, 1) != name_of(Listen(port=8081), 1)
    assert name_of(Listen(port=0), 1) != name_of(Listen(port=0), 1)
    shared = Listen(port=8080, reuse_port=True)
    assert name_of(shared, 1) != name_of(shared, 1)
    assert len(name_of(shared, 1000)) <= 128, "the column of the database"
