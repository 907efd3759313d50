import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from proxy.settings import ConfigurationError, load
from proxy.settings.secrets import Secret
from proxy.settings.tenants import KEY_LENGTH, RESERVED, Key, Tenant

LONG = "k" * KEY_LENGTH


def complaints(model: type[Key | Tenant], value: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return [error["msg"] for error in caught.value.errors()]


def test_a_tenant_needs_an_id_only() -> None:
    tenant = Tenant.model_validate({"id": "acme"})
    assert (tenant.models, tenant.keys, tenant.upstream_api_key, tenant.translation) == (("*",), (), None, None)


@pytest.mark.parametrize("name", ["Acme", "-a", "", "a b", "a" * 64, "a\n", *sorted(RESERVED)])
def test_an_id_is_a_plain_word(name: str) -> None:
    assert len(complaints(Tenant, {"id": name})) == 1


@pytest.mark.parametrize("name", ["a", "acme-2", "0_x", "a" * 63])
def test_ids(name: str) -> None:
    assert Tenant.model_validate({"id": name}).id == name


@pytest.mark.parametrize("name", ["", " a", "a b", "a" * 64, "_a", "a/b"])
def test_a_key_has_a_plain_name(name: str) -> None:
    assert complaints(Key, {"name": name, "sha256": "ab" * 32}) == [
        "must be letters, digits, _, . and -, at most 63 of them"
    ]


@pytest.mark.parametrize("given", [{}, {"secret": {"env": "A"}, "sha256": "ab" * 32}])
def test_a_key_is_given_as_itself_or_as_its_digest(given: dict[str, Any]) -> None:
    assert complaints(Key, {"name": "web", **given}) == ["must have either secret or sha256"]


@pytest.mark.parametrize("route", ["/ai/models", "https://api.telnyx.com/v2/ai/models"])
def test_a_route_is_what_stands_after_the_prefix(route: str) -> None:
    assert complaints(Tenant, {"id": "acme", "passthrough": [route]}) == ["must be a path without its beginning"]
    assert Tenant.model_validate({"id": "acme", "passthrough": ["ai/*"]}).passthrough == ("ai/*",)


def test_a_short_key_is_refused() -> None:
    assert complaints(Key, {"name": "web", "secret": {"value": LONG[1:]}}) == ["is shorter than 20 characters"]


def test_the_digest_is_that_of_the_key() -> None:
    digest = hashlib.sha256(LONG.encode()).digest()
    assert Key(name="web", secret=Secret(value=SecretStr(LONG))).digest() == digest
    assert Key(name="web", sha256=digest.hex().upper()).digest() == digest


def test_there_is_no_digest_of_a_key_that_was_not_looked_up() -> None:
    with pytest.raises(ValueError, match="not looked up"):
        Key(name="web", secret=Secret(env="WEB")).digest()
    with pytest.raises(ValueError, match="without secret"):
        Key.model_construct(name="web").digest()


@pytest.mark.parametrize("model", [Tenant, Key])
def test_nothing_is_bounded_twice(model: type[Key | Tenant]) -> None:
    own: dict[str, Any] = {"id": "acme"} if model is Tenant else {"name": "web", "sha256": "ab" * 32}
    twice: list[dict[str, Any]] = [
        {"requests_per_minute": 5},
        {"tokens_per_minute": 5},
        {"requests_per_minute": 9, "concurrent": 1},
    ]
    assert complaints(model, {**own, "limits": twice}) == ["has two requests_per_minute for the model '*'"]
    twice[2]["model"] = "a/*"
    assert model.model_validate({**own, "limits": twice}).limits[2].concurrent == 1
    money = [{"usd": 5, "per": "day"}, {"usd": 9, "per": "day"}]
    assert complaints(model, {**own, "budgets": money}) == ["has two budgets for one period"]


@pytest.mark.parametrize("text", ["20271231", "1.5", "soon", "2027-13-45", "[2027]"])
def test_a_number_or_a_word_is_no_date(tmp_path: Path, text: str) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text(f"tenants: [{{id: a, keys: [{{name: b, sha256: {'0' * 64}, expires_at: {text}}}]}}]")
    with pytest.raises(ConfigurationError, match=r"expires_at: must be a date"):
        load(path, {"TELNYX_API_KEY": "KEY"})


@pytest.mark.parametrize("text", ["2027-12-31", "2027-12-31T18:00:00Z", "'2027-12-31'"])
def test_dates(tmp_path: Path, text: str) -> None:
    path = tmp_path / "proxy.yaml"
    path.write_text(f"tenants: [{{id: a, keys: [{{name: b, sha256: '{'0' * 64}', expires_at: {text}}}]}}]")
    moment = load(path, {"TELNYX_API_KEY": "KEY"}).tenants[0].keys[0].expires_at
    assert moment is not None
    assert (moment.year, moment.month, moment.day, moment.utcoffset()) == (2027, 12, 31, timedelta())
