from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.settings.quantities import (
    Authorities,
    FilePath,
    Host,
    LogFile,
    Number,
    Port,
    Seconds,
    SecondsOrNone,
    Sha256,
    Size,
    Text,
    Whole,
    Workers,
    is_loopback,
)
from proxy.settings.secrets import Surroundings

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUDP2z+/sKRdGoGAjhvE3fPTGY374wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjEwOTIwMTdaGA8yMTI2MTAyODA5MjAx
N1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLZH
j8/d3zai347YOPsx3RSgOsC2zDChw79Be1Qy/5cK8fuywVAwiZbZA2ZyQ0OVWsQn
8Fn9erLJZ8EbUFwH7QGjUzBRMB0GA1UdDgQWBBQmVUsoZo8WeEd91M3e6ypGxzK/
OzAfBgNVHSMEGDAWgBQmVUsoZo8WeEd91M3e6ypGxzK/OzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCN1mMSJWrvpMkFz8toK9uX9NKLGqnH1V37
sVbR6daP0AIhAPCFz2vAHwj7lePaWXrzVekG9ZgaJ6qiduPwsHMrQWEA
-----END CERTIFICATE-----
"""
"""A self-signed one, for nobody; its key was thrown away."""


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
        (Workers, ["auto", 1, 256, "8"], [0, -1, 257, True, 2.0, "all", "AUTO", "", None, []]),
        (Size, [1, "32MiB", "1.5 GB", "512"], [0, "0", "-1", "lots", "3 parsecs", True, []]),
        (
            Host,
            ["127.0.0.1", "::1", "::", "localhost", "proxy_1.example.org", "localhost.", "x" * 63, "fe80::1%eth0"],
            [
                "",
                "127.0.0.1:8080",
                "[::1]",
                "http://127.0.0.1",
                "a b",
                "localhost/",
                "example.org\n",
                5,
                "a..b",
                ".a",
                "x" * 64,
                "a." * 127,
            ],
        ),
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


def complaint_of(kind: Any, name: str, folder: Path) -> str:
    """What is said about a path, "" if it is fine. The same name is always fine where files are not looked at."""
    adapter = TypeAdapter[Path | None](kind)
    assert adapter.validate_python(name, context=Surroundings(folder=folder)) == folder / name
    try:
        assert adapter.validate_python(name, context=Surroundings(folder=folder, resolve=True)) == folder / name
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


def test_authorities_are_a_file_of_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    (tmp_path / "empty.pem").touch()
    (tmp_path / "key.pem").write_text("-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n")
    said = [complaint_of(Authorities, name, tmp_path) for name in ("ca.pem", "absent.pem", ".", "empty.pem", "key.pem")]
    assert said == ["", "is no file", "is no file", "holds no certificates", "holds no certificates"]
    assert TypeAdapter[Path | None](Authorities).validate_python(None, context=Surroundings(resolve=True)) is None


def test_a_log_file_may_be_made_but_not_its_folder(tmp_path: Path) -> None:
    (tmp_path / "old.log").touch()
    said = [complaint_of(LogFile, name, tmp_path) for name in ("new.log", "old.log", ".", "logs/new.log")]
    assert said == ["", "", "is a folder", "is in a folder that does not exist"]
    assert TypeAdapter[Path | None](LogFile).validate_python(None, context=Surroundings(resolve=True)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LocalHost", "localhost."])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org", "127.0.0.1.nip.io"],  # noqa: S104 - read only
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
