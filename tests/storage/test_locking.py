import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.storage.locking import serving
from proxy.storage.refusals import InUse
from tests.processes import started

HOLD = """
import sys
from pathlib import Path
from proxy.storage.locking import serving
with serving(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_server_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "data" / "proxy.db"
    with serving(path):
        with (
            pytest.raises(InUse, match=f"in use by another server, process {os.getpid()}: stop that one"),
            serving(path),
        ):
            pass
        with serving(tmp_path / "other.db"):
            pass
    with serving(path):
        pass
    assert stat.S_IMODE((tmp_path / "data" / "proxy.db.lock").stat().st_mode) == 0o600


def test_a_process_that_ends_however_gives_it_up(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    command = [sys.executable, "-c", HOLD, str(path)]
    with started(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InUse, match=f"process {other.pid}:"), serving(path):
            pass
        other.kill()
        other.wait()
    with serving(path):
        pass


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    with serving(path):
        (tmp_path / "proxy.db.lock").write_text("odd")
        with pytest.raises(InUse, match="process unknown"), serving(path):
            pass
