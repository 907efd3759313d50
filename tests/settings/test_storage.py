"""Where things are kept, as it stands in a configuration."""

from pathlib import Path

import pytest

from proxy.settings import ConfigurationError, Settings, load


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "proxy.yaml"
    path.write_text(text)
    return load(path, environ)


def test_a_database_file_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert loaded(tmp_path, "{}").storage.url == f"sqlite:///{tmp_path}/data/proxy.db"
    assert loaded(tmp_path, "storage: {url: sqlite:////var/x.db}").storage.url == "sqlite:////var/x.db"
    assert loaded(tmp_path, "storage: {url: null}").storage.url is None


def test_postgres_stays_as_it_is_written(tmp_path: Path) -> None:
    url = "postgresql://proxy@db.example:5432/proxy"
    assert loaded(tmp_path, f"storage: {{url: '{url}'}}").storage.url == url


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "proxy.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/x",
        "postgresql://host",
        "postgresql://h:x/y",
    ],
)
def test_what_is_no_database_is_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"storage\.url"):
        loaded(tmp_path, f"storage: {{url: '{url}'}}")


def test_redis_is_named_by_a_variable_that_need_not_be_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "{}").storage.redis.url is None
    assert loaded(tmp_path, "storage: {redis: {fail: closed}}").storage.redis.url is None
    found = loaded(tmp_path, "{}", TELNYX_PROXY_REDIS_URL="redis://:secret@host/0").storage.redis.url
    assert found is not None
    assert found.reveal() == "redis://:secret@host/0"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://secret",
        "redis://",
        "redis://secret:notaport/0",
        "redis://secret/abc",
        "redis://h/0/1",
        "unix://",
    ],
)
def test_what_is_no_address_of_a_redis_is_told_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"storage\.redis\.url: is no address of a Redis") as caught:
        loaded(tmp_path, "{}", TELNYX_PROXY_REDIS_URL=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://h/", "redis://u:p@h:6380/3", "rediss://[::1]:6379/0?x=1", "unix:///a.socket"]
)
def test_addresses_of_a_redis(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, "{}", TELNYX_PROXY_REDIS_URL=url).storage.redis.url is not None


@pytest.mark.parametrize("name", ["pepper: {value: short}", "encryption_keys: [{value: 123456789012345}]"])
def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is shorter than 16 characters"):
        loaded(tmp_path, f"storage: {{{name.replace('123456789012345', repr('1' * 15))}}}")


def test_secrets_are_found_where_they_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new-secret-of-16\n")
    (tmp_path / "old").write_text("old-secret-of-16\n")
    text = "storage: {pepper: {env: PEPPER}, encryption_keys: [{file: new}, {file: old}], password: {env: PW}}"
    storage = loaded(tmp_path, text, PEPPER="a-pepper-of-a-length", PW="a-password").storage
    assert storage.pepper is not None
    assert storage.pepper.reveal() == "a-pepper-of-a-length"
    assert [key.reveal() for key in storage.encryption_keys] == ["new-secret-of-16", "old-secret-of-16"]
    with pytest.raises(ConfigurationError, match=r"storage\.pepper"):
        loaded(tmp_path, text, PW="a-password")
