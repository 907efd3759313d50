"""The log of the proxy: telemetry's logger behind the port that the edge knows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.accounts.ledger import Record
from proxy.telemetry.logs import Logger, StandardLogs


class StructuredLog:
    """Writes the canonical line of each request, and bugs with their traceback.

    Attributes:
        request: writes one line: an error where the proxy or Telnyx failed, else information.
        flush: writes the lines that wait for the event loop's next turn.
    """

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self.request = logger.request  # not a call more than it needs, for each request
        self.flush = logger.flush

    def bug(self, record: Record, fault: BaseException) -> None:
        """An exception nobody expected."""
        self._logger.error("bug", request_id=record.request_id, endpoint=record.endpoint, exc_info=fault)

    def task_failed(self, fault: BaseException) -> None:
        """A background task ended with an exception."""
        self._logger.error("background task failed", exc_info=fault)

    def say(self, event: str, **details: str | int) -> None:
        """Something an operator should know."""
        self._logger.info(event, **details)

    def alert(self, event: str, **details: str | int) -> None:
        """Something an operator should do something about."""
        self._logger.warning(event, **details)

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
            self._logger.flush()
