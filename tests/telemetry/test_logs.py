"""Lines are written to real files, pipes and terminals here, also to those that refuse them."""

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.telemetry.logs import TOGETHER, LineWriter, Output, StandardLogs, make_logger, open_output
from proxy.telemetry.redaction import redact
from proxy.telemetry.request_line import canonical
from tests.telemetry.records import FULL


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[tuple[Output, Callable[[], list[dict[str, Any]]]]]:
    path = tmp_path / "proxy.log"
    with open_output(str(path)) as output:
        yield output, lambda: [json.loads(line) for line in path.read_text().splitlines()]


LogFile = tuple[Output, Callable[[], list[dict[str, Any]]]]


def test_a_request_is_one_line_of_json(log_file: LogFile) -> None:
    output, lines = log_file
    log = make_logger(output)
    log.request(FULL)
    log.request(FULL)
    expected = {**canonical(FULL), "level": "info", "repairs": ["stream_options"]}
    assert lines() == [expected, expected]
    assert list(lines()[0])[:3] == ["timestamp", "level", "event"]


def test_an_event_without_a_time_gets_one(log_file: LogFile) -> None:
    output, lines = log_file
    make_logger(output).warning("started", port=8080)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {"level": "warning", "event": "started", "port": 8080}


def test_events_below_the_level_are_not_written(log_file: LogFile) -> None:
    output, lines = log_file
    log = make_logger(output, level="error")
    log.request(FULL)
    log.error("broken")
    assert [line["event"] for line in lines()] == ["broken"]


def test_a_log_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "proxy.log"
    path.write_text("before\n")
    with open_output(str(path)) as output:
        make_logger(output).info("after")
    first, second = path.read_text().splitlines()
    assert first == "before"
    assert json.loads(second)["event"] == "after"


def test_a_log_file_that_cannot_be_opened_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_output(str(tmp_path / "missing" / "proxy.log"))


def test_without_a_file_lines_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with open_output() as output:
        make_logger(output).info("here")
    assert json.loads(capfd.readouterr().err)["event"] == "here"
    os.fstat(2)  # still open


def test_loggers_do_not_disturb_each_other_nor_the_rest_of_the_process() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    make_logger(first).info("one")
    make_logger(second, "console").info("two")
    assert json.loads(first.getvalue())["event"] == "one"
    assert b"two" in second.getvalue()
    assert not structlog.is_configured()


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", [200, 500]), ("info", [200, 500]), ("warning", [500]), ("error", [500]), ("critical", [])],
)
@pytest.mark.parametrize("style", ["json", "console"])
def test_requests_have_a_level_too(level: Any, written: list[int], style: Any) -> None:
    output = io.BytesIO()
    log = make_logger(output, style, level)
    for status in (200, 500):
        log.request(replace(FULL, status=status))
    assert [int(status) for status in re.findall(r'status"?[:=](\d+)', output.getvalue().decode())] == written


@pytest.mark.parametrize("style", ["json", "console"])
def test_what_is_bound_is_in_every_line(style: Any) -> None:
    output = io.BytesIO()
    log = make_logger(output, style).bind(worker=3).bind(secret=SECRETS[0])
    log.request(FULL)
    log.info("started")
    for line in output.getvalue().decode().splitlines():
        assert re.search(r'worker"?[:=]3\b', line)
        assert "***" in line


