from pathlib import Path
from typing import Any

import pytest

from proxy.settings import Settings, load
from proxy.settings.document import Document, Origin
from proxy.settings.faults import Fault
from proxy.settings.overrides import locate, overlay, variable
from proxy.settings.secrets import Secret
from proxy.settings.shape import section, walk
from tests.settings.configuring import faults_of, only_fault, settings_of

ROOT = section(Settings)
KEY = "0123456789abcdefghij"


@pytest.mark.parametrize("setting", [each.path for each in walk(Settings, (Secret,)) if "." in each.path])
def test_every_setting_has_a_variable(setting: str) -> None:
    location = tuple(0 if step == "0" else step for step in setting.replace("[]", ".0").split("."))
    found = locate(variable(location), ROOT)
    assert isinstance(found, Fault) if "*" in location else found == location


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("UPSTREAM__BASE_URL", "https://api.telnyx.eu/v2", "upstream.base_url", "https://api.telnyx.eu/v2"),
        ("UPSTREAM__TIMEOUTS__TOTAL", "60", "upstream.timeouts.total", 60),
        ("UPSTREAM__DIALECT", "2026-06", "upstream.dialect", "2026-06"),
        ("UPSTREAM__CA_FILE", "null", "upstream.ca_file", None),
        ("UPSTREAM__CA_FILE", "", "upstream.ca_file", None),
        ("LISTEN__HOST", "null", "listen.host", "null"),
        ("LISTEN__HOST", "::1", "listen.host", "::1"),
        ("LISTEN__REUSE_PORT", "yes", "listen.reuse_port", True),
        ("SERVER__WORKERS", "3", "server.workers", 3),
        ("SERVER__WORKERS", "auto", "server.workers", "auto"),
        ("LIMITS__BODY", "1MiB", "limits.body", 1048576),
        ("TRANSLATION__TEMPERATURE", "", "translation.temperature", None),
        ("TRANSLATION__FIELDS", "{logit_bias: refuse}", "translation.fields", {"logit_bias": "refuse"}),
        ("MODELS__ALIASES", '{"gpt-*": a/B}', "models.aliases", {"gpt-*": "a/B"}),
        ("streams__Keepalive", "3", "streams.keepalive", 3),
    ],
)
def test_a_variable_wins_over_the_file(tmp_path: Path, name: str, text: str, path: str, value: Any) -> None:
    file = "upstream: {dialect: 2026-10, timeouts: {total: 7}}\nmodels: {aliases: {x: y}}\nstreams:\n"
    found: Any = settings_of(tmp_path, file, {f"TELNYX_PROXY_{name}": text})
    for step in path.split("."):
        found = getattr(found, step)
    assert found == value


def test_a_secret_that_was_replaced_is_told_by_its_variable(tmp_path: Path) -> None:
    text = "upstream:\n  api_key: {value: KEY0123}"
    fault = only_fault(tmp_path, text, {"TELNYX_PROXY_UPSTREAM__API_KEY__FILE": "absent"})
    assert (fault.path, fault.source, fault.line) == ("upstream.api_key", "TELNYX_PROXY_UPSTREAM__API_KEY__FILE", None)


def test_tenants_can_come_from_the_environment_alone() -> None:
    environ = {
        "TELNYX_PROXY_TENANTS__1__ID": "b",
        "TELNYX_PROXY_TENANTS__0__ID": "a",
        "TELNYX_PROXY_TENANTS__0__KEYS__0__NAME": "007",
        "TELNYX_PROXY_TENANTS__0__KEYS__0__SECRET__VALUE": f"# {KEY}: [",
        "TELNYX_PROXY_TENANTS__0__MODELS": '["zai-org/*"]',
        "TELNYX_PROXY_TENANTS__0__MODELS__1": "*",
        "TELNYX_PROXY_TENANTS__0__DEFAULTS__ENABLE_THINKING": "off",
        "TELNYX_PROXY_TENANTS__0__API_KEY_REFS": "{openai: Ref}",
        "TELNYX_API_KEY": "KEY0123",
    }
    first, second = load(None, environ).tenants
    assert (first.id, first.models, first.defaults) == ("a", ("zai-org/*", "*"), {"enable_thinking": False})
    assert (first.keys[0].name, first.api_key_refs, second.id) == ("007", {"openai": "Ref"}, "b")
    assert first.keys[0].secret is not None
    assert first.keys[0].secret.reveal() == f"# {KEY}: ["


def test_an_item_of_the_file_can_be_changed(tmp_path: Path) -> None:
    file = "tenants: [{id: a, keys: [{name: x, secret: {env: A}}]}, null]"
    environ = {"TELNYX_PROXY_TENANTS__0__KEYS__0__NAME": "y", "TELNYX_PROXY_TENANTS__1__ID": "b", "A": KEY}
    settings = settings_of(tmp_path, file, environ | {"TELNYX_API_KEY": "KEY0123"})
    assert [tenant.id for tenant in settings.tenants] == ["a", "b"]
    assert settings.tenants[0].keys[0].name == "y"


