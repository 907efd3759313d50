"""The configuration as the command line promises it: names, defaults, and the shipped files."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.settings import Settings, load
from proxy.settings.model import Upstream
from proxy.settings.secrets import Secret
from proxy.settings.shape import walk
from proxy.translation.quirks import BY_NAME
from tests.settings.configuring import settings_of

CONFIG = Path(__file__).parents[2] / "config"

CONTRACT = """
    listen: {host: 127.0.0.1, port: 8080}
    admin:  {host: 127.0.0.1, port: 8081, token: {env: TELNYX_PROXY_ADMIN_TOKEN}}
    upstream:
      base_url: https://api.telnyx.com/v2
      api_key: {env: TELNYX_API_KEY}
      chat_path: /ai/openai/chat/completions
      dialect: auto
      timeouts: {connect: 5, first_byte: 300, between_chunks: 120, total: 1800}
    streams: {keepalive: 15}
    limits:  {body: 32MiB}
    translation: {unsupported: drop, fields: {}}
    models:
      ttl: 300
      aliases: {gpt-4o-mini: moonshotai/Kimi-K2.6, "gpt-4*": zai-org/GLM-5.2}
      default: null
    tenants:
      - id: acme
        upstream_api_key: {env: ACME_TELNYX_API_KEY}
        defaults: {enable_thinking: false}
        force: {}
        api_key_refs: {openai: acme-openai}
        models: ["*"]
        keys: [{name: web, secret: {env: ACME_WEB_KEY}}, {name: batch, sha256: "SHA"}]
""".replace("SHA", "ab" * 32)


def test_the_promised_configuration_loads(tmp_path: Path) -> None:
    environ = {"ACME_TELNYX_API_KEY": "KEY0123", "ACME_WEB_KEY": "an-app-that-kept-its-key"}
    settings = settings_of(tmp_path, CONTRACT, environ)
    defaults = Settings()
    assert settings.listen == defaults.listen
    assert settings.upstream.model_copy(update={"api_key": None}) == defaults.upstream.model_copy(
        update={"api_key": None}
    )
    assert settings.upstream.api_key is None
    assert settings.admin.token is None
    assert (settings.streams, settings.limits, settings.translation) == (
        defaults.streams, defaults.limits, defaults.translation,
    )  # fmt: skip
    assert settings.models.aliases == {"gpt-4o-mini": "moonshotai/Kimi-K2.6", "gpt-4*": "zai-org/GLM-5.2"}
    (acme,) = settings.tenants
    assert (acme.defaults, acme.force, acme.api_key_refs) == ({"enable_thinking": False}, {}, {"openai": "acme-openai"})
    assert acme.upstream_api_key is not None
    assert acme.upstream_api_key.reveal() == "KEY0123"
    assert [key.name for key in acme.keys] == ["web", "batch"]
    assert acme.keys[1].digest().hex() == "ab" * 32


def test_the_shipped_file_is_every_setting_at_its_default() -> None:
    assert load(CONFIG / "proxy.yaml", {}, secrets=False) == Settings() == load(None, {}, secrets=False)


def test_the_shipped_file_names_every_setting() -> None:
    text = (CONFIG / "proxy.yaml").read_text(encoding="utf-8")
    names = {each.path.rpartition(".")[2] for each in walk(Settings, (Secret,)) if each.path.count(".") < 4}
    request = {"translation", "unsupported", "fields", "temperature", "reasoning"}
    absent = {name for name in names if not re.search(rf"(?m)(?:^#?[ -]*|[{{, ]){name}:", text)}
    known = {each.path.rpartition(".")[2] for each in walk(Settings, (Secret,)) if _is_request_field(each.path)}
    assert absent - known - request == set()


def _is_request_field(path: str) -> bool:
    return path.split(".")[-2:-1] in (["defaults"], ["force"], ["cap"])


def test_the_commented_tenant_of_the_shipped_file_loads(tmp_path: Path) -> None:
    text = (CONFIG / "proxy.yaml").read_text(encoding="utf-8")
    example = text[text.index("tenants: []") :]
    example = re.sub(r"(?m)^#( .*)$", r" \1", example.replace("tenants: []", "tenants:", 1).split("# ---")[0])
    settings = settings_of(tmp_path, example, secrets=False)
    assert [tenant.id for tenant in settings.tenants] == ["acme"]
    assert settings.tenants[0].keys[1].digest() == bytes(32)


def test_the_commented_profile_of_the_shipped_file_loads(tmp_path: Path) -> None:
    text = (CONFIG / "proxy.yaml").read_text(encoding="utf-8")
    example = text[text.index("  profiles: {}") : text.index("  file: null")].replace("profiles: {}", "profiles:")
    settings = settings_of(tmp_path, "models:\n" + re.sub(r"(?m)^  #( .*)$", r"  \1", example))
    assert settings.models.profiles["zai-org/*"].quirks == {"cap_with_tools": True}


def test_the_shipped_profiles_load_and_name_quirks_that_exist() -> None:
    settings = load(CONFIG / "proxy.yaml", {"TELNYX_PROXY_MODELS__FILE": "models.yaml"}, secrets=False)
    profiles = settings.models.profiles
    assert profiles["zai-org/GLM-5.1-FP8"].quirks == {"cap_with_tools": True}
    assert {name for profile in profiles.values() for name in profile.quirks} <= BY_NAME.keys()


def test_every_setting_has_a_description() -> None:
    assert [each.path for each in walk(Settings) if not each.field.description] == []


def test_no_default_is_shared_between_settings() -> None:
    assert Settings().models.aliases is not Settings().models.aliases


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("api.telnyx.com/v2", "must be an address"),
        ("ftp://api.telnyx.com", "must be an address"),
        ("https://", "must be an address"),
        ("https://[::1", "must be an address"),
        ("https://x:0/v2", "must be an address"),
        ("https://x:port/v2", "must be an address"),
        ("https://user:canary@x/v2", "must not contain a user"),
        ("https://canary@x/v2", "must not contain a user"),
        ("https://x/v2?a=b", "must end with its path"),
        ("https://x/v2#a", "must end with its path"),
    ],
)
def test_an_address_that_cannot_be_used(value: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        Upstream(base_url=value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", ["ai/chat", "", "/ai?x", "/a b", "/a#b"])
def test_a_path_that_cannot_be_appended(value: str) -> None:
    with pytest.raises(ValidationError, match="must be a path that begins with /"):
        Upstream(chat_path=value)
