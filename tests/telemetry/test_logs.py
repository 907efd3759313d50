"""Lines are written to real files, pipes and terminals here, also to those that refuse them."""

import io
import json
import logging
import os
import pty
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from proxy.accounts.ledger import Record
from proxy.telemetry.logs import LineWriter, Output, StandardLogs, canonical, make_logger, open_output
from proxy.usage import Usage

FULL = Record(
    request_id="req_1",
    started_at=1700000000.1239,
    endpoint="chat.completions",
    method="POST",
    tenant="acme",
    key="web",
    model_asked="gpt-4o-mini",
    model="moonshotai/Kimi-K2.6",
    status=200,
    error_code="upstream_error",
    error_kind="failed",
    stream=True,
    stream_end="truncated",
    usage=Usage(input=100, output=50, cached_input=20, reasoning=10, source="upstream"),
    changes=(("max_completion_tokens", "renamed"),),
    changes_header="renamed=max_completion_tokens>max_tokens",
    repairs=("stream_options",),
    schema_violations=1,
    duration=1.50004,
    waited=1.25,
    client_waited=0.125,
    first_token=0.3,
    client="openai-python",
    retry_count=1,
    client_request_id="mine",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    upstream_request_id="theirs",
    end_user="0123456789abcdef",
    metadata={"purpose": "secret plan"},
    bytes_in=1000,
    bytes_out=2000,
)


def test_the_canonical_line_tells_everything() -> None:
    assert canonical(FULL) == {
        "timestamp": "2023-11-14T22:13:20.123Z",
        "event": "request",
        "request_id": "req_1",
        "tenant": "acme",
        "key": "web",
        "endpoint": "chat.completions",
        "model_asked": "gpt-4o-mini",
        "model": "moonshotai/Kimi-K2.6",
        "status": 200,
        "error_code": "upstream_error",
        "error_kind": "failed",
        "changes": "renamed=max_completion_tokens>max_tokens",
        "repairs": ("stream_options",),
        "schema_violations": 1,
        "input_tokens": 100,
        "output_tokens": 50,
        "cached_input_tokens": 20,
        "reasoning_tokens": 10,
        "tokens_source": "upstream",
        "duration_ms": 1500.04,
        "upstream_ms": 1250.0,
        "client_ms": 125.0,
        "overhead_ms": 125.04,
        "ttft_ms": 300.0,
        "stream": True,
        "stream_end": "truncated",
        "client": "openai-python",
        "retry_count": 1,
        "client_request_id": "mine",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "upstream_request_id": "theirs",
        "end_user": "0123456789abcdef",
        "bytes_in": 1000,
        "bytes_out": 2000,
    }


def test_the_canonical_line_leaves_out_what_is_empty() -> None:
    assert canonical(Record("req_1", 1700000000.0)) == {
        "timestamp": "2023-11-14T22:13:20.000Z",
        "event": "request",
        "request_id": "req_1",
        "endpoint": "unknown",
        "status": 0,
        "client": "other",
        "duration_ms": 0.0,
        "upstream_ms": 0.0,
        "overhead_ms": 0.0,
    }


def test_a_first_token_at_once_is_no_absent_one() -> None:
    assert canonical(replace(FULL, first_token=0.0))["ttft_ms"] == 0.0


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[tuple[Output, Callable[[], list[dict[str, Any]]]]]:
    path = tmp_path / "proxy.log"
    with open_output(str(path)) as output:
        yield output, lambda: [json.loads(line) for line in path.read_text().splitlines()]


LogFile = tuple[Output, Callable[[], list[dict[str, Any]]]]


def test_a_request_is_one_line_of_json(log_file: LogFile) -> None:
    output, lines = log_file
    log = make_logger(output)
    log.info(**canonical(FULL))
    log.info(**canonical(FULL))
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
    log.info(**canonical(FULL))
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
    make_logger(output).info(**canonical(FULL))
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
    make_logger(output, "console").info(**canonical(FULL))
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
        log.info(**canonical(FULL))
        log.info(**canonical(FULL))
    assert len(told) == 2


def test_a_full_disk_costs_lines_not_requests() -> None:
    with io.FileIO("/dev/full", "w") as output:
        writer = LineWriter(output)
        writer.info(b"{}")
        writer.error(b"{}")
    assert writer.lost == 2


def test_a_closed_file_costs_lines_not_requests(tmp_path: Path) -> None:
    output = open_output(str(tmp_path / "proxy.log"))
    writer = LineWriter(output)
    output.close()
    writer.info(b"{}")
    assert writer.lost == 1


def test_a_line_cut_off_does_not_spoil_the_next() -> None:
    """A pipe that is full takes a part; after its reader has caught up, the log goes on with a whole line."""
    reader, output = pipe(blocking=False)
    with output:
        writer = LineWriter(output)
        writer.info(b"a" * 1_000_000)
        cut = len(os.read(reader, 2_000_000))
        assert 0 < cut < 1_000_000
        writer.info(b'{"n":1}')
        writer.info(b'{"n":2}')
    assert os.read(reader, 65536) == b'\n{"n":1}\n{"n":2}\n'
    os.close(reader)
    assert writer.lost == 1


def test_a_line_lost_whole_needs_no_mending() -> None:
    reader, output = pipe(blocking=False)
    with output:
        writer = LineWriter(output)
        writer.info(b"a" * 1_000_000)
        writer.info(b"lost")
        os.read(reader, 2_000_000)
        writer.info(b"kept")
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