def test_the_place_of_a_secret_replaces_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(KEY)
    environ = {"TELNYX_PROXY_ADMIN__TOKEN__FILE": "token"}
    settings = settings_of(tmp_path, "admin: {token: {env: ABSENT}}", environ)
    assert settings.admin.token is not None
    assert settings.admin.token.reveal() == KEY


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("UPSTREM__BASE_URL", "is not a setting", "did you mean TELNYX_PROXY_UPSTREAM?"),
        ("UPSTREAM__BASEURL", "is not a setting", "did you mean TELNYX_PROXY_UPSTREAM__BASE_URL?"),
        ("SHUTDOWN__XYZ", "is not a setting", "known are: TELNYX_PROXY_SHUTDOWN__GRACE"),
        ("_LISTEN__PORT", "is not a setting", "did you mean TELNYX_PROXY_LISTEN?"),
        ("LISTEN__PORT__X", "goes deeper", "the setting is TELNYX_PROXY_LISTEN__PORT"),
        ("TENANTS__ID", "lacks the number", "the first is TELNYX_PROXY_TENANTS__0"),
        ("TENANTS__-1__ID", "lacks the number", "the first is TELNYX_PROXY_TENANTS__0"),
        ("MODELS__ALIASES__GPT", "inside a map", "TELNYX_PROXY_MODELS__ALIASES='{name: value}'"),
        ("LISTEN__", "is not a setting", "known are: "),
    ],
)
def test_a_variable_that_names_no_setting(name: str, message: str, hint: str) -> None:
    document = Document(value={})
    (fault,) = overlay(document, {f"TELNYX_PROXY_{name}": "x"}, Settings)
    assert (fault.path, fault.source) == ("", f"TELNYX_PROXY_{name}")
    assert message in fault.message
    assert hint in fault.hint
    assert document.value == {}


def test_items_cannot_be_skipped(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, "tenants: []", {"TELNYX_PROXY_TENANTS__1__ID": "a"})
    assert (fault.path, fault.hint) == ("tenants[1]", "the next one is TELNYX_PROXY_TENANTS__0")


@pytest.mark.parametrize("text", ["[1", "*x", "{a: 1, a: 2}"])
def test_a_value_that_is_no_yaml(text: str) -> None:
    (fault,) = overlay(
        Document(value={}), {"TELNYX_PROXY_TENANTS": "", "TELNYX_PROXY_MODELS__ALIASES": text}, Settings
    )[:1]
    assert (fault.path, fault.message) == ("models.aliases", "is not a value as YAML has it")
    assert text not in str(fault)


def test_a_fault_of_a_value_names_the_variable(tmp_path: Path) -> None:
    environ = {
        "TELNYX_PROXY_STREAMS__KEEPALIVE": "often",
        "TELNYX_PROXY_TENANTS__0__KEYS": "[{name: x}]",
        "TELNYX_API_KEY": "KEY0123",
    }
    faults = faults_of(tmp_path, "", environ)
    assert [(fault.source, fault.line, fault.path) for fault in faults] == [
        ("TELNYX_PROXY_STREAMS__KEEPALIVE", None, "streams.keepalive"),
        ("TELNYX_PROXY_TENANTS__0__KEYS", None, "tenants[0].id"),
        ("TELNYX_PROXY_TENANTS__0__KEYS", None, "tenants[0].keys[0]"),
    ]


def test_what_a_variable_replaces_no_longer_has_a_line_of_the_file() -> None:
    document = Document({"models": {"aliases": {"a": 5}}}, {("models", "aliases", "a"): Origin("f", 1)})
    overlay(document, {"TELNYX_PROXY_MODELS__ALIASES": "{a: b}"}, Settings)
    assert document.origins == {
        ("models",): Origin("TELNYX_PROXY_MODELS__ALIASES"),
        ("models", "aliases"): Origin("TELNYX_PROXY_MODELS__ALIASES"),
    }


def test_a_variable_does_not_hide_what_is_wrong_in_the_file(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, "streams: often", {"TELNYX_PROXY_STREAMS__KEEPALIVE": "3"})
    assert (fault.path, fault.message) == ("streams", "must be a section")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UPSTREAM_BASE_URL", "UPSTREAM__BASE_URL"),
        ("UPSTREAM_BASEURL", "UPSTREAM__BASE_URL"),
        ("UPSTREAM_TIMEOUTS_FIRST_BYTE", "UPSTREAM__TIMEOUTS__FIRST_BYTE"),
        ("TENANTS_0_ID", "TENANTS__0__ID"),
        ("TENANTS_0_KEYS_12_SECRET_ENV", "TENANTS__0__KEYS__12__SECRET__ENV"),
        ("ADMIN_PORT", "ADMIN__PORT"),
        ("_LISTEN_PORT", "LISTEN__PORT"),
        ("LISTEN", "LISTEN__<NAME>"),
    ],
)
def test_an_underscore_too_few_is_a_fault(tmp_path: Path, name: str, known: str) -> None:
    fault = only_fault(tmp_path, "", {f"TELNYX_PROXY_{name}": "x"})
    assert (fault.source, fault.path, fault.message) == (f"TELNYX_PROXY_{name}", "", "is not used")
    assert f"TELNYX_PROXY_{known} " in fault.hint


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    environ = {
        "TELNYX_PROXY_PORT": "tcp://10.0.0.1:80",
        "TELNYX_PROXY_SERVICE_HOST": "10.0.0.1",
        "TELNYX_PROXY_SERVICE_PORT": "80",
        "TELNYX_PROXY_PORT_80_TCP_ADDR": "10.0.0.1",
        "TELNYX_PROXY_ADMIN_PORT": "tcp://10.0.0.1:81",  # of a service called telnyx-proxy-admin
        "TELNYX_PROXY_ADMIN_SERVICE_HOST": "10.0.0.1",
        "TELNYX_PROXY_ADMIN_TOKEN": KEY,
        "TELNYX_PROXY_UPSTREAM_API_KEY": "KEY0123",  # named by a secret below
        "TELNYX_PROXY_TENANTS_0_ID_OF_ACME": "x",
        "TELNYX_PROXY_": "x",
        "OTHER__THING": "x",
    }
    settings = settings_of(tmp_path, "upstream: {api_key: {env: TELNYX_PROXY_UPSTREAM_API_KEY}}", environ)
    assert settings.upstream.api_key is not None
    assert settings.upstream.api_key.reveal() == "KEY0123"
