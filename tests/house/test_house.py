"""The house is what it says it is: map, tables, README and shipped configuration agree with the code."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import proxy
from proxy import codec, errors
from proxy.endpoints import ENDPOINTS
from proxy.settings.loading import load
from tests.house.repository import ROOT

MODULE = re.compile(r"(?<![\w./])((?:[a-z][a-z0-9_]*/)+[a-z][a-z0-9_]*)(?:\.py)?(?![\w/-])")
"""`edge/journey`, `translation/rules.py`."""
PACKAGE = re.compile(r"(?<![\w./])([a-z][a-z0-9_]*(?:/[a-z][a-z0-9_]*)*)/(?![\w{*])")
"""`edge/`."""
LONE_MODULE = re.compile(r"(?<![\w./])([a-z][a-z0-9_]*)\.py\b")
"""`app.py`."""

OPENAI_TYPES = frozenset(
    {"invalid_request_error", "rate_limit_error", "requests", "tokens", "insufficient_quota", "server_error"}
)
"""The `error.type` values that client libraries know; of a 429 OpenAI says `requests` or `tokens`."""


def packages(house: Path) -> set[str]:
    return {path.parent.name for path in house.glob("*/__init__.py")}


def exists(house: Path, name: str) -> bool:
    return (house / f"{name}.py").is_file() or (house / name / "__init__.py").is_file()


def lost_on_the_map(text: str, house: Path) -> Iterator[str]:
    """What the map names and the house lacks, then the packages of the house that the map does not name.

    A word with a slash is a module when its first part is a room (`chunks/s` and `text/event-stream` are not).
    """
    rooms = packages(house)
    named = set(PACKAGE.findall(text))
    modules = {name for name in MODULE.findall(text) if name.split("/")[0] in rooms | named}
    for name in sorted(modules | named | set(LONE_MODULE.findall(text))):
        if not exists(house, name):
            yield f"the map names {name}, which does not exist"
    for room in sorted(rooms - named):
        yield f"{room}/ is not on the map"


def test_the_map_and_the_house_agree() -> None:
    lost = list(lost_on_the_map(proxy.__doc__ or "", ROOT / "proxy"))
    assert not lost, "\n".join(lost)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for room in ("edge", "cli", "edge/deep"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("")
    for module in ("app", "edge/journey"):
        (tmp_path / f"{module}.py").write_text("")
    return tmp_path


def test_a_true_map_passes(house: Path) -> None:
    text = (
        "app.py and `edge/` (edge/journey.py, edge/deep, edge/deep/): 40 chunks/s of text/event-stream; cli/ starts it"
    )
    assert list(lost_on_the_map(text, house)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("edge/ cli/ edge/voyage", "the map names edge/voyage, which does not exist"),
        ("edge/ cli/ edge/voyage.py", "the map names edge/voyage, which does not exist"),
        ("edge/ cli/ storage/", "the map names storage, which does not exist"),
        ("edge/ cli/ ape.py", "the map names ape, which does not exist"),
        ("edge/ cli/main, edge/journey", "the map names cli/main, which does not exist"),
        ("edge/ edge/journey", "cli/ is not on the map"),
    ],
)
def test_a_wrong_map_is_found(house: Path, text: str, fault: str) -> None:
    assert fault in list(lost_on_the_map(text, house))


TREE = [fault for fault in errors.tree() if fault.__module__ == "proxy.errors"]
"""Without the classes that tests derive for themselves, which the tree finds, too."""


@pytest.mark.parametrize("fault", TREE, ids=lambda fault: fault.__name__)
def test_every_error_tells_a_client_what_to_do(fault: type[errors.ProxyError]) -> None:
    assert 400 <= fault.status <= 599
    assert fault.type in OPENAI_TYPES
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", fault.code or "")


@pytest.mark.parametrize("fault", [errors.ProxyError, *TREE], ids=lambda fault: fault.__name__)
def test_every_error_is_drawn_in_the_tree(fault: type[errors.ProxyError]) -> None:
    assert re.search(rf"\b{fault.__name__}\b", errors.__doc__ or "")


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def plain(path: str) -> str:
    """A route as people write it: `/v1/models/{id...}` -> `/v1/models/{id}`."""
    return path.replace("...}", "}")


def shows(text: str, method: str, path: str) -> bool:
    """One line of the text names the method and exactly this path, with or without the version before it."""
    route = re.compile(rf"(?<![\w/}}])(?:/v1)?{re.escape(plain(path))}(?![\w/{{-])")
    return any(
        re.search(rf"\b{method.replace('*', 'any')}\b", line) and route.search(line) for line in text.splitlines()
    )


def test_every_endpoint_is_in_the_readme() -> None:
    assert ENDPOINTS
    assert [row.name for row in ENDPOINTS if not shows(readme(), row.method, row.path)] == []


def test_an_endpoint_is_found_by_its_exact_path_only() -> None:
    text = "| `GET` | `/v1/models/{id}` | one model |\nGET /v1/chats\nPOST /v1/models\n"
    assert shows(text, "GET", "/v1/models/{id...}")
    assert shows(text, "GET", "/models/{id}")
    assert not shows(text, "POST", "/models/{id}")
    assert not shows(text, "GET", "/v1/models")
    assert not shows(text, "GET", "/v1/chat")


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_readme_shows_the_two_commands(command: str) -> None:
    assert command in readme()
    target = command.removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_continuous_integration_runs_what_people_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test$", script.read_text(encoding="utf-8"), re.MULTILINE)


PARTS: Mapping[str, Callable[[Path], object]] = {"models.yaml": lambda path: {"models": {"file": str(path)}}}
"""Files that are no configuration by themselves -> the smallest configuration that reads them."""

SHIPPED = sorted(path for path in (ROOT / "config").rglob("*") if path.suffix in {".yaml", ".yml"})


def test_the_annotated_reference_is_shipped() -> None:
    assert {"proxy.yaml", *PARTS} <= {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_configuration_loads(path: Path, tmp_path: Path) -> None:
    configuration = path
    if path.name in PARTS:
        configuration = tmp_path / "whole.yaml"
        configuration.write_bytes(codec.encode(PARTS[path.name](path)))  # JSON is YAML
    load(configuration, {}, secrets=False)
