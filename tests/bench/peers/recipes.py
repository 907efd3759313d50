"""Which rivals, in which versions, and how they are installed: each into an environment of its own, from its registry.

An environment is a folder with the finished recipe in it (`recipe.json`). It is made anew when the recipe has changed.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil

from tests.bench.processes import running

ROOT = Path(__file__).resolve().parents[3]
DONE = "recipe.json"
PATIENCE = 900.0  # seconds an installation may take; LiteLLM brings some 150 packages


class NotInstallable(Exception):
    """The rival cannot be installed here; the message says why."""


@dataclass(frozen=True)
class Recipe:
    """What to install. The first package is the rival itself.

    Attributes:
        packages: name -> exact version. Further ones are those that carry requests, so that a run can be repeated;
            whatever else comes along is the newest that fits.
        extras: of the first package.
        overrides: npm's word for a dependency of a dependency in another version than the newest that fits.
        needs: the program that installs and runs it; empty for Python, which is ours.
    """

    packages: Mapping[str, str]
    extras: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""

    @property
    def name(self) -> str:
        return next(iter(self.packages))


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "litellm": Recipe(
            {
                "litellm": "1.106.2",  # later ones ask for a companion package that the registry does not have
                "prometheus-client": "0.26.0",
                "uvicorn": "0.54.0",
                "uvloop": "0.23.0",
                "fastapi": "0.165.0",
                "openai": "2.54.0",
                "httpx": "0.28.1",
                "orjson": "3.13.0",
            },
            extras="proxy",
        ),
        "portkey": Recipe(
            {"@portkey-ai/gateway": "1.15.2"},
            # with any later one every stream is answered with 500 (`TypeError: immutable`); this is the one that
            # the gateway's own repository locks
            overrides={"@hono/node-server": "1.13.5"},
            needs="npm",
        ),
        "tensorzero": Recipe({"tensorzero": "2026.6.0"}),
    }
)
"""Not among them: Bifrost. Its npm package is a script that fetches the program from a server of the maker's when it
starts, so nothing can be pinned and no registry has it."""


def default_cache() -> Path:
    """Where environments are kept unless told otherwise."""
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home, "telnyx-openai-proxy", "bench-peers") if home else ROOT / ".cache" / "bench-peers"


def installed(name: str, cache: Path) -> Path:
    """The rival's environment, made now if need be. Raises NotInstallable."""
    recipe, folder = RECIPES[name], cache / name
    wanted, done = written(recipe), folder / DONE
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return folder
    if recipe.needs and not shutil.which(recipe.needs):
        raise NotInstallable(f"{name} needs {recipe.needs}, which is not installed")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for number, command in enumerate(commands(recipe, folder), 1):
        carry_out(command, cache / f"{name}-{number}.log")
    done.write_text(wanted, encoding="utf-8")
    return folder


def written(recipe: Recipe) -> str:
    """What a finished environment says of how it was made."""
    return json.dumps(asdict(recipe), indent=1)


def commands(recipe: Recipe, folder: Path) -> list[list[str]]:
    """What installs it, in order. For npm the folder gets its package.json."""
    if recipe.needs == "npm":
        manifest = {"private": True, "dependencies": dict(recipe.packages), "overrides": dict(recipe.overrides)}
        (folder / "package.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
        return [["npm", "install", "--prefix", str(folder), *quietly]]
    extras = {recipe.name: f"[{recipe.extras}]"} if recipe.extras else {}
    pinned = [f"{name}{extras.get(name, '')}=={version}" for name, version in recipe.packages.items()]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, "--prefer-binary", *pinned]]


def carry_out(command: list[str], log: Path) -> None:
    """Runs one command, its output in a file. Raises NotInstallable with its last words."""
    with running(command, None, log) as process:
        try:
            code = process.wait(PATIENCE)
        except psutil.TimeoutExpired:
            raise NotInstallable(f"no end after {PATIENCE:g} s: {' '.join(command)}") from None
    if code:
        tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise NotInstallable(f"{' '.join(command)}\nfailed:\n{tail}")


def version(name: str, folder: Path) -> str:
    """What is really there, with the interpreter that runs it: `1.15.2 on node v20.20.2`."""
    recipe = RECIPES[name]
    if recipe.needs == "npm":
        manifest = json.loads((folder / "node_modules" / recipe.name / "package.json").read_bytes())
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return f"{manifest['version']} on node {node}"
    places = [str(place) for place in folder.glob("lib/python*/site-packages")]
    (found,) = importlib.metadata.distributions(name=recipe.name, path=places)
    return found.version
