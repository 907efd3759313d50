"""The image, as far as it can be made without a container engine: its steps are carried out by hand."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from proxy.cli.main import main, parser
from proxy.emulator.server import running as telnyx_running
from tests.cli.commands import ANY_PORT, MODULE, base_url, finished, running
from tests.deploy.boards import DEPLOY
from tests.deploy.laid_out import copied, lay_out, let_in, one, seen, stages
from tests.house.repository import ROOT
from tests.house.test_words import lock_faults
from tests.world import HELLO, MODEL

HOME = "/var/lib/telnyx-proxy"
VENV = "/opt/telnyx-proxy"
SEALED = """
set -e
mount --make-rprivate /
for folder in "$DATA" "$TMPDIR"; do mount --bind "$folder" "$folder"; done
mount -o remount,bind,ro /
! touch "$SEEN" 2>/dev/null
exec "$@"
"""
"""A root that is read-only but for two folders, as in the container, for one process; fails where that cannot be."""


def runs(stage: int) -> list[str]:
    return [step.rest for step in stages()[stage] if step.word == "RUN"]


def test_there_are_two_stages_on_the_same_python() -> None:
    build, final = stages()
    assert one(build, "FROM").rest == "python:${PYTHON}-slim AS build"
    assert one(final, "FROM").rest == "python:${PYTHON}-slim"
    version = re.fullmatch(r"PYTHON=3\.(\d+)", build[0].rest)
    assert version is not None
    assert int(version[1]) >= 11


def test_what_is_copied_exists_and_the_build_may_see_it() -> None:
    for stage in stages():
        for sources, _ in copied(stage):
            for source in sources:
                assert (ROOT / source).exists(), source
                assert seen(source), source


def test_a_build_sees_no_more_than_it_copies() -> None:
    """No secrets, no database, no history."""
    used = {source for stage in stages() for sources, _ in copied(stage) for source in sources}
    assert set(let_in()) == used
    assert not [path for path in (".git/config", "deploy/secrets/admin-token", "config/data/proxy.db") if seen(path)]


def test_the_drivers_are_taken_from_the_lock_by_hash(tmp_path: Path) -> None:
    (arg,) = (step.rest for step in stages()[0] if step.word == "ARG" and step.rest.startswith("EXTRAS"))
    extras = arg.partition("=")[2].strip('"')
    (command,) = (run for run in runs(0) if run.startswith("awk"))
    lay_out(stages()[0], tmp_path)
    environ = {"EXTRAS": extras, "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environ, check=True)
    lock = (tmp_path / "extras.lock").read_text()
    assert lock_faults(lock) == []
    assert re.findall(r"^([\w-]+)==", lock, re.MULTILINE) == extras.split()


def test_everything_is_installed_by_hash() -> None:
    (install,) = (run for run in runs(0) if "-r " in run)
    assert "--require-hashes" in install
    assert re.findall(r"-r (\S+)", install) == ["requirements.lock", "extras.lock"]
    (package,) = (run for run in runs(0) if "install" in run and run.endswith(" ."))
    assert {"--no-deps", "--no-build-isolation"} <= set(package.split())


def test_what_is_copied_is_enough_to_build_the_package(tmp_path: Path) -> None:
    """Into a folder beside, with the tool of the lock."""
    context, target = tmp_path / "context", tmp_path / "target"
    lay_out(stages()[0], context)
    (package,) = (run for run in runs(0) if "install" in run and run.endswith(" ."))
    command = package.replace(f"{VENV}/bin/pip", f"{sys.executable} -m pip").split()
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # no network is waited for
    subprocess.run([*command, "--quiet", "--target", str(target)], cwd=context, env=environ, check=True)
    assert (target / "proxy" / "cli" / "main.py").is_file()
    assert (target / "bin" / "telnyx-proxy").is_file()
    missing = {path.relative_to(ROOT) for path in (ROOT / "proxy").rglob("*.*") if "__pycache__" not in path.parts}
    assert [path for path in missing if not (target / path).exists()] == []


def test_neither_pip_nor_the_builder_is_left() -> None:
    assert runs(0)[-1] == f"{VENV}/bin/pip uninstall --yes flit_core pip"
    assert any(re.match(r"pip uninstall --yes .*pip$", run) for run in runs(1))
    assert [step.rest for step in stages()[1] if step.rest.startswith("--from")] == [f"--from=build {VENV} {VENV}"]


def test_it_runs_as_nobody_in_particular_and_keeps_everything_in_one_place() -> None:
    final = stages()[1]
    user = one(final, "USER").rest
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    uid, gid = user.split(":")
    (made,) = (run for run in runs(1) if "useradd" in run)
    assert f"--gid {gid} proxy" in made
    assert f"useradd --uid {uid} --gid {gid}" in made
    assert f"--owner={uid} --group={gid} --mode=0700 {HOME}" in made
    assert one(final, "VOLUME").rest == one(final, "WORKDIR").rest == HOME
    words = [step.word for step in final]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in {"RUN", "COPY"})
    configuration = (DEPLOY / "proxy.yaml").read_text(encoding="utf-8")
    kept = re.findall(r"(?:url: sqlite:///|folder: )(\S+)", configuration)
    assert len(kept) == 3
    assert all(path.startswith(HOME) for path in kept)


def test_the_command_is_one_of_the_program() -> None:
    final = stages()[1]
    assert one(final, "STOPSIGNAL").rest == "SIGTERM"
    (program,) = one(final, "ENTRYPOINT").listed()
    assert program == "telnyx-proxy"
    words = one(final, "CMD").listed()
    args = parser(words).parse_args(words)
    assert args.command == "serve"
    (folder,) = (target for _, target in copied(final))
    assert args.config.parent == Path(folder)
    assert f"PATH={VENV}/bin:$PATH" in one(final, "ENV").rest


def laid_out_below(folder: Path) -> Path:
    """The configuration of the image, with its paths below a folder."""
    lay_out(stages()[1], folder)
    (folder / "admin-token").write_text("an-admin-token-of-the-tests\n")
    path = folder / "etc" / "telnyx-proxy" / "proxy.yaml"
    text = path.read_text().replace("/run/secrets/", f"{folder}/").replace("/etc/", f"{folder}/etc/")
    path.write_text(text.replace("/var/lib/", f"{folder}/var/lib/"))
    return path


def test_the_configuration_of_the_image_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ports are those that are exposed."""
    monkeypatch.setenv("TELNYX_API_KEY", "KEY_of-the-tests")
    assert main(["check", "--config", str(laid_out_below(tmp_path))]) == 0
    told = capsys.readouterr().out
    ports = one(stages()[1], "EXPOSE").rest.split()
    assert f"0.0.0.0:{ports[0]}, admin on 0.0.0.0:{ports[1]} with a token" in told


