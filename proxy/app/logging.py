"""The log of the proxy: telemetry's logger behind the port that the edge knows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.typing import FilteringBoundLogger

from proxy.accounts.ledger import Record
from proxy.telemetry.logs import StandardLogs, canonical

SERVER_ERROR = 500


class StructuredLog:
    """Writes the canonical line of each request, and bugs with their traceback."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self._logger = logger

    def request(self, record: Record) -> None:
        """One line: an error where the proxy or Telnyx failed, else information."""
        write = self._logger.error if record.status >= SERVER_ERROR else self._logger.info
        write(**canonical(record))

    def bug(self, record: Record, fault: BaseException) -> None:
        """An exception nobody expected."""
        self._logger.error("bug", request_id=record.request_id, endpoint=record.endpoint, exc_info=fault)

    def task_failed(self, fault: BaseException) -> None:
        """A background task ended with an exception."""
        self._logger.error("background task failed", exc_info=fault)

    def say(self, event: str, **details: str | int) -> None:
        """Something an operator should know."""
        self._logger.info(event, **details)

    @contextmanager
    def take_over(self) -> Iterator[None]:
        """What libraries log goes the same way, masked as well, until the block is left."""
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        root.handlers = [StandardLogs(self._logger)]
        root.setLevel(logging.WARNING)
        try:
            yield
        finally:
            root.handlers = handlers
            root.setLevel(level)
