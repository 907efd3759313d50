"""Environments for clients: made on first use from the package registries, kept under `.cache/clients`."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from proxy import codec
from tests.clients.roster import Client

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "clients"
SCRIPTS = Path(__file__).parent / "scripts"
PATIENCE = 600
"""Seconds for an installation."""


class NotInstalled(RuntimeError):
    """The environment of a client could not be made; the last lines of what the installer said."""


def home(client: Client) -> Path:
    """The folder of a client's environment: other packages, another folder."""
    digest = hashlib.sha256("\n".join((sys.version, *client.packages)).encode()).hexdigest()[:8]
    return CACHE / f"{re.sub('[^a-z0-9]+', '-', client.home.lower()).strip('-')}-{digest}"


def command(client: Client) -> list[str]:
    """How its script is run. Raises NotInstalled."""
    folder = _made(client)
    script = SCRIPTS / client.script
    if client.kind == "python":
        return [str(folder / "bin" / "python"), str(script)]
    own = folder / "node_modules" / "node" / "bin" / "node"
    copies = [shutil.copy(file, folder) for file in (SCRIPTS / "checks.mjs", script)]  # modules are found from here
    return [str(own) if own.is_file() else "node", str(copies[-1])]


def versions(client: Client) -> str:
    """The versions of the packages named for it, as they were installed."""
    folder = _made(client)
    if client.kind == "python":
        listed = _run([str(folder / "bin" / "python"), "-m", "pip", "list", "--format=json"])
        found = {row["name"].lower(): row["version"] for row in codec.decode(listed.encode())}
        wanted = re.split(r"[\[=]", client.packages[0])[0]
        return str(found[wanted.lower()])
    name = client.packages[0].rpartition("@")[0]
    return str(codec.decode((folder / "node_modules" / name / "package.json").read_bytes())["version"])


def _made(client: Client) -> Path:
    folder = home(client)
    done = folder / ".done"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if client.kind == "python":
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, *client.packages])
        else:
            _run(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *client.packages])
        done.touch()
    return folder


def _run(words: list[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise NotInstalled(str(fault)) from None
    if done.returncode:
        raise NotInstalled("\n".join((done.stdout + done.stderr).splitlines()[-5:]))
    return done.stdout
