"""What the documents show works: commands parse, configurations pass, snippets compile, links lead somewhere."""

import ast
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.main import SUBCOMMANDS, main, parser
from proxy.emulator.scenarios import SCENARIOS
from tests.house.repository import ROOT

DOCUMENTS = ("README.md", "config/README.md", "deploy/README.md", "tests/README.md", "tests/bench/README.md")
COMMAND = re.compile(r"^ {4}(?:[A-Z_]+=\S+ )*(?:\S*/)?telnyx-proxy (.*?)(?:\s+#.*|\s+&)?$", re.MULTILINE)
"""`    NAME=value /bin/telnyx-proxy serve --config proxy.yaml  # comment`, without its comment."""
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
VARIABLE = re.compile(r"\{env: ([A-Z_]+)\}")


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def commands() -> list[str]:
    return [command for document in DOCUMENTS for command in COMMAND.findall(text(document))]


def snippets(language: str, document: str = "README.md") -> list[str]:
    return [body for found, body in FENCED.findall(text(document)) if found == language]


def anchor(heading: str) -> str:
    """The name a heading has on a page: `### OpenTelemetry's names` -> `opentelemetrys-names`."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_subcommand_is_shown() -> None:
    assert {command.split()[0] for command in commands()} == set(SUBCOMMANDS)


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command: str) -> None:
    words = shlex.split(command)
    args = parser(words).parse_args(words)
    assert args.command == words[0]
    assert args.run.__module__.startswith("proxy.cli.")
    assert getattr(args, "scenario", "default") in SCENARIOS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_is_there(document: str) -> None:
    shown = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", text(document), re.MULTILINE))
    assert shown <= set(TARGET.findall(text("Makefile")))


def test_python_snippets_compile() -> None:
    assert len(snippets("python")) == 1
    for snippet in snippets("python"):
        ast.parse(snippet)


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of README.md in a file, its variables set and no others."""
    (shown,) = snippets("yaml")
    for name in ("TELNYX_API_KEY", "TELNYX_PROXY_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for number, name in enumerate(VARIABLE.findall(shown)):
        monkeypatch.setenv(name, f"a-secret-of-twenty-characters-{number}")
    path = tmp_path / "proxy.yaml"
    path.write_text(shown, encoding="utf-8")
    return path


def test_the_configuration_shown_is_good(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(configuration)]) == 0
    assert "tenants       1, keys 2\n" in capsys.readouterr().out


def test_explain_says_what_is_shown(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = re.search(r"`explain` with `(.*?)`", text("README.md"))
    assert found is not None
    request = {**json.loads(found[1]), "messages": [{"role": "user", "content": "Say hello"}]}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(request).encode())))
    assert main(["explain", "--config", str(configuration), "-"]) == 0
    said = capsys.readouterr().out.rpartition("\n\n")[2]
    assert [f"    {line}" for line in said.splitlines()] == re.findall(
        r"^ {4}(?:aliased|dropped|renamed|injected) .*$", text("README.md"), re.MULTILINE
    )


def lost_links(document: str) -> Iterator[str]:
    for path, name in LINK.findall(text(document)):
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists():
            yield f"{document}: {path} does not exist"
        elif name and name not in map(anchor, HEADING.findall(target.read_text(encoding="utf-8"))):
            yield f"{document}: {path}#{name} has no such heading"


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_link_leads_somewhere(document: str) -> None:
    assert list(lost_links(document)) == []


def test_a_heading_is_found_by_its_anchor() -> None:
    assert [anchor("OpenTelemetry's names"), anchor("Labels"), anchor("Is it `fair`?")] == [
        "opentelemetrys-names",
        "labels",
        "is-it-fair",
    ]
