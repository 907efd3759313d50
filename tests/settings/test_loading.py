import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.settings import ConfigurationError, Fault, Settings, environment, load, load_stored
from proxy.settings.document import parse
from proxy.settings.secrets import Secret, Surroundings
from proxy.settings.shape import walk
from tests.settings.configuring import faults_of, only_fault, settings_of
from tests.trying import examples

CANARY = "sk-canary-0123456789-abcdef"

TEN = """\
listen: {port: 99999}
admin: {host: 0.0.0.0}
upstream:
  base_url: http://example.org/v2
  dialect: 2027-01
  timeouts: {frist_byte: 3}
limits: {body: lots}
tenants:
  - id: Acme
    keys: [{name: web, secret: {env: ACME_WEB}}, {name: web, sha256: zz}]
  - id: b
    id: c
  - {id: c}
loging: {level: info}
"""


def test_ten_faults_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    environ = {"TELNYX_PROXY_STREAMS__KEEPALIVE": "often", "TELNYX_PROXY_UPSTREAM_BASE_URL": "x"}
    faults = faults_of(tmp_path, TEN, environ)
    assert [(fault.path, fault.line) for fault in faults] == [
        ("listen.port", 1),
        ("admin.token", 2),
        ("upstream.base_url", 4),
        ("upstream.dialect", 5),
        ("upstream.timeouts.frist_byte", 6),
        ("limits.body", 7),
        ("tenants[0].id", 9),
        ("tenants[0].keys[0].secret", 10),
        ("tenants[0].keys[1].sha256", 10),
        ("tenants[0].keys[1].name", 10),
        ("tenants[1].id", 12),
        ("loging", 14),
        ("streams.keepalive", None),
        ("", None),
    ]
    assert {fault.source for fault in faults[:-2]} == {str(tmp_path / "proxy.yaml")}


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "listen:\nadmin:\nupstream:\ntenants:\nmodels:\n"):
        assert settings_of(tmp_path, text, secrets=False) == Settings()


def test_no_file_is_all_defaults_with_the_environment() -> None:
    found = load(None, {"TELNYX_API_KEY": "KEY0123", "TELNYX_PROXY_LISTEN__PORT": "0"})
    assert found.upstream.api_key is not None
    assert found.upstream.api_key.reveal() == "KEY0123"
    assert found.listen.port == 0


def test_a_fault_without_a_file_has_no_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"TELNYX_PROXY_ADMIN__HOST": "0.0.0.0"})  # noqa: S104 - read, not listened on
    (fault,) = caught.value.faults
    assert (fault.path, fault.source, fault.line) == ("admin.token", "TELNYX_PROXY_ADMIN__HOST", None)


@pytest.mark.parametrize("text", ["- listen", "listen", "5"])
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str) -> None:
    assert only_fault(tmp_path, text).message == "must be names and values"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "absent.yaml", {})


def test_without_secrets_nothing_is_looked_up(tmp_path: Path) -> None:
    text = """
        admin: {host: 0.0.0.0}
        upstream: {api_key: {file: absent}, ca_file: absent.pem}
        tenants: [{id: a, keys: [{name: web, secret: {env: ABSENT}}]}]
    """
    found = settings_of(tmp_path, text, secrets=False)
    assert found.admin.token == Secret(env="TELNYX_PROXY_ADMIN_TOKEN")
    assert found.upstream.ca_file == tmp_path / "absent.pem"
    assert [fault.path for fault in faults_of(tmp_path, text)] == [
        *("admin.token", "upstream.api_key", "upstream.ca_file", "tenants[0].keys[0].secret"),
    ]


def test_secrets_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "telnyx").write_text("KEY0123\n")
    found = settings_of(tmp_path, "upstream: {api_key: {file: secrets/telnyx}}")
    assert found.upstream.api_key is not None
    assert found.upstream.api_key.reveal() == "KEY0123"


def test_further_checks_see_the_settings_and_get_their_lines(tmp_path: Path) -> None:
    def refuse_fields(found: Settings) -> list[Fault]:
        return [Fault(f"translation.fields.{name}", "is unknown") for name in found.translation.fields]

    path = tmp_path / "proxy.yaml"
    path.write_text("listen: {port: x}\ntranslation:\n  fields:\n    logit: refuse\n")
    with pytest.raises(ConfigurationError) as caught:
        load(path, {}, checks=[refuse_fields])
    assert [(fault.path, fault.line) for fault in caught.value.faults] == [
        ("listen.port", 1),
        ("translation.fields.logit", 4),
    ]
    assert load(None, {}, checks=[refuse_fields]).translation.fields == {}


PROFILES = """
profiles:
  "zai-org/*": {dialect: 2026-06, quirks: {a: on, b: on}, cap: {n: 1}}
  other/*:
    defaults: {temperature: 0.5}
  empty/*:
"""


