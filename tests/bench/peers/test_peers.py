"""The comparison with rivals as far as it needs none of them: nothing is fetched, and no rival is started here."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import answers
from tests.bench.measures import Round, answers_well
from tests.bench.peers import __main__ as program
from tests.bench.peers import checks, recipes, rivals
from tests.bench.peers.recipes import DONE, RECIPES, NotInstallable, Recipe
from tests.bench.processes import free_port
from tests.bench.targets import OUR_KEY, Target, available, direct

UPSTREAM = 4321


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Node that knows only its version, and no npm."""
    program = tmp_path / "programs" / "node"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho v20.0.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


@pytest.fixture
def build(tmp_path: Path, node: None) -> Callable[[str], Target]:
    """Builds a rival of the table, in an environment that has no more of it than its version."""

    def built(name: str) -> Target:
        recipe, rival = rivals.RIVALS[name]
        pretend(RECIPES[recipe], tmp_path / recipe)
        return rival(tmp_path / recipe, tmp_path, UPSTREAM)

    return built


def pretend(recipe: Recipe, environment: Path) -> None:
    version = recipe.packages[recipe.name]
    if recipe.needs:
        file, text = environment / "node_modules" / recipe.name / "package.json", json.dumps({"version": version})
    else:
        file = environment / "lib" / "python3" / "site-packages" / f"{recipe.name}-{version}.dist-info" / "METADATA"
        text = f"Metadata-Version: 2.1\nName: {recipe.name}\nVersion: {version}\n"
    file.parent.mkdir(parents=True)
    file.write_text(text)


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_a_rival_knows_the_upstream_and_says_its_version(
    name: str, build: Callable[[str], Target], tmp_path: Path
) -> None:
    target = build(name)
    recipe = RECIPES[rivals.RIVALS[name][0]]
    told = " ".join([*target.headers.values(), *(path.read_text() for path in tmp_path.glob(f"{name}.*"))])
    assert f"http://127.0.0.1:{UPSTREAM}/v2/ai/openai" in told
    assert "/chat/completions" not in told  # which each adds itself
    assert target.name == name
    assert target.version.startswith(recipe.packages[recipe.name])


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_the_key_of_the_upstream_stands_in_no_file(name: str, build: Callable[[str], Target], tmp_path: Path) -> None:
    target = build(name)
    assert answers.UPSTREAM_KEY in {target.key, *target.environment.values()}
    assert not [path for path in tmp_path.glob(f"{name}.*") if answers.UPSTREAM_KEY in path.read_text()]
    assert answers.UPSTREAM_KEY not in " ".join(target.command)


def test_litellm_maps_every_model_and_admits_by_key(build: Callable[[str], Target], tmp_path: Path) -> None:
    target = build("litellm")
    configuration = json.loads((tmp_path / "litellm.yaml").read_text())
    mapped = {row["model_name"]: row["litellm_params"]["model"] for row in configuration["model_list"]}
    assert mapped == {name: f"openai/bench/{name}" for name in answers.MODELS}
    assert configuration["general_settings"]["master_key"] == target.key == OUR_KEY
    assert configuration["litellm_settings"]["callbacks"] == ["prometheus"]
    assert target.command[target.command.index("--port") + 1] == str(target.port)


def test_only_metrics_are_missing_from_the_bare_litellm(build: Callable[[str], Target], tmp_path: Path) -> None:
    build("litellm-bare")
    bare = json.loads((tmp_path / "litellm-bare.yaml").read_text())
    full = rivals.litellm_configuration(UPSTREAM, metrics=True)
    assert {**bare["litellm_settings"], "callbacks": ["prometheus"]} == full["litellm_settings"]
    assert {**bare, "litellm_settings": None} == {**full, "litellm_settings": None}


def test_tensorzero_maps_every_model() -> None:
    configuration = tomllib.loads(rivals.tensorzero_configuration(UPSTREAM))
    providers = {name: model["providers"]["mock"] for name, model in configuration["models"].items()}
    assert {name: each["model_name"] for name, each in providers.items()} == {
        name: f"bench/{name}" for name in answers.MODELS
    }
    assert {each["api_key_location"] for each in providers.values()} == {f"env::{rivals.KEY_VARIABLE}"}


def test_a_port_that_a_rival_chooses_is_known_when_it_is_told(build: Callable[[str], Target]) -> None:
    target = build("tensorzero")
    assert target.port == 0
    assert not answers_well(target)
    Path(target.command[-1]).write_text("65000")
    assert target.port == 65000


def test_a_port_of_the_round_before_is_forgotten(build: Callable[[str], Target], tmp_path: Path) -> None:
    told = tmp_path / "tensorzero.port"
    told.write_text("65000")
    assert (build("tensorzero").port, told.exists()) == (0, False)


