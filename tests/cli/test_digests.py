import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy.cli.desks import Misused
from proxy.cli.digests import digests
from proxy.settings import ConfigurationError

ONE, TWO = "0a" * 32, "f1" * 32
BOTH = [{"name": "web", "sha256": ONE}, {"name": "app", "sha256": TWO}]


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}  web\n\n{TWO.upper()} *app\n",
        f"[{{name: web, sha256: {ONE}}}, {{name: app, sha256: {TWO}}}]",
        f'[{{"name": "web", "sha256": "{ONE}"}}, {{"name": "app", "sha256": "{TWO}"}}]',
        f"keys:\n- {{name: web, sha256: {ONE}}}\n- {{name: app, sha256: {TWO}}}\n",
        f"web: {ONE}\napp: {TWO}\n",
    ],
)
def test_every_form_says_the_same(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    assert digests(path) == BOTH


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(f"{ONE} web".encode())))
    assert digests(Path("-")) == BOTH[:1]


@pytest.mark.parametrize("text", ["", "[]", "- a\n", "a", f"{ONE}  web\nsk-my-secret-key app\n"])
def test_another_form_is_refused_without_repeating_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(Misused, match="must hold a list of") as caught:
        digests(path)
    assert "secret" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misused, match="not UTF-8"):
        digests(path)


@pytest.mark.parametrize("text", [f"web: {ONE}\nweb: {TWO}\n", "[", "a: b: c"])
def test_faults_of_the_file_have_their_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"{path}:"):
        digests(path)


def test_a_file_that_is_not_there_is_told_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digests(tmp_path / "absent")
