"""One spool, one database."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from proxy.storage.binding import MARKER, OtherDatabase, _mark, bind
from proxy.storage.segments import Place
from proxy.storage.store import Store
from tests.storage.databases import Open


async def test_a_spool_belongs_to_the_first_database(store: Store, second: Store, tmp_path: Path) -> None:
    root = tmp_path / "deep" / "spool"
    await bind(store.database, root)
    name = (root / MARKER).read_bytes()
    await bind(second.database, root)
    assert (root / MARKER).read_bytes() == name
    await bind(store.database, tmp_path / "another")
    assert (tmp_path / "another" / MARKER).read_bytes() == name


async def test_another_database_gets_it_only_when_nothing_waits(store: Store, opening: Open, tmp_path: Path) -> None:
    root = tmp_path / "spool"
    await bind(store.database, root)
    place = Place.make(root)
    os.close(place.new(1, b"x"))
    other = await opening(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(OtherDatabase, match="another database"):
        await bind(other, root)
    place.path(1).unlink()
    place.remove()
    (root / f"2-{'0' * 16}").mkdir()
    await bind(other, root)
    (root / "of somebody else").mkdir()
    await bind(store.database, root)
    await bind(other, root)
    (root / f"1-{'0' * 16}").mkdir()
    (root / f"1-{'0' * 16}" / "lock").touch()
    with pytest.raises(OtherDatabase):
        await bind(store.database, root)


def test_workers_that_start_together_with_another_database_do_not_disturb_each_other(tmp_path: Path) -> None:
    for root in (tmp_path / str(number) for number in range(20)):
        _mark(root, b"old")
        together = Barrier(8)

        def start(root: Path = root, together: Barrier = together) -> Place:
            together.wait()
            _mark(root, b"new")
            return Place.make(root)

        with ThreadPoolExecutor(8) as threads:
            places = [future.result() for future in [threads.submit(start) for _ in range(8)]]
        assert (root / MARKER).read_bytes() == b"new"
        for place in places:
            place.leave()