@pytest.mark.parametrize("method", ["debug", "info", "warning", "error", "critical"])
@pytest.mark.parametrize(
    "details",
    [
        {},
        {"n": 1, "huge": 2**70, "nan": float("nan"), "text": "\udce9", "nested": {"deep": ("Bearer tiptop",)}},
        {"timestamp": "2023-11-14T22:13:20.123Z", "off": False, "nothing": None},
        {"exc_info": ValueError("bad sk-tp-0aZ9bY8cX7dW6eV5")},
        {"exc_info": False},
        {"exc_info": None},
    ],
    ids=["nothing", "odd values", "a time", "a fault", "no fault", "none at all"],
)
def test_an_event_is_what_structlog_makes_of_it(method: str, details: dict[str, Any]) -> None:
    """Our own few lines in place of its chain of processors, which a log of JSON does without."""

    def render(_logger: object, level: str, event: MutableMapping[str, Any]) -> str:
        ordered = {"timestamp": event.pop("timestamp", "now"), "level": level, "event": event.pop("event"), **event}
        return codec.encode_text(redact(ordered))

    theirs, ours = io.StringIO(), io.BytesIO()
    chain = structlog.wrap_logger(
        structlog.WriteLogger(theirs), processors=[structlog.processors.format_exc_info, render], context_class=dict
    ).bind(worker=1)
    getattr(chain, "msg" if method == "debug" else method)("happened", **details)
    getattr(make_logger(ours, level="debug").bind(worker=1), method)("happened", **details)
    expected, line = json.loads(theirs.getvalue()), json.loads(ours.getvalue())
    assert list(line) == list(expected)
    if expected["timestamp"] == "now":
        line["timestamp"] = "now"
    assert {**line, "level": method} == {**expected, "level": method}
    assert line["level"] == method


def test_a_log_of_json_does_without_what_the_console_needs() -> None:
    """Megabytes of every process."""
    program = "import sys, io, proxy.app.logging; from proxy.telemetry.logs import make_logger; "
    program += "make_logger(io.BytesIO()).info('here'); assert 'structlog' not in sys.modules; "
    program += "make_logger(io.BytesIO(), 'console').info('here'); assert 'structlog' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


SECRETS = ("sk-tp-0aZ9bY8cX7dW6eV5fU4gT3", "KEY0123456789ABCDEF0123456789ABCDEF_aBcDeFgHiJk", "Bearer tiptop")


def fail(secret: str) -> None:
    local_variable = "a prompt that is nobody's business"
    raise ValueError(f"bad header {secret}, {len(local_variable)}")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_key_reaches_a_sink(style: Any, secret: str) -> None:
    output = io.BytesIO()
    log = make_logger(output, style).bind(bound=secret)
    event = f"event {secret}"
    log.info(event, header=secret, nested={"deep": [secret]}, fault=ValueError(secret))
    try:
        fail(secret)
    except ValueError:
        log.exception("failed")
    text = output.getvalue().decode()
    assert secret not in text
    assert secret[-6:] not in text
    assert "bad header ***" in text


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_exception_has_its_traceback_without_local_variables(style: Any) -> None:
    output = io.BytesIO()
    try:
        fail("x")
    except ValueError as fault:
        make_logger(output, style).error("failed", exc_info=fault)
    text = output.getvalue().decode()
    assert "Traceback (most recent call last)" in text
    assert "in fail" in text
    assert "ValueError: bad header x" in text
    # the line of source is shown where the exception arose, the value of its variables is not
    assert text.count("nobody's business") == 0


def test_values_without_a_json_form_are_written_all_the_same(log_file: LogFile) -> None:
    output, lines = log_file
    make_logger(output).info("odd", huge=2**70, text="\udce9", nan=float("nan"), path=Path("a"), keys={1: {2}})
    (line,) = lines()
    assert line["huge"] == str(2**70)
    assert (line["text"], line["nan"], line["path"], line["keys"]) == ("?", None, "a", {"1": [2]})


@pytest.fixture
def terminal() -> Iterator[tuple[io.FileIO, Callable[[], str]]]:
    """A pseudo-terminal, and what it shows."""
    ours, theirs = pty.openpty()
    with io.FileIO(theirs, "w") as output:
        yield output, lambda: os.read(ours, 65536).decode()
    os.close(ours)


def test_people_on_a_terminal_get_something_to_read(terminal: tuple[io.FileIO, Callable[[], str]]) -> None:
    output, shown = terminal
    make_logger(output).request(FULL)
    text = shown()
    assert "\x1b[" in text  # colours
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain.startswith("2023-11-14T22:13:20.123Z [info     ] request")
    assert "tenant=acme" in plain