def test_profiles_of_a_second_file_are_laid_under(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yaml").write_text(PROFILES)
    text = """
        models:
          file: sub/more.yaml
          profiles: {"zai-org/*": {quirks: {b: off}, cap: null}, other/*: }
    """
    found = settings_of(tmp_path, text).models
    assert found.file == tmp_path / "sub" / "more.yaml"
    zai, other = found.profiles["zai-org/*"], found.profiles["other/*"]
    assert (zai.dialect, zai.quirks, zai.cap) == ("2026-06", {"a": True, "b": False}, {"n": 1})
    assert other.defaults == {"temperature": 0.5}
    assert settings_of(tmp_path, "models: {file: sub/more.yaml}").models.profiles.keys() == found.profiles.keys()


def test_a_price_of_the_second_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    prices = "{input: 1, cached_input: 0.1, output: 4, seen: 2026-08}"
    (tmp_path / "more.yaml").write_text(f"profiles:\n  a: {{price: {prices}}}\n  b: {{price: {prices}}}\n")
    text = "models: {file: more.yaml, profiles: {a: {price: {input: 2, output: 8}}, b: {quirks: {c: on}}}}"
    found = settings_of(tmp_path, text).models.profiles
    mine, theirs = found["a"].price, found["b"].price
    assert mine is not None
    assert mine.model_dump(exclude_none=True) == {"input": 2, "output": 8, "tiers": {}}
    assert theirs is not None
    assert (str(theirs.cached_input), theirs.seen) == ("0.1", "2026-08")


def test_faults_of_the_second_file_name_it(tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("profiles:\n  a:\n    dialect: x\n  b: {n: 1}\n  b: {}\nmodels: {}\n")
    faults = faults_of(tmp_path, "models:\n  file: more.yaml\n  profiles: {b: {m: 1}}\n")
    assert [(Path(fault.source).name, fault.line, fault.path) for fault in faults] == [
        ("more.yaml", 3, "models.profiles.a.dialect"),
        ("more.yaml", 4, "models.profiles.b.n"),
        ("more.yaml", 5, "profiles.b"),
        ("more.yaml", 6, "models"),
        ("proxy.yaml", 3, "models.profiles.b.m"),
    ]


@pytest.mark.parametrize("content", ["- a", "profiles: [a]", "profiles: 5", "{"])
def test_a_second_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "more.yaml").write_text(content)
    assert only_fault(tmp_path, "models: {file: more.yaml}").source == str(tmp_path / "more.yaml")


def test_a_second_file_that_cannot_be_read_is_a_fault_of_the_setting(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, "listen: {}\nmodels:\n  file: more.yaml")
    assert (fault.path, fault.message) == ("models.file", "cannot be read: No such file or directory")
    assert (fault.line, fault.source) == (3, str(tmp_path / "proxy.yaml"))


@pytest.mark.parametrize("content", ["", "profiles:", "{}"])
def test_a_second_file_may_be_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "more.yaml").write_text(content)
    assert settings_of(tmp_path, "models: {file: more.yaml}").models.profiles == {}


@pytest.mark.parametrize(
    ("models", "path"),
    [("5", "models"), ("{file: 5}", "models.file"), ("{file: more.yaml, profiles: 5}", "models.profiles")],
)
def test_a_second_file_does_not_hide_other_faults(tmp_path: Path, models: str, path: str) -> None:
    (tmp_path / "more.yaml").write_text("profiles: {a: {}}")
    fault = only_fault(tmp_path, f"models: {models}")
    assert (fault.path, Path(fault.source).name) == (path, "proxy.yaml")


@pytest.mark.parametrize(
    "text",
    [
        f"upstream: {{api_key: {CANARY}}}",
        f"upstream: {{api_key: {{{CANARY}}}}}",
        f"upstream: {{api_key: {{env: {CANARY}}}}}\ntenants: [{{id: a}}]",
        f"upstream: {{api_key: {{value: [{CANARY}]}}}}",
        f"upstream: {{api_key: {{value: {CANARY}, env: A}}}}",
        f"upstream: {{api_key: {{value: ' {CANARY}'}}}}",
        f'upstream: {{api_key: {{value: "{CANARY}\\n"}}}}',
        f"upstream: {{api_key: {{file: {CANARY}}}}}",
        f"upstream: {{base_url: 'https://{CANARY}@x/v2'}}",
        f"upstream: {{dialect: {CANARY}, chat_path: {CANARY}, timeouts: {CANARY}, allow_http: {CANARY}}}",
        f"limits: {{body: 3 {CANARY}}}",
        f"listen: {CANARY}",
        f"{CANARY}",
        f"- {CANARY}",
        f"upstream: {{api_key: *{CANARY}}}",
        f"upstream: {{api_key: !{CANARY} x}}",
        f"upstream: {{api_key: {CANARY}: }}",
        f"tenants: [{{id: {CANARY.upper()}, keys: {CANARY}, models: {CANARY}, defaults: {{mode: {CANARY}}}}}]",
        f"tenants: [{{id: a, keys: [{{name: ' {CANARY}', sha256: {CANARY}}}, {CANARY}]}}]",
        f"tenants: [{{id: a, keys: [{{name: k, secret: {{value: {CANARY}}}}}, {{secret: {{file: {CANARY}}}}}]}}]",
        f"models: {{file: {CANARY}}}\nlogging: {{level: {CANARY}}}",
    ],
)
def test_no_secret_stands_in_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    said = str(caught.value).lower()
    if "file:" not in text or "models:" not in text:  # the name of a second file is told, it is no secret
        assert CANARY not in said
    assert caught.value.__cause__ is None


