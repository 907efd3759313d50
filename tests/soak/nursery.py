"""Starts proxies in no time: `python -m tests.soak.nursery FILE`, a process that has imported everything and forks.

FILE holds settings as JSON. For each line on standard input it starts a proxy, and says its process id and its address
in one line, or why it could not start. It reaps those that have ended. The end of standard input is its own.
"""

import gc
import os
import signal
import sys
from pathlib import Path

import aiosqlite
from alembic import command

from proxy import codec
from proxy.app import shipping, tracing
from proxy.app.looping import run_loop
from proxy.app.running import Proxy, until_signal
from proxy.app.workers import Report, fork
from proxy.settings import Settings
from proxy.storage import migrating

IMPORTED = (shipping, tracing, migrating, command, aiosqlite)
"""What a proxy imports late, so that each of them need not."""


def main() -> None:
    settings = Settings.model_validate(codec.decode(Path(sys.argv[1]).read_bytes()))

    def work(report: Report) -> None:
        def ready(proxy: Proxy) -> None:
            report(codec.encode({"pid": os.getpid(), "url": proxy.addresses.openai}))

        run_loop(until_signal(settings, ready))

    gc.collect()
    gc.freeze()  # looking at it would copy memory that is shared
    workers = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in sys.stdin:
        worker = fork(work)
        workers.append(worker)
        sys.stdout.write(os.read(worker.reports, 65_536).decode() + "\n")
        sys.stdout.flush()
        for ended in [each for each in workers if os.waitid(os.P_PID, each.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)]:
            workers.remove(ended)
            ended.ended()
    for each in workers:
        each.ended()


if __name__ == "__main__":
    main()
