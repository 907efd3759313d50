"""Several workers instead of one process: one pair of ports, one log, one answer to Prometheus, one greeting."""

import gc
import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from proxy.settings import Settings

if TYPE_CHECKING:
    from proxy.app.running import Addresses

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
MARGIN = 10.0
"""Seconds beyond the grace that a worker has to end: for its last connections, and for a busy machine."""


def supervise(settings: Settings, count: int, greet: "Callable[[Addresses], None]") -> int:
    """Serve with `count` workers until a signal; `greet` is called once all of them listen.

    Returns the exit code. Raises OSError where a port or the log is of no use, as one process does.
    """
    # this is the environment of our workers, and prometheus_client looks there when it is imported
    with _shared_metrics(os.environ):  # noqa: TID251 - see above
        return _supervise(settings, count, greet)


def _supervise(settings: Settings, count: int, greet: "Callable[[Addresses], None]") -> int:
    from proxy.app.looping import run_loop
    from proxy.app.ports import reserved
    from proxy.app.running import Addresses, Place, address, until_signal
    from proxy.app.supervisor import READY, Supervisor
    from proxy.app.workers import Report, Worker, fork
    from proxy.clock import SYSTEM
    from proxy.telemetry.logs import make_logger, open_output

    logging = settings.logging
    with reserved(settings) as own, open_output(str(logging.file) if logging.file else None) as output:
        log = make_logger(output, logging.format, logging.level)
        lifeline, held = os.pipe()  # closed by the system when this process ends, however it ends

        def launch(number: int, leave: tuple[int, ...]) -> Worker:
            def work(report: Report) -> None:
                run_loop(until_signal(own, lambda _: report(READY), Place(number, lifeline, count)))

            return fork(work, (held, *leave))

        listen, admin = own.listen, own.admin
        addresses = Addresses(address(listen.host, listen.port), address(admin.host, admin.port))
        gc.freeze()  # what is there now is there to stay: looking at it would copy memory that is shared
        patience = settings.shutdown.grace + MARGIN
        supervisor = Supervisor(count, launch, patience=patience, tell=log.error, now=SYSTEM.steady)
        try:
            return supervisor.run(lambda: greet(addresses))
        finally:
            os.close(lifeline)
            os.close(held)


@contextmanager
def _shared_metrics(environ: MutableMapping[str, str]) -> Iterator[None]:
    """A directory in which the workers count together, unless the operator has given one. Nobody else can read it."""
    if environ.get(SHARED_METRICS):
        yield
        return
    with TemporaryDirectory(prefix="telnyx-proxy-", ignore_cleanup_errors=True) as folder:
        environ[SHARED_METRICS] = folder
        try:
            yield
        finally:
            del environ[SHARED_METRICS]