def test_no_secret_of_the_environment_stands_in_a_fault(tmp_path: Path) -> None:
    environ = {
        "KEY": f"{CANARY} ",
        "TELNYX_PROXY_UPSTREAM__API_KEY": f"[{CANARY}",
        "TELNYX_PROXY_UPSTREAM_API_KEY": CANARY,
        "TELNYX_PROXY_ADMIN__TOKEN": CANARY,
        "TELNYX_PROXY_LISTEN__PORT": CANARY,
        "TELNYX_PROXY_STREAM__KEY": CANARY,
    }
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, "tenants: [{id: a, upstream_api_key: {env: KEY}}]", environ)
    assert len(caught.value.faults) == 6
    assert CANARY not in str(caught.value)


def test_loaded_secrets_are_not_seen(tmp_path: Path) -> None:
    text = f"tenants: [{{id: a, keys: [{{name: k, secret: {{value: {CANARY}}}}}]}}]"
    found = settings_of(tmp_path, text, {"TELNYX_API_KEY": CANARY, "TELNYX_PROXY_ADMIN_TOKEN": CANARY})
    assert CANARY not in repr(found) + str(found.model_dump()) + found.model_dump_json()
    assert CANARY not in repr(Surroundings({"A": CANARY}))


def test_the_environment_is_that_of_the_process() -> None:
    assert environment() is os.environ


NAMES = sorted({part for each in walk(Settings) for part in each.path.replace("[]", "").split(".")} - {"*"})
VALUES = st.sampled_from(["null", "true", "-1", "3.5", "x", "''", "[]", "{}", "32MiB", "{env: A}", "{value: b}"])
TREES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5).map(
            lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs.items()) + "}"
        )
    ),
    max_leaves=12,
)
SECTIONS = st.dictionaries(st.sampled_from([*Settings.model_fields, "other"]), TREES, max_size=6)


@settings(max_examples=examples(200))
@given(SECTIONS)
def test_any_file_gives_settings_or_faults_in_their_place(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text("\n".join(f"{name}: {value}" for name, value in sections.items()))
    assert parse(path.read_text(), "f").faults == []
    found: tuple[Fault, ...] = ()
    try:
        load(path, {})
    except ConfigurationError as error:
        found = error.faults
    assert all(fault.message and fault.source for fault in found)
    assert [fault for fault in found if fault.message == "is not valid here"] == []


STORED = """\
tenants:
  - id: acme
    upstream_api_key: {env: ACME_TELNYX}
storage:
  pepper: {env: PEPPER}
"""


def test_who_works_on_the_store_needs_the_secrets_of_the_store_only(tmp_path: Path) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text(STORED)
    found = load_stored(path, {"PEPPER": "a-pepper-of-the-tests"})
    assert found.storage.pepper is not None
    assert found.storage.pepper.reveal() == "a-pepper-of-the-tests"
    assert found.storage.url == f"sqlite:///{tmp_path}/data/proxy.db"
    assert [tenant.id for tenant in found.tenants] == ["acme"]
    given = {"PEPPER": "a-pepper-of-the-tests", "TELNYX_PROXY_STORAGE__URL": "sqlite:////elsewhere.db"}
    assert load_stored(path, given).storage.url == "sqlite:////elsewhere.db"
    assert load_stored(None, {}).storage.pepper is None


def test_a_secret_of_the_store_that_is_missing_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text(STORED)
    with pytest.raises(ConfigurationError) as caught:
        load_stored(path, {})
    (fault,) = caught.value.faults
    assert (fault.path, fault.line, "PEPPER" in fault.message) == ("storage.pepper", 5, True)
    path.write_text("storage: {url: 7}\n")
    with pytest.raises(ConfigurationError, match=r"storage\.url"):
        load_stored(path, {})
