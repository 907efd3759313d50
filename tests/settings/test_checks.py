from pathlib import Path

import pytest

from proxy.settings import checks
from tests.settings.configuring import faults_of, only_fault, settings_of

KEY = "0123456789abcdefghij"
ENVIRON = {"TELNYX_API_KEY": "KEY0123", "A": KEY, "B": KEY + "b"}


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9", "[::1]:9"])
def test_plain_http_is_fine_within_the_machine(tmp_path: Path, host: str) -> None:
    settings = settings_of(tmp_path, f'upstream: {{base_url: "http://{host}/v2/"}}')
    assert settings.upstream.base_url == f"http://{host}/v2"


def test_plain_http_is_refused_elsewhere_unless_allowed(tmp_path: Path) -> None:
    fault = only_fault(tmp_path, "upstream: {base_url: 'http://10.0.0.1/v2'}")
    assert fault.path == "upstream.base_url"
    assert "plain http" in fault.message
    assert "allow_http" in fault.hint
    settings_of(tmp_path, "upstream: {base_url: 'http://10.0.0.1/v2', allow_http: true}")


@pytest.mark.parametrize(
    "tail", ["/ai", "/ai/openai", "/ai/openai/", "/ai/chat/completions", "/ai/openai/chat/completions"]
)
def test_the_base_url_of_an_openai_client_is_not_ours(tmp_path: Path, tail: str) -> None:
    fault = only_fault(tmp_path, f"upstream: {{base_url: 'https://api.telnyx.com/v2{tail}'}}")
    assert "ends in what upstream.chat_path begins with" in fault.message


@pytest.mark.parametrize("upstream", ["base_url: 'https://x/ai', chat_path: /chat", "base_url: 'https://x/aisle/v2'"])
def test_other_paths_are_not_taken_for_it(tmp_path: Path, upstream: str) -> None:
    settings_of(tmp_path, f"upstream: {{{upstream}}}")


@pytest.mark.parametrize("host", ["api.telnyx.com", "api.telnyx.eu"])
def test_the_address_of_telnyx_has_a_version(tmp_path: Path, host: str) -> None:
    fault = only_fault(tmp_path, f"upstream: {{base_url: 'https://{host}/'}}")
    assert fault.hint == f"usually https://{host}/v2"
    settings_of(tmp_path, f"upstream: {{base_url: 'https://{host}/v2'}}")
    settings_of(tmp_path, "upstream: {base_url: 'https://gateway.example.org'}")


@pytest.mark.parametrize(("workers", "count"), [("2", 1), ("1", 0), ("auto", 0)])
def test_several_workers_need_a_system_that_spreads_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str, count: int
) -> None:
    text = f"server: {{workers: {workers}}}"
    settings_of(tmp_path, text)
    monkeypatch.setattr(checks, "LINUX", False)
    found = faults_of(tmp_path, text) if count else ()
    assert [(fault.path, "needs Linux" in fault.message) for fault in found] == [("server.workers", True)] * count
    if not count:
        settings_of(tmp_path, text)


@pytest.mark.parametrize("token", ["", "token: null", "token: {env: ABSENT}"])
def test_an_open_admin_port_needs_a_token(tmp_path: Path, token: str) -> None:
    fault = only_fault(tmp_path, f"admin: {{host: 0.0.0.0, {token}}}")
    assert (fault.path, fault.line) == ("admin.token", 1)
    assert "TELNYX_PROXY_ADMIN_TOKEN" in fault.hint


def test_an_open_admin_port_with_a_token(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "admin: {host: 0.0.0.0}", {"TELNYX_PROXY_ADMIN_TOKEN": KEY})
    assert settings.admin.token is not None
    assert settings.admin.token.reveal() == KEY


def test_a_faulty_token_is_not_also_a_missing_one(tmp_path: Path) -> None:
    assert "does not say" in only_fault(tmp_path, "admin: {host: 0.0.0.0, token: plain}").message


