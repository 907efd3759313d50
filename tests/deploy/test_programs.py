"""What installs the programs that a few tests drive: it asks for nothing that is there, and starts no server."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.repository import ROOT

SCRIPT = ROOT / ".ci" / "programs"
APT = """#!/bin/sh
echo "$*" >>"$FOLDER/asked"
"$FOLDER/policy-rc.d" prometheus start || echo "policy $?" >>"$FOLDER/asked"
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs it in a small world: `run("chromium", uid=0)` where only these programs are installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "env", "chmod", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))

    def program(name: str, text: str) -> None:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def here(*installed: str, uid: int = 0, apt: str | None = APT) -> subprocess.CompletedProcess[str]:
        for name in installed:
            program(name, "#!/bin/sh\n")
        program("id", f"#!/bin/sh\necho {uid}\n")
        if apt is not None:
            program("apt-get", apt)
        environ = {"PATH": str(programs), "FOLDER": str(tmp_path)}
        words = [str(SCRIPT), str(tmp_path / "policy-rc.d")]
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)

    return here


def test_what_is_there_is_not_asked_for(run: Run, tmp_path: Path) -> None:
    assert run("chromium", "prometheus").returncode == 0
    assert not (tmp_path / "asked").exists()


def test_what_is_missing_is_installed_and_nothing_is_started(run: Run, tmp_path: Path) -> None:
    assert run("chromium").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["update -qq", "policy 101", "install -y -qq --no-install-recommends prometheus", "policy 101"]
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_policy_that_somebody_has_is_left_alone(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    policy.chmod(0o755)
    assert run().returncode == 0
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"


@pytest.mark.parametrize(("uid", "apt"), [(1000, APT), (0, None)])
def test_where_nobody_can_install_it_says_so(run: Run, tmp_path: Path, uid: int, apt: str | None) -> None:
    done = run("prometheus", uid=uid, apt=apt)
    assert (done.returncode, done.stdout) == (1, "not installed, and not installable here: chromium\n")
    assert not (tmp_path / "asked").exists()


def test_what_apt_cannot_do_is_told(run: Run, tmp_path: Path) -> None:
    assert run(apt="#!/bin/sh\nexit 100\n").returncode == 100
    assert not (tmp_path / "policy-rc.d").exists()
