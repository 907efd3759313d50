"""What is written here is read by prometheus_client's own reader. Whole processes: see test_exposition."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.series import Count, Distribution
from proxy.telemetry.shared_counts import SharedCounts

HITS = Declaration("hits_total", "counter", "Hits.", ("tenant",))
WAITS = Declaration("waits", "histogram", "Waits.", ("tenant",), (1, 2))
BUSY = Declaration("busy", "gauge", "Busy.")
LAG = Declaration("lag", "gauge", "Lag.", merge="livemax")


def read(counts: SharedCounts) -> dict[str, float]:
    """`name{value,...}` -> number."""
    return {
        sample.name + "".join(f"{{{value}}}" for _, value in sorted(sample.labels.items())): sample.value
        for family in counts.collector().collect()
        for sample in family.samples
    }


Open = Callable[[], SharedCounts]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """What a process begins with. All share one directory, which is made where it is missing."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(SharedCounts(tmp_path / "made" / "where needed")))


@pytest.fixture
def counts(opened: Open) -> SharedCounts:
    return opened()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "made" / "where needed"


def copy_as(directory: Path, kind: str, pid: int | str) -> Path:
    """Another process that has counted the same."""
    other = directory / f"{kind}_{pid}.db"
    other.write_bytes((directory / f"{kind}_{os.getpid()}.db").read_bytes())
    return other


def test_every_kind_of_metric_is_written_and_brought_up_to_date(counts: SharedCounts) -> None:
    hits, waits, busy = Count(HITS, ("acme",)), Distribution(WAITS, ("acme",)), Count(BUSY, ())
    counts.write([hits, waits, busy])
    nothing = {
        "hits_total{acme}": 0, "busy": 0, "waits_sum{acme}": 0, "waits_count{acme}": 0,
        "waits_bucket{1.0}{acme}": 0, "waits_bucket{2.0}{acme}": 0, "waits_bucket{+Inf}{acme}": 0,
    }  # fmt: skip
    assert read(counts) == nothing
    hits.add(3)
    waits.add(1.5)
    waits.add(5)
    busy.value = 2
    assert read(counts) == nothing
    counts.write([hits, waits, busy])
    something = {
        "hits_total{acme}": 3, "busy": 2, "waits_sum{acme}": 6.5, "waits_count{acme}": 2,
        "waits_bucket{1.0}{acme}": 0, "waits_bucket{2.0}{acme}": 1, "waits_bucket{+Inf}{acme}": 2,
    }  # fmt: skip
    assert read(counts) == something
    counts.write([hits])
    assert read(counts) == something
    busy.value = 0
    counts.write([busy])
    assert read(counts)["busy"] == 0


def test_processes_are_added_up_and_the_greatest_lag_counts(counts: SharedCounts, directory: Path) -> None:
    hits, busy, lag = Count(HITS, ("acme",)), Count(BUSY, ()), Count(LAG, ())
    hits.value, busy.value, lag.value = 5, 1, 0.5
    counts.write([hits, busy, lag])
    for kind in ("counter", "gauge_livesum", "gauge_livemax"):
        copy_as(directory, kind, 1)
    assert read(counts) == {"hits_total{acme}": 10, "busy": 2, "lag": 0.5}


def test_the_files_of_the_dead_are_taken_out_of_the_gauges(counts: SharedCounts, directory: Path) -> None:
    hits, busy = Count(HITS, ("acme",)), Count(BUSY, ())
    hits.value = busy.value = 1
    counts.write([hits, busy])
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    dead = copy_as(directory, "gauge_livesum", gone.pid)
    copy_as(directory, "counter", gone.pid)
    copy_as(directory, "gauge_livesum", 1)  # is there, and may belong to somebody else
    copy_as(directory, "gauge_livesum", "notanumber")
    assert read(counts) == {"busy": 3, "hits_total{acme}": 2}
    assert not dead.exists()


def test_a_process_with_the_id_of_a_former_one_goes_on_with_its_counts_only(opened: Open) -> None:
    former = opened()
    for cell in (hits := Count(HITS, ("acme",)), busy := Count(BUSY, ()), waits := Distribution(WAITS, ("acme",))):
        cell.add(4)
    former.write([hits, busy, waits])

    present = opened()
    more, idle, longer = Count(HITS, ("acme",)), Count(BUSY, ()), Distribution(WAITS, ("acme",))
    more.add(1)
    longer.add(1.5)
    present.write([more, idle, longer])
    numbers = read(present)
    assert (numbers["hits_total{acme}"], numbers["busy"], numbers["waits_sum{acme}"]) == (5, 0, 5.5)
    assert numbers["waits_count{acme}"] == 2


def test_the_end_takes_the_gauges_along_and_leaves_the_counts(counts: SharedCounts) -> None:
    hits, busy = Count(HITS, ("acme",)), Count(BUSY, ())
    hits.value = busy.value = 1
    counts.write([hits, busy])
    counts.close()
    hits.add(1)
    counts.write([hits, busy])  # too late, and no failure
    counts.close()
    assert read(counts) == {"hits_total{acme}": 1}


def test_more_series_than_a_file_first_has_room_for(counts: SharedCounts) -> None:
    cells = [Count(HITS, (f"tenant-{number}",)) for number in range(2000)]
    for cell in cells:
        cell.add(1)
    counts.write(cells)
    counts.write(cells)
    assert sum(read(counts).values()) == 2000


def test_a_directory_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        SharedCounts(tmp_path / "file")
