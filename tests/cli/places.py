"""Places to work at: a configuration with a database of its own, and an admin listener over the same."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from proxy import codec
from proxy.admin.server import create_app
from proxy.cli import desks
from proxy.cli.main import main
from proxy.cli.office import office
from proxy.telemetry.metrics import Metrics
from tests.processes import PATIENCE

METRICS = Metrics(lambda name: True, lambda path: True)
TOKEN = "a-bootstrap-token-of-the-tests"
CONFIG = """\
storage: {url: "sqlite:///proxy.db"}
tenants:
  - id: declared
    upstream_api_key: {value: KEY_of-the-file}
    keys: [{name: web, secret: {value: sk-of-the-file-000001}}]
    limits: [{requests_per_minute: 5}]
"""


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output."""
        return codec.decode(self.out)


@dataclass(frozen=True)
class Place:
    """Runs commands of `telnyx-proxy` in this process, all at one place."""

    options: tuple[str, ...]
    config: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *words: str) -> Done:
        """Run it; the options that say where to work are added."""
        self.capsys.readouterr()
        code = main([*words, *self.options])
        said = self.capsys.readouterr()
        return Done(code, said.out, said.err)

    def done(self, *words: str) -> str:
        """The same for one that has to succeed: its standard output."""
        ended = self(*words)
        assert ended.code == 0, ended.err
        return ended.out

    def json(self, *words: str) -> Any:
        """The same with `--json`: the value."""
        return codec.decode(self.done(*words, "--json"))

    def key(self, name: str = "web", tenant: str = "acme") -> Any:
        """A new key of a tenant, which is made if need be."""
        self("tenants", "create", tenant)
        return self.json("keys", "create", "--tenant", tenant, "--name", name)

    def type(self, data: bytes) -> None:
        """What stands on standard input from now on."""
        typed = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False)
        self.monkeypatch.setattr("sys.stdin", typed)


Where = Callable[[str], Place]


@contextmanager
def listening(config: Path) -> Iterator[str]:
    """An admin listener on the database of a configuration, in a thread with a loop of its own; its address."""
    started: list[str] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with office(config) as near:
            runner = web.AppRunner(create_app(METRICS, lambda: ("ok", ()), TOKEN, near.api))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            started.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
            ready.set()
            await over.wait()
            await runner.cleanup()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(serve())
        except BaseException as fault:  # noqa: BLE001 - told by the thread that waits
            failed.append(fault)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE), "it does not start"
        if failed:
            raise failed[0]
        yield started[0]
    finally:
        with suppress(RuntimeError):  # it may have ended by itself
            loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        assert not thread.is_alive(), "it does not end"


def configuration(folder: Path, text: str = CONFIG) -> Path:
    """A configuration file in a folder."""
    path = folder / "proxy.yaml"
    path.write_text(text)
    return path


def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment says where to work."""
    for name in (desks.URL, desks.TOKEN, "TELNYX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
