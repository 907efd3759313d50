"""A recording on disk."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.edge.uploads import WRITTEN, Spool
from proxy.errors import StoreUnavailable


async def given(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_what_was_written_is_read_as_often_as_it_is_wanted() -> None:
    pieces = [bytes([number]) * (WRITTEN // 3) for number in range(10)]
    with Spool() as spool:
        await spool.take(given(*pieces))
        assert spool.size == sum(map(len, pieces))
        for _ in range(2):
            read = [piece async for piece in spool.pieces()]
            assert b"".join(read) == b"".join(pieces)
            assert max(map(len, read)) <= WRITTEN


async def test_an_empty_one() -> None:
    with Spool() as spool:
        await spool.take(given())
        assert [piece async for piece in spool.pieces()] == []


async def test_it_has_no_name() -> None:
    with Spool() as spool:
        await spool.take(given(b"secret"))
        assert os.fstat(spool._file.fileno()).st_nlink == 0


async def test_where_nothing_can_be_written_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        Spool()
