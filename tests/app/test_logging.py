import io
import logging
from typing import Any

import pytest

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.app.logging import StructuredLog
from proxy.telemetry.logs import make_logger


class Output(io.BytesIO):
    """A log file."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [codec.decode(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def log(output: Output) -> StructuredLog:
    return StructuredLog(make_logger(output, "json"))


@pytest.mark.parametrize(
    ("status", "level"), [(200, "info"), (429, "info"), (499, "info"), (500, "error"), (504, "error")]
)
def test_a_request_is_one_line(log: StructuredLog, output: Output, status: int, level: str) -> None:
    log.request(Record("req_1", 0.0, endpoint="chat.completions", tenant="acme", status=status))
    (line,) = output.lines
    assert (line["event"], line["level"], line["status"]) == ("request", level, status)
    assert (line["request_id"], line["tenant"], line["endpoint"]) == ("req_1", "acme", "chat.completions")


def test_a_bug_comes_with_its_traceback(log: StructuredLog, output: Output) -> None:
    with pytest.raises(ValueError, match="mistake") as caught:
        int("mistake")
    log.bug(Record("req_1", 0.0, endpoint="models.list"), caught.value)
    (line,) = output.lines
    assert (line["event"], line["level"]) == ("bug", "error")
    assert (line["request_id"], line["endpoint"]) == ("req_1", "models.list")
    assert "ValueError: invalid literal" in line["exception"]
    assert "test_a_bug_comes_with_its_traceback" in line["exception"]


def test_a_background_task_that_failed_is_told(log: StructuredLog, output: Output) -> None:
    log.task_failed(OSError("no way"))
    (line,) = output.lines
    assert (line["event"], line["level"]) == ("background task failed", "error")
    assert "OSError: no way" in line["exception"]


def test_what_an_operator_should_know_has_its_details(log: StructuredLog, output: Output) -> None:
    log.say("listening", openai="http://127.0.0.1:8080", workers=2)
    (line,) = output.lines
    assert (line["event"], line["level"]) == ("listening", "info")
    assert (line["openai"], line["workers"]) == ("http://127.0.0.1:8080", 2)


def test_what_libraries_log_comes_here_and_is_masked(log: StructuredLog, output: Output) -> None:
    library = logging.getLogger("library")
    with log.take_over():
        library.warning("refused: Authorization: Bearer sk-tp-%s", "x" * 49)
        library.info("chatter")
    (line,) = output.lines
    assert (line["level"], line["logger"]) == ("warning", "library")
    assert "refused" in line["event"]
    assert "xxxxxx" not in line["event"]


def test_afterwards_libraries_log_where_they_did_before(log: StructuredLog, output: Output) -> None:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    with pytest.raises(ValueError, match="mistake"), log.take_over():
        int("mistake")
    assert (root.handlers, root.level) == before
    logging.getLogger("library").warning("later")
    assert output.lines == []
