"""The systemd unit: systemd's own tools take it, its command line parses, and the proxy lives with what it forbids."""

import ctypes
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from proxy.cli.main import MISUSED, parser
from proxy.settings import load
from tests.cli.commands import ANY_PORT, MODULE, base_url, running
from tests.deploy.boards import DEPLOY
from tests.house.repository import ROOT
from tests.world import MODEL

UNIT = DEPLOY / "telnyx-proxy.service"
ANALYZE = shutil.which("systemd-analyze")
LINES = [line.partition("=") for line in UNIT.read_text(encoding="utf-8").splitlines() if re.match(r"[A-Z]\w+=", line)]
EXPOSURE = 2.0
"""Of ten, by `systemd-analyze security`: a unit without any of this has 9.6, and what serves a network at least 1."""

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
"""https://docs.kernel.org/userspace-api/mdwe.html (Linux 6.3): what MemoryDenyWriteExecute= does by seccomp."""
REFUSING = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


def values(name: str) -> list[str]:
    """What a setting is given, line by line."""
    return [value for found, _, value in LINES if found == name]


def one(name: str) -> str:
    (value,) = values(name)
    return value


def environment(**specifiers: str) -> dict[str, str]:
    """Environment= with the specifiers filled in: `%d` the folder of credentials, `%S` that of states."""
    lines = [re.sub(r"%(\w)", lambda found: specifiers[found[1]], line) for line in values("Environment")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def unit(tmp_path: Path) -> str:
    """The unit with a program that is there."""
    path = tmp_path / "telnyx-proxy.service"
    path.write_text(UNIT.read_text(encoding="utf-8").replace(shlex.split(one("ExecStart"))[0], sys.executable))
    return str(path)


@needs_systemd
def test_systemd_takes_it(unit: str) -> None:
    done = subprocess.run([str(ANALYZE), "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_it_is_hardened(unit: str) -> None:
    words = [str(ANALYZE), "security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE * 10:g}", unit]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_command_is_one_of_the_program() -> None:
    program, *words = shlex.split(one("ExecStart"))
    assert program == "/opt/telnyx-proxy/bin/telnyx-proxy"
    args = parser(words).parse_args(words)
    assert (args.command, str(args.config)) == ("serve", "/etc/telnyx-proxy/proxy.yaml")
    assert one("Type") == "exec", "it tells nobody that it is ready"
    assert one("RestartPreventExitStatus") == str(MISUSED)


def test_its_variables_are_settings_and_lead_to_its_folders(tmp_path: Path) -> None:
    for line in values("LoadCredential"):
        name, _, path = line.partition(":")
        assert path == f"/etc/telnyx-proxy/{name}"
        (tmp_path / name).write_text("KEY_a-secret-of-twenty-characters\n")
    shutil.copy(ROOT / "config" / "proxy.yaml", tmp_path)  # what the document says to begin with
    given = environment(d=str(tmp_path), S="/var/lib")
    settings = load(tmp_path / "proxy.yaml", given)
    assert settings.upstream.api_key is not None
    assert settings.admin.token is not None
    assert settings.upstream.api_key.reveal() == settings.admin.token.reveal() == "KEY_a-secret-of-twenty-characters"
    state = f"/var/lib/{one('StateDirectory')}"
    assert settings.storage.url == f"sqlite:///{state}/proxy.db"
    assert settings.ledger.spool.folder == f"{state}/spool"
    assert settings.batches.folder == f"{state}/files"
    assert one("WorkingDirectory") == "%S/telnyx-proxy"
    assert int(one("TimeoutStopSec")) > (settings.shutdown.grace or 0) + 10


def refuses_writable_code() -> bool:
    """Whether this kernel knows it."""
    return int(ctypes.CDLL(None).prctl(PR_SET_MDWE + 1, 0, 0, 0, 0)) >= 0  # PR_GET_MDWE


@pytest.mark.skipif(not refuses_writable_code(), reason="this kernel cannot refuse memory that is written and executed")
async def test_it_lives_without_memory_that_is_written_and_executed(tmp_path: Path) -> None:
    """A request through everything that is compiled: uvloop, orjson, llhttp, cryptography, SQLite."""
    assert one("MemoryDenyWriteExecute") == "yes"
    command = (sys.executable, "-c", REFUSING, *MODULE, "demo")
    async with running(*command, environ={**ANY_PORT, "TMPDIR": str(tmp_path)}) as demo:
        text = await demo.until("Ctrl-C stops it.")
        key = re.search(r"OPENAI_API_KEY=(\S+)", text)
        assert key is not None
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"Authorization": f"Bearer {key[1]}"}
        url = f"{base_url(text)}/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
