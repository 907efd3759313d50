"""A recording on disk."""

import os
from collections.abc import AsyncIterator

from proxy.edge.uploads import WRITTEN, Spool


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
