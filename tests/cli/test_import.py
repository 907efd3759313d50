import csv
import json
import stat
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.settings import environment

LITELLM = """
model_list:
  - model_name: kimi
    litellm_params: {model: openai/moonshotai/Kimi-K2.6, api_base: "https://api.telnyx.com/v2", api_key: KEY_inline}
litellm_settings: {drop_params: true, callbacks: [otel]}
general_settings: {master_key: sk-master-key-inline}
"""
SECRETS = ("KEY_inline", "sk-master-key-inline")


@pytest.fixture(autouse=True)
def litellm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TELNYX_PROXY_URL", "TELNYX_PROXY_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TELNYX_API_KEY", "KEY_of_the_environment")
    monkeypatch.setenv("TELNYX_PROXY_ADMIN_TOKEN", "a-token-of-the-environment")
    assert environment()["TELNYX_API_KEY"]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(LITELLM)
    return path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["token", "key_alias", "team_id", "rpm_limit", "models"])
        writer.writerow(["ab" * 32, "web", "Search", "5", "{kimi}"])
        writer.writerow(["cd" * 32, "batch", "", "", "{}"])
    return path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["import", "litellm", "config.yaml", *argv])
    out, err = capsys.readouterr()
    assert not any(secret in out + err for secret in SECRETS)
    return code, out, err


def test_the_outcome_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--out", "proxy.yaml")
    assert (code, out) == (0, "")
    assert "litellm_settings.callbacks" in err
    assert main(["check", "--config", "proxy.yaml"]) == 0
    assert "OK" in capsys.readouterr().out
    assert stat.S_ISREG((tmp_path / "proxy.yaml").stat().st_mode)


def test_without_a_file_it_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    (tmp_path / "made.yaml").write_text(out)
    assert (code, main(["check", "--config", "made.yaml"])) == (0, 0)


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "proxy.yaml").write_text("mine")
    code, _, err = run(capsys, "--out", "proxy.yaml")
    assert (code, (tmp_path / "proxy.yaml").read_text()) == (1, "mine")
    assert "File exists" in err


def test_keys_are_printed_for_scripts(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--keys", str(keys), "--out", "proxy.yaml")
    value = json.loads(out)
    assert [(key["tenant"], key["name"], key["sha256"][:2]) for key in value["keys"]] == [
        ("search", "web", "ab"),
        ("default", "batch", "cd"),
    ]
    assert value["keys"][0]["models"] == ["moonshotai/Kimi-K2.6"]
    assert (code, "keys[0].rpm_limit" in err) == (0, True)


def test_everything_in_one_value(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--keys", str(keys), "--json")
    value = json.loads(out)
    assert (code, err) == (0, "")
    assert set(value) == {"configuration", "report", "keys"}
    assert {line["kind"] for line in value["report"]} == {"mapped", "check", "lost"}


def test_keys_are_imported_into_the_store(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--out", "proxy.yaml")[0] == 0
    code, out, _ = run(capsys, "--keys", str(keys), "--apply", "--config", "proxy.yaml")
    made = json.loads(out)
    assert code == 0
    assert [(row["tenant"], row["name"]) for row in made["imported"]] == [("default", "batch"), ("search", "web")]
    assert main(["keys", "list", "--config", "proxy.yaml", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)["data"]} == {"web", "batch"}
    code, out, _ = run(capsys, "--keys", str(keys), "--apply", "--config", "proxy.yaml", "--json")
    again = json.loads(out)
    assert (code, again["imported"], len(again["known_already"])) == (0, [], 2)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--apply"], "--keys"),
        (["--keys", "keys.csv"], "--out"),
        (["--keys", "keys.csv", "--apply"], "--config FILE"),
        (["--keys", "config.yaml", "--json"], "neither JSON nor CSV"),
    ],
)
def test_bad_usage(keys: Path, capsys: pytest.CaptureFixture[str], argv: list[str], words: str) -> None:
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert words in err


def test_a_store_that_refuses(keys: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("storage: {url: null}\n")
    code, out, err = run(capsys, "--keys", str(keys), "--apply", "--config", "none.yaml")
    assert (code in {1, 2}, out) == (True, "")
    assert "storage" in err


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: 1\na: 2\n", "a: [1\n"])
def test_what_is_no_configuration(text: str, litellm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    litellm.write_text(text)
    code, out, err = run(capsys)
    assert (code, out) == (2, "")
    assert "config.yaml" in err


def test_a_file_that_is_not_there(litellm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    litellm.unlink()
    assert run(capsys)[0] == 2
