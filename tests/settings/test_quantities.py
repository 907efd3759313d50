from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.settings.quantities import (
    ExistingFile,
    FilePath,
    Number,
    Port,
    Seconds,
    SecondsOrNone,
    Sha256,
    Size,
    Text,
    Whole,
    is_loopback,
)
from proxy.settings.secrets import Surroundings


def accepts(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Number, [0, -1.5, "2.5"], [True, "x", float("nan"), float("inf"), "inf", None]),
        (Whole, [0, 3, "3", 3.0], [True, 3.5, "x"]),
        (Seconds, [0.001, 5, 86400], [0, -1, 86401, True]),
        (SecondsOrNone, [0, 5], [-1, 86401, True]),
        (Port, [0, 8080, 65535], [-1, 65536, True, 80.5]),
        (Size, [1, "32MiB", "1.5 GB", "512"], [0, "0", "-1", "lots", "3 parsecs", True, []]),
        (Text, ["x"], ["", 5, None]),
        (Sha256, ["ab" * 32, "AB" * 32], ["ab" * 31, "zz" * 32, "ab" * 33, f"{'ab' * 32}\n"]),
    ],
)
def test_bounds(kind: Any, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


def test_a_size_is_a_number_of_bytes() -> None:
    assert TypeAdapter(Size).validate_python("32MiB") == 33_554_432


def test_a_digest_is_lower_case() -> None:
    assert TypeAdapter(Sha256).validate_python("AB" * 32) == "ab" * 32


def test_a_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    adapter = TypeAdapter[Path | None](FilePath)
    assert adapter.validate_python("a/b", context=Surroundings(folder=tmp_path)) == tmp_path / "a/b"
    assert adapter.validate_python("/a/b", context=Surroundings(folder=tmp_path)) == Path("/a/b")
    assert adapter.validate_python(None, context=Surroundings(folder=tmp_path)) is None
    assert adapter.validate_python("a/b") == Path("a/b")


def test_a_file_must_be_there_only_where_files_are_looked_up(tmp_path: Path) -> None:
    adapter = TypeAdapter[Path | None](ExistingFile)
    (tmp_path / "ca.pem").touch()
    looking = Surroundings(folder=tmp_path, resolve=True)
    assert adapter.validate_python("ca.pem", context=looking) == tmp_path / "ca.pem"
    assert adapter.validate_python("absent.pem", context=Surroundings(folder=tmp_path)) == tmp_path / "absent.pem"
    assert adapter.validate_python(None, context=looking) is None
    with pytest.raises(ValidationError, match="is no file"):
        adapter.validate_python("absent.pem", context=looking)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LocalHost", "localhost."])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org", "127.0.0.1.nip.io"],  # noqa: S104 - read only
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