@pytest.mark.parametrize("hosts", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")])  # noqa: S104 - read only
def test_two_listeners_need_two_ports(tmp_path: Path, hosts: tuple[str, str]) -> None:
    text = f"listen: {{host: {hosts[0]}, port: 81}}\nadmin: {{host: {hosts[1]}, port: 81, token: {{env: A}}}}"
    assert only_fault(tmp_path, text, ENVIRON).path == "admin.port"


@pytest.mark.parametrize(
    "text", ["listen: {port: 0}\nadmin: {port: 0}", "listen: {port: 81}\nadmin: {host: 127.0.0.2, port: 81}"]
)
def test_two_listeners_that_do_not_meet(tmp_path: Path, text: str) -> None:
    settings_of(tmp_path, text)


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o*", "gpt-*", "text-embedding-3-small"])
def test_an_allow_list_of_aliases_would_allow_nothing(tmp_path: Path, name: str) -> None:
    text = f"tenants:\n  - id: a\n    models: ['zai-org/*', '{name}']"
    fault = only_fault(tmp_path, text, ENVIRON)
    assert (fault.path, fault.line) == ("tenants[0].models[1]", 3)
    assert (fault.message, "models.aliases" in fault.hint) == ("is an alias, not a Telnyx model id", True)


@pytest.mark.parametrize("aliases", ["{}", "{'*': zai-org/GLM-5.2, 'x': mine, 'min*': mine}"])
def test_ids_and_patterns_of_ids_are_allowed(tmp_path: Path, aliases: str) -> None:
    allowed = "['*', 'zai-org/*', openai/gpt-4o, '*Kimi*', 'Telnyx.*', mine, '?']"
    text = f"models: {{aliases: {aliases}}}\ntenants: [{{id: a, models: {allowed}}}]"
    settings_of(tmp_path, text, ENVIRON)


def test_ids_differ(tmp_path: Path) -> None:
    text = """
        tenants:
          - id: a
          - id: b
          - id: a
    """
    fault = only_fault(tmp_path, text, ENVIRON)
    assert (fault.path, fault.line, fault.message) == ("tenants[2].id", 5, "is the same as tenants[0].id")


def test_key_names_differ_within_a_tenant_only(tmp_path: Path) -> None:
    text = """
        tenants:
          - {id: a, keys: [{name: web, secret: {env: A}}, {name: web, secret: {env: B}}]}
          - {id: b, keys: [{name: web, secret: {value: 0123456789-other-key}}]}
    """
    assert only_fault(tmp_path, text, ENVIRON).path == "tenants[0].keys[1].name"


def test_a_key_belongs_to_one_tenant(tmp_path: Path) -> None:
    """Also where it is given once as itself and once as its digest."""
    digest = "6bc14bdc4517a7a682c6910de2e2946eb8e1ecd04090728fef6d092a7ceb62c5"
    text = f"""
        tenants:
          - {{id: a, keys: [{{name: one, secret: {{env: A}}}}]}}
          - {{id: b, keys: [{{name: two, sha256: {digest}}}, {{name: three, secret: {{value: {KEY}}}}}]}}
    """
    faults = faults_of(tmp_path, text, ENVIRON)
    assert [fault.path for fault in faults] == ["tenants[1].keys[0]", "tenants[1].keys[1]"]
    assert {fault.message for fault in faults} == {"is the same key as tenants[0].keys[0]"}
    assert KEY not in str(faults)


def test_keys_that_were_not_looked_up_are_not_compared(tmp_path: Path) -> None:
    text = "tenants: [{id: a, keys: [{name: x, secret: {env: A}}, {name: y, secret: {env: A}}]}]"
    settings_of(tmp_path, text, secrets=False)
    assert only_fault(tmp_path, text, ENVIRON).path == "tenants[0].keys[1]"


def test_a_tenant_without_a_telnyx_key_needs_the_common_one(tmp_path: Path) -> None:
    text = "tenants: [{id: a, upstream_api_key: {env: A}}, {id: b}]"
    fault = only_fault(tmp_path, text, {"A": KEY})
    assert (fault.path, fault.message) == ("upstream.api_key", "is not set, and tenants[1] has no upstream_api_key")
    settings_of(tmp_path, text, ENVIRON)
    settings_of(tmp_path, text, secrets=False)
    settings_of(tmp_path, "tenants: [{id: a, upstream_api_key: {env: A}}]", {"A": KEY})


@pytest.mark.parametrize(
    "text",
    [
        "upstrem: {api_key: {env: A}}\ntenants: [{id: b}]",
        "upstream: {api-key: {env: A}}\ntenants: [{id: b}]",
        "tenants: [{id: b, upstream_key: {env: A}}]",
    ],
)
def test_a_misspelt_key_is_not_also_a_missing_one(tmp_path: Path, text: str) -> None:
    assert "did you mean" in only_fault(tmp_path, text, {"A": KEY}).hint


@pytest.mark.parametrize("path", ["responses.size", "batches.file_size"])
def test_one_fits_into_what_a_tenant_may_have(tmp_path: Path, path: str) -> None:
    section, _, name = path.partition(".")
    fault = only_fault(tmp_path, f"{section}: {{{name}: 2MiB, tenant_size: 1MiB}}", ENVIRON)
    assert (fault.path, fault.message) == (path, f"is more than {section}.tenant_size")
    settings_of(tmp_path, f"{section}: {{{name}: 1MiB, tenant_size: 1MiB}}", ENVIRON)
