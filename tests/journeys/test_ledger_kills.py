"""Killed at any moment, the proxy loses nothing that was answered. `make soak` does the same for longer."""

import gc
import os
import random
import select
import signal
from pathlib import Path
from time import monotonic

import pytest

from proxy import codec
from proxy.storage.segments import Lines, adopt
from proxy.storage.spool import Spool
from tests.soak.lives import soak

LIFE = 60
"""Seconds after which the system ends what a test has left behind."""
LIVES = 240
KILLS = 20
AT_ONCE = 20
"""Requests under way in a process that writes at full speed."""
LONGEST = 0.01
"""Seconds of such a life at most."""
LIMIT = 1 << 30


def row(number: int, *, last: bool) -> bytes:
    return codec.encode([f"req_{number}", last, "x" * (number * 37 % 600)])


def write_at_full_speed(root: Path, first: int, tell: int, shipped: Path) -> None:
    """The life of a process: requests begin and end, segments are turned and shipped; who asked is told."""
    gc.disable()  # it would copy all of the memory that is shared
    spool = Spool(root, LIMIT, refuse=False)
    store = os.open(shipped, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(tell, b"up\n")
    chance = random.Random(first)  # noqa: S311 - moments of a test
    under_way: list[int] = []
    number = first
    while True:
        if len(under_way) < AT_ONCE and chance.random() < 0.6:
            number += 1
            spool.begin(f"req_{number}", row(number, last=False))
            os.write(tell, b"begun %d\n" % number)
            under_way.append(number)
        elif under_way:
            ended = under_way.pop(chance.randrange(len(under_way)))
            spool.end(f"req_{ended}", row(ended, last=True))
            os.write(tell, b"ended %d\n" % ended)
        if chance.random() < 0.1:
            draft = spool.prepare()
            if draft is not None:
                draft.write()
            spool.turn(draft)
            while spool.closed:
                segment = spool.closed[0]
                lines = Lines(segment.read(), last=segment.last)
                while lines.look(1000):
                    pass
                os.write(store, b"".join(each + b"\n" for each in lines.rows()))
                segment.delete()
                spool.forget(segment)


def told(pipe: int, seconds: float) -> bytes:
    """What a process says within some time."""
    said, end = b"", monotonic() + seconds
    while (left := end - monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        said += os.read(pipe, 1 << 16)
    return said


def live(root: Path, first: int, shipped: Path, seconds: float) -> bytes:
    """Fork, listen, kill: everything that the process has said."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest has its own use for it
            signal.alarm(LIFE)
            os.close(ours)
            write_at_full_speed(root, first, theirs, shipped)
        finally:
            os._exit(1)
    os.close(theirs)
    said = b""
    while b"up\n" not in said:
        piece = os.read(ours, 1 << 16)
        assert piece, "it could not start"
        said += piece
    said += told(ours, seconds)
    os.kill(process, signal.SIGKILL)
    while piece := os.read(ours, 1 << 16):
        said += piece
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    return said[: said.rfind(b"\n") + 1]


def collect(root: Path) -> list[bytes]:
    """Adopt what the dead have left."""
    rows = []
    for place, segments in adopt(root):
        for segment in segments:
            lines = Lines(segment.read(), last=segment.last)
            while lines.look(1000):
                pass
            assert lines.damaged == 0
            rows += lines.rows()
            segment.delete()
        place.remove()
    return rows


@pytest.mark.parametrize("many", [AT_ONCE, 400])
def test_a_process_that_writes_at_full_speed_loses_nothing(
    tmp_path: Path, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "AT_ONCE", many)
    chance = random.Random(many)  # noqa: S311 - moments of a test
    root, shipped = tmp_path / "spool", tmp_path / "shipped"
    begun: set[int] = set()
    ended: set[int] = set()
    rows: dict[str, bool] = {}
    for life in range(LIVES // 2):
        said = live(root, life * 1_000_000, shipped, chance.uniform(0, LONGEST))
        words = [line.split() for line in said.splitlines() if b" " in line]
        begun |= {int(number) for what, number in words if what == b"begun"}
        ended |= {int(number) for what, number in words if what == b"ended"}
        sent = shipped.read_bytes().split(b"\n")[:-1] if shipped.exists() else []  # a kill cuts off what is long
        shipped.unlink(missing_ok=True)
        for each in map(codec.decode, [*sent, *collect(root)]):
            assert rows.setdefault(each[0], each[1]) == each[1], "it was aborted, and it was not"
    assert ended
    done = {name for name, final in rows.items() if final}
    assert {f"req_{number}" for number in ended} <= done
    assert {f"req_{number}" for number in begun} <= rows.keys()
    # what was written in the very moment before the kill could not be told any more
    assert len(rows.keys() - {f"req_{number}" for number in begun}) <= LIVES
    assert len(done - {f"req_{number}" for number in ended}) <= LIVES
    assert list(root.iterdir()) == []


async def test_a_proxy_under_traffic_loses_nothing(tmp_path: Path) -> None:
    seen, verdict = await soak(tmp_path, KILLS, seed=random.SystemRandom().randrange(2**32))
    assert verdict.good, verdict
    assert seen.kills == KILLS
    assert seen.answered
    assert len(seen.answered) <= verdict.rows - verdict.aborted