def test_every_rival_that_is_measured_by_default_is_in_the_table() -> None:
    assert set(rivals.DEFAULT) < set(rivals.RIVALS)
    assert {recipe for recipe, _ in rivals.RIVALS.values()} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_version_is_exact(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    *_, last = recipes.commands(recipe, tmp_path)
    if recipe.needs:
        manifest = json.loads((tmp_path / "package.json").read_text())
        assert manifest["dependencies"] == recipe.packages
        assert manifest["overrides"] == recipe.overrides
    else:
        extras = f"[{recipe.extras}]" if recipe.extras else ""
        assert f"{recipe.name}{extras}=={recipe.packages[recipe.name]}" in last
        assert len([argument for argument in last if "==" in argument]) == len(recipe.packages)


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    folder = tmp_path / "litellm"
    folder.mkdir()
    (folder / DONE).write_text(recipes.written(RECIPES["litellm"]))
    assert recipes.installed("litellm", tmp_path) == folder
    assert [path.name for path in folder.iterdir()] == [DONE]


def test_without_its_installer_a_rival_keeps_what_it_has(tmp_path: Path, node: None) -> None:
    folder = tmp_path / "portkey"
    folder.mkdir()
    (folder / DONE).write_text("another recipe")
    with pytest.raises(NotInstallable, match="portkey needs npm"):
        recipes.installed("portkey", tmp_path)
    assert (folder / DONE).read_text() == "another recipe"


def test_a_failing_installation_shows_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(NotInstallable, match="no such package"):
        recipes.carry_out([sys.executable, "-c", "raise SystemExit('no such package')"], tmp_path / "log")
    recipes.carry_out([sys.executable, "-c", "pass"], tmp_path / "log")


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert recipes.default_cache() == tmp_path / "telnyx-openai-proxy" / "bench-peers"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert recipes.default_cache() == recipes.ROOT / ".cache" / "bench-peers"
    assert (recipes.ROOT / "pyproject.toml").is_file()


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from tests.bench import answers
class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["content-length"]))
        status, body = ({stream}) if b'"stream":true' in asked else (200, answers.whole())
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
HTTPServer((answers.HOST, int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        ("200, b''.join(answers.events(usage=False))", None),
        ("500, b'immutable'", "status 500: b'immutable'"),
        ("200, b''.join(answers.events(usage=False)[:-1])", "a stream ends with"),
        ("200, b''.join(answers.events(usage=False)[50:])", "the text is"),
    ],
    ids=["right", "status", "no-end", "cut"],
)
def test_a_rival_whose_streams_are_wrong_is_found_out(stream: str, fault: str | None, tmp_path: Path) -> None:
    port = free_port()
    target = Target("fake", port, (sys.executable, "-c", SERVER.format(stream=stream), str(port)))
    found = checks.fault_of(target, tmp_path)
    assert found is None if fault is None else found and fault in found


def test_a_rival_that_does_not_start_is_found_out(tmp_path: Path) -> None:
    target = Target("fake", free_port(), (sys.executable, "-c", "raise SystemExit('no such option')"))
    assert "no such option" in (checks.fault_of(target, tmp_path) or "")


def test_nobody_there_is_no_stream(tmp_path: Path) -> None:
    assert "no stream" in (checks.streamed_fault(direct(tmp_path, free_port())) or "")


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    usual = ["--rounds", "1", "--seconds", "0.1", "--streams", "0", "--tests", "plain", "--cache", str(tmp_path)]
    command = [sys.executable, "-m", "tests.bench.peers", *usual, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=recipes.ROOT)


def test_a_rival_that_cannot_be_installed_leaves_the_others_a_table(tmp_path: Path, node: None) -> None:
    file = tmp_path / "figures.json"
    got = run(tmp_path, "--targets", "direct,portkey", "--json", str(file))
    assert "portkey is not measured: portkey needs npm" in got.stdout, got.stderr
    assert got.returncode == 1
    assert json.loads(file.read_text())["figures"]["direct"]["requests_per_second"]["median"] > 0


def test_without_faults_it_ends_well(tmp_path: Path) -> None:
    got = run(tmp_path, "--targets", "direct")
    assert (got.returncode, "| bad answers" in got.stdout) == (0, True), got.stderr


def test_what_rivals_cannot_do_is_no_failure_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    missed = Round({}, missed={"rate": "too fast"})
    assert program.show({"relay": [Round({})], "litellm": [missed]}, "", [], None) == 0
    assert "litellm, round 1: no figures of rate: too fast" in capsys.readouterr().out
    assert program.show({"relay": [missed]}, "", [], None) == 1


@pytest.mark.parametrize("options", [["--targets", "bifrost"], ["--rounds", "0"], ["--tests", "luck"]])
def test_bad_usage_is_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.options_of(options)
    assert end.value.code == 2
    assert "usage: python -m tests.bench.peers" in capsys.readouterr().err


def test_by_default_everything_that_is_there_is_measured() -> None:
    options = program.options_of([])
    assert (options.targets, options.rounds) == ([*available(), *rivals.DEFAULT], program.ROUNDS)
