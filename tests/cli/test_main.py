import argparse
import errno
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import __version__
from proxy.cli.main import SUBCOMMANDS, main, parser, run
from proxy.settings.faults import ConfigurationError, Fault

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_version_is_told() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"telnyx-proxy {__version__}\n", "")


def test_the_version_costs_no_imports() -> None:
    code = "import sys; from proxy.cli.main import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"pydantic", "aiohttp", "yaml", "asyncio"} & set(done.stdout.split())


def test_help_lists_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")}
    assert set(SUBCOMMANDS) <= listed


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_explains_itself_and_offers_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: telnyx-proxy {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["serv"], ["check"], ["check", "--conf"], ["--verbose"], ["check", "--config"]]
)
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: telnyx-proxy" in capsys.readouterr().err


def test_only_the_subcommand_that_is_asked_for_is_imported() -> None:
    code = "import sys; from proxy.cli.main import parser; parser(['check']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "proxy.cli.check" in done.stdout.split()
    assert "proxy.cli.serve" not in done.stdout.split()


def test_a_subcommand_is_run_with_its_arguments(tmp_path: Path) -> None:
    args = parser(["check"]).parse_args(["check", "--config", str(tmp_path)])
    assert args.config == tmp_path
    assert args.run.__module__ == "proxy.cli.check"


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def fail(args: argparse.Namespace) -> int:
        raise error

    return fail


def test_an_exit_code_is_handed_on() -> None:
    assert run(argparse.Namespace(run=lambda args: 3)) == 3


def test_a_faulty_configuration_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    faults = [Fault("a.b", "is wrong", "mend it", "f", 1), Fault("c", "is wrong", source="f", line=2)]
    assert run(argparse.Namespace(run=raising(ConfigurationError(faults)))) == 2
    assert capsys.readouterr() == ("", "f:1: a.b: is wrong\n    mend it\nf:2: c: is wrong\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tmp_path / "absent.json"
    assert run(argparse.Namespace(run=lambda args: len(absent.read_bytes()))) == 1
    assert capsys.readouterr().err == f"telnyx-proxy: {absent}: No such file or directory\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("without a number"), "without a number"),
        (OSError(errno.EADDRINUSE, "cannot listen on ::1:80: in use"), "cannot listen on ::1:80: in use"),
        (OSError(errno.EPIPE, "Broken pipe"), "Broken pipe"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
    ],
)
def test_other_failures_are_told_as_the_system_has_them(
    error: OSError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argparse.Namespace(run=raising(error))) == 1
    assert capsys.readouterr().err == f"telnyx-proxy: {said}\n"


def test_an_interrupt_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argparse.Namespace(run=raising(KeyboardInterrupt()))) == 130
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(argparse.Namespace(run=raising(ZeroDivisionError())))


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_leads_nowhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "proxy.yaml"
    config.touch()
    monkeypatch.setattr(sys, name, None)
    assert main(["tenants", "create", "acme", "--config", str(config)]) == 0
    assert main(["credentials", "list", "--config", str(config)]) == 0
    getattr(sys, name).close()


def test_the_arguments_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["telnyx-proxy", "--version"])
    assert main() == 0