def test_json_can_be_had_on_a_terminal(terminal: tuple[io.FileIO, Callable[[], str]]) -> None:
    output, shown = terminal
    make_logger(output, "json").info("here")
    assert json.loads(shown())["event"] == "here"


def test_a_console_without_a_terminal_has_no_colours() -> None:
    output = io.BytesIO()
    make_logger(output, "console").request(FULL)
    assert b"\x1b" not in output.getvalue()
    assert output.getvalue().count(b"\n") == 1


@pytest.mark.parametrize("model", ["\x1b[2Jgone", "a\nrequest forged=1", "\x9b31m", "\u202eabc", "\r"])
def test_a_client_cannot_drive_the_terminal(model: str) -> None:
    output = io.BytesIO()
    make_logger(output, "console").info("request", model_asked=model)
    text = output.getvalue().decode()
    assert text.removesuffix("\n").isprintable()


def pipe(*, blocking: bool = True) -> tuple[int, io.FileIO]:
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    return reader, io.FileIO(writer, "w")


def test_a_reader_that_has_gone_costs_lines_not_requests() -> None:
    told: list[None] = []
    reader, output = pipe()
    os.close(reader)
    with output:
        log = make_logger(output, on_lost=lambda: told.append(None))
        log.request(FULL)
        log.request(FULL)
    assert len(told) == 2


def test_a_full_disk_costs_lines_not_requests() -> None:
    with io.FileIO("/dev/full", "w") as output:
        writer = LineWriter(output)
        writer.write(b"{}")
        writer.write(b"{}")
    assert writer.lost == 2


class Narrow(io.BytesIO):
    """Takes a few bytes at a time, as a pipe that is nearly full."""

    def write(self, data: Any, /) -> int:
        return super().write(bytes(data[:3]))


class Loop:
    """An event loop that is at something until it is told to go on."""

    def __init__(self) -> None:
        self._later: list[Callable[[], None]] = []

    def soon(self, do: Callable[[], None]) -> None:
        self._later.append(do)

    def go_on(self) -> int:
        """Does what was to be done soon; how much that was."""
        later, self._later = self._later, []
        for do in later:
            do()
        return len(later)


