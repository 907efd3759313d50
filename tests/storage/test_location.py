from pathlib import Path

import pytest

from proxy.storage.location import locate
from proxy.storage.refusals import BadAddress

SECRET = "hunter2hunter2"


def test_a_relative_path_starts_at_the_folder(tmp_path: Path) -> None:
    found = locate("sqlite:///data/proxy.db", tmp_path)
    assert found.path == tmp_path / "data" / "proxy.db"
    assert str(found) == f"{tmp_path}/data/proxy.db"


def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    assert locate(f"sqlite:///{tmp_path}/proxy.db", Path("elsewhere")).path == tmp_path / "proxy.db"


@pytest.mark.parametrize("url", ["postgresql://u@db:5433/proxy", "postgres://u@db:5433/proxy"])
def test_both_names_of_postgresql_are_one(url: str) -> None:
    found = locate(url, Path())
    assert found.path is None
    assert found.dsn == "postgresql://u@db:5433/proxy"
    assert str(found) == "postgresql://db:5433/proxy"


def test_a_unix_socket_stays_in_the_address() -> None:
    assert locate("postgresql:///proxy?host=/run/pg", Path()).dsn == "postgresql:///proxy?host=/run/pg"


def test_a_password_is_put_into_the_address_and_never_shown() -> None:
    found = locate("postgresql://u@db/proxy", Path(), f"{SECRET}@/")
    assert found.dsn == f"postgresql://u:{SECRET}%40%2F@db/proxy"
    assert SECRET not in f"{found} {found!r}"


def test_the_password_of_the_address_wins() -> None:
    found = locate(f"postgresql://u:{SECRET}@db/proxy", Path(), "other")
    assert found.dsn == f"postgresql://u:{SECRET}@db/proxy"
    assert SECRET not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///", "in memory"),
        ("sqlite:///:memory:", "the path of a file"),
        ("sqlite:///a.db?mode=memory", "the path of a file"),
        ("sqlite:///data/", "the path of a file"),
        ("mysql://u@db/proxy", "must begin with"),
        ("nothing", "must begin with"),
        (f"postgresql://u:{SECRET}@db:port/proxy", "is no address"),
        (f"postgresql://u:{SECRET}@[db/proxy", "is no address"),
    ],
)
def test_what_is_no_database_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words) as refused:
        locate(url, Path())
    assert SECRET not in str(refused.value)


def test_a_password_needs_a_user() -> None:
    with pytest.raises(BadAddress, match="must name the user") as refused:
        locate("postgresql://db/proxy", Path(), SECRET)
    assert SECRET not in str(refused.value)
