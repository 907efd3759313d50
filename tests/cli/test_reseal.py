import asyncio
from pathlib import Path

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.cli.main import main
from proxy.cli.storing import opened
from proxy.storage.store import CREDENTIAL

OLD, NEW = "old-old-old-old-old", "new-new-new-new-new"


def configure(config: Path, *keys: str) -> None:
    listed = ", ".join(f"{{value: {key}}}" for key in keys)
    config.write_text(f"storage: {{url: sqlite:///proxy.db, encryption_keys: [{listed}]}}")


async def add(config: Path) -> None:
    async with opened(config) as (_, store, sealing), store.changing(COMMAND_LINE) as session:
        row = {"id": "c", "tenant": "acme", "name": "main", "kind": "sealed", "sealed": sealing.seal(b"KEY")}
        await session.add(CREDENTIAL, row)


async def read(config: Path) -> bytes:
    async with opened(config) as (_, store, sealing), store.reading() as session:
        return sealing.open((await session.get(CREDENTIAL, "c"))["sealed"])


def test_a_change_of_the_encryption_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "proxy.yaml"
    command = ["reseal", "--config", str(config)]
    configure(config, OLD)
    asyncio.run(add(config))
    configure(config, NEW)
    assert main(command) == 1
    assert "add the old one behind the new one" in capsys.readouterr().err
    configure(config, NEW, OLD)
    assert main(command) == 0
    assert capsys.readouterr().out == "1 credential is encrypted under the first key\n"
    configure(config, NEW)
    assert asyncio.run(read(config)) == b"KEY"