class Writes(io.BytesIO):
    """Keeps what is written as the pieces it came in."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: Any, /) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def ids(self) -> list[list[str]]:
        return [re.findall(r'"request_id":"(\w+)"', piece.decode()) for piece in self.pieces]


def numbered(*numbers: int) -> list[Record]:
    return [replace(FULL, request_id=f"req_{number}") for number in numbers]


def test_lines_about_requests_go_out_together() -> None:
    loop, output = Loop(), Writes()
    log = make_logger(output, soon=loop.soon)
    for record in numbered(1, 2):
        log.request(record)
    assert output.pieces == []
    assert loop.go_on() == 1
    log.request(*numbered(3))
    assert loop.go_on() == 1
    assert output.ids() == [["req_1", "req_2"], ["req_3"]]
    assert loop.go_on() == 0


def test_together_they_are_no_larger_than_what_a_pipe_takes_whole() -> None:
    loop, output = Loop(), Writes()
    log = make_logger(output, soon=loop.soon)
    for record in numbered(*range(100)):
        log.request(record)
    log.request(replace(FULL, request_id="long", path="/" + "x" * TOGETHER))
    log.request(*numbered(100))
    loop.go_on()
    assert [len(piece) <= TOGETHER or piece.count(b"\n") == 1 for piece in output.pieces] == [True] * len(output.pieces)
    expected = [*(f"req_{number}" for number in range(100)), "long", "req_100"]
    assert [name for names in output.ids() for name in names] == expected
    assert len(output.pieces) < 40
    assert all(piece.endswith(b"\n") for piece in output.pieces)


def test_other_lines_do_not_overtake_them() -> None:
    loop, output = Loop(), Writes()
    log = make_logger(output, soon=loop.soon)
    log.request(*numbered(1))
    log.bind(worker=1).request(*numbered(2))
    log.error("bug")
    log.request(*numbered(3))
    log.flush()
    assert loop.go_on() == 2
    assert output.ids() == [["req_1", "req_2"], [], ["req_3"]]


def test_what_is_taken_in_pieces_arrives_whole() -> None:
    output = Narrow()
    writer = LineWriter(output)
    writer.write(b"0123456789")
    writer.write(b"ab")
    assert output.getvalue() == b"0123456789\nab\n"
    assert writer.lost == 0


def test_a_closed_file_costs_lines_not_requests(tmp_path: Path) -> None:
    output = open_output(str(tmp_path / "proxy.log"))
    writer = LineWriter(output)
    output.close()
    writer.write(b"{}")
    assert writer.lost == 1


def test_a_line_cut_off_does_not_spoil_the_next() -> None:
    """A pipe that is full takes a part; after its reader has caught up, the log goes on with a whole line."""
    reader, output = pipe(blocking=False)
    with output:
        writer = LineWriter(output)
        writer.write(b"a" * 1_000_000)
        cut = len(os.read(reader, 2_000_000))
        assert 0 < cut < 1_000_000
        writer.write(b'{"n":1}')
        writer.write(b'{"n":2}')
    assert os.read(reader, 65536) == b'\n{"n":1}\n{"n":2}\n'
    os.close(reader)
    assert writer.lost == 1


def test_a_line_lost_whole_needs_no_mending() -> None:
    reader, output = pipe(blocking=False)
    with output:
        writer = LineWriter(output)
        writer.write(b"a" * 1_000_000)
        writer.write(b"lost")
        os.read(reader, 2_000_000)
        writer.write(b"kept")
    assert os.read(reader, 65536) == b"\nkept\n"
    os.close(reader)
    assert writer.lost == 2


@pytest.fixture
def library() -> Iterator[tuple[logging.Logger, io.BytesIO]]:
    """A library that logs in its own way, into our output."""
    output = io.BytesIO()
    handler = StandardLogs(make_logger(output, level="debug"))
    logger = logging.getLogger("some.library")
    logger.setLevel(1)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, output
    logger.removeHandler(handler)
    handler.close()


def test_what_libraries_log_is_masked_too(library: tuple[logging.Logger, io.BytesIO]) -> None:
    logger, output = library
    logger.error("refused %s from %d", "Bearer tiptop", 7)
    line = json.loads(output.getvalue())
    assert (line["level"], line["event"], line["logger"]) == ("error", "refused *** from 7", "some.library")


def test_what_libraries_raise_is_logged_with_its_traceback(library: tuple[logging.Logger, io.BytesIO]) -> None:
    logger, output = library
    try:
        fail("sk-tp-0aZ9bY8cX7dW6eV5")
    except ValueError:
        logger.exception("Error handling request")
    line = json.loads(output.getvalue())
    assert line["exception"].endswith("ValueError: bad header ***, 34")


@pytest.mark.parametrize(
    ("number", "level"), [(1, "debug"), (10, "debug"), (25, "info"), (30, "warning"), (45, "error"), (99, "critical")]
)
def test_other_levels_become_the_nearest_below(
    library: tuple[logging.Logger, io.BytesIO], number: int, level: str
) -> None:
    logger, output = library
    logger.log(number, "100 %% of it")
    line = json.loads(output.getvalue())
    assert (line["level"], line["event"]) == (level, "100 %% of it")


def test_a_format_that_does_not_fit_is_no_failure() -> None:
    """Given to the handler itself, since pytest's own handlers would fail before ours is asked."""
    output = io.BytesIO()
    handler = StandardLogs(make_logger(output))
    handler.handle(logging.LogRecord("some.library", logging.WARNING, __file__, 1, "%d of them", ("many",), None))
    handler.close()
    assert json.loads(output.getvalue())["event"] == "%d of them"