async def test_it_serves_from_a_root_that_is_read_only(tmp_path: Path) -> None:
    """Everything that it writes is in the volume and in /tmp."""
    config, data, temporary = laid_out_below(tmp_path), tmp_path / HOME.lstrip("/"), tmp_path / "tmp"
    data.mkdir(parents=True)
    temporary.mkdir()
    places = {"DATA": str(data), "TMPDIR": str(temporary), "SEEN": str(tmp_path / "writable")}
    sealed = ("unshare", "--mount", "sh", "-c", SEALED, "sh")
    if (await finished(*sealed, "true", environ=places)).code:
        pytest.skip("no root can be made read-only here (needs unshare and CAP_SYS_ADMIN)")
    async with telnyx_running() as telnyx:
        upstream = {"TELNYX_API_KEY": "KEY", "TELNYX_PROXY_UPSTREAM__BASE_URL": telnyx.base_url}
        local = {"TELNYX_PROXY_LISTEN__HOST": "127.0.0.1", "TELNYX_PROXY_ADMIN__HOST": "127.0.0.1"}
        command = (*sealed, *MODULE, "serve", "--config", str(config))
        async with running(*command, environ={**places, **upstream, **local, **ANY_PORT}) as proxy:
            text = await proxy.until("Ctrl-C stops it.")
            key = re.search(r"OPENAI_API_KEY=(\S+)", text)
            assert key is not None
            headers = {"Authorization": f"Bearer {key[1]}"}
            url = f"{base_url(text)}/chat/completions"
            body = {"model": MODEL, "messages": HELLO}
            async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
            ended = await proxy.end(signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert (data / "proxy.db").is_file()


def test_the_health_check_asks_the_admin_listener() -> None:
    check = one(stages()[1], "HEALTHCHECK")
    program, option, code = check.listed()
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "http://127.0.0.1:8081/readyz" in code
