"""Members made of a configuration and of rows."""

from math import inf
from typing import Any

from proxy.accounts.keys import digest
from proxy.accounts.limits import Budget, Limit
from proxy.accounts.tenants import Grant, Scope
from proxy.app.credentials import Credentials
from proxy.app.directory import Directory, Members
from proxy.settings import Settings
from proxy.storage.store import Snapshot

WEB = "sk-the-key-of-a-declared-app"
TIMES = {"created_at": 1, "revision": 1}


class Told:
    """What an operator was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, **details: Any) -> None:
        self.events.append((event, details))


def tenant(name: str = "shop", **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "rules": {}, "disabled": False, "archived_at": None, **TIMES, **more}


def key(name: str = "web", **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"key_{name}", "tenant": "shop", "name": name, "digest": name.encode(), "endpoints": [], "models": [],
        "networks": [], "expires_at": None, "disabled": False, "revoked_at": None,
    }  # fmt: skip
    return {**row, **TIMES, **more}


def limit(**more: Any) -> dict[str, Any]:
    return {"id": "lim_1", "tenant": "shop", "key": "", "model": "*", "queue": 0, **TIMES, **more}


def members(told: Told | None = None, settings: Any = None, **rows: list[dict[str, Any]]) -> Members:
    given = Settings.model_validate({"upstream": {"api_key": None}, **(settings or {})})
    hear = told or Told()
    return Directory(given, Credentials(given, {}, None, hear), hear).members(Snapshot(1, rows, {}))


def grant(name: str = "web", **rows: list[dict[str, Any]]) -> Grant:
    return members(None, None, **{"tenant": [tenant()], **rows}).grants[name.encode()]


def test_a_declared_key_opens_its_tenant_with_what_was_declared() -> None:
    declared = {
        "id": "acme",
        "upstream_api_key": {"value": "KEY_acme"},
        "weight": 3,
        "limits": [{"requests_per_minute": 5}],
        "keys": [
            {
                "name": "web",
                "secret": {"value": WEB},
                "expires_at": "2027-01-31",
                "networks": ["10.0.0.0/8"],
                "budgets": [{"usd": "0.25", "per": "day"}],
            },
            {"name": "other", "sha256": "0" * 64},
        ],
    }
    found = members(settings={"tenants": [declared]})
    opened = found.grants[digest(WEB)]
    assert (opened.tenant.id, opened.tenant.credential, opened.key, opened.id) == ("acme", "KEY_acme", "web", "")
    assert opened.expires_at == 1_801_353_600  # midnight in UTC
    assert opened.scope is not None
    assert [str(network) for network in opened.scope.networks] == ["10.0.0.0/8"]
    assert opened.holder is not None
    assert (opened.holder.key, opened.holder.weight) == ("acme/web", 3)
    assert [rule.limit for rule in opened.holder.limits] == [Limit(requests_per_minute=5)]
    assert [rule.budget for rule in opened.holder.budgets] == [Budget(250_000, "day")]
    other = found.grants[bytes(32)].holder
    assert other is not None
    assert other.budgets == (), "a key has no other key's budget"
    assert (found.limited, found.credentials) == (True, frozenset({"KEY_acme"}))


def test_a_key_of_the_store_opens_its_tenant() -> None:
    opened = grant(key=[key()])
    assert (opened.tenant.id, opened.key, opened.id) == ("shop", "web", "key_web")
    assert (opened.expires_at, opened.scope, opened.holder) == (inf, None, None)


def test_what_a_key_is_for() -> None:
    opened = grant(key=[key(endpoints=["models.list"], models=["zai-org/*"])])
    assert isinstance(opened.scope, Scope)
    assert opened.scope.endpoints == {"models.list"}
    assert opened.scope.allows("zai-org/GLM-5.2")
    assert not opened.scope.allows("moonshotai/Kimi-K2.6")


def test_a_key_that_opens_nothing_says_why() -> None:
    for changed, why in (
        ({"revoked_at": 7}, "it has been revoked"),
        ({"disabled": True}, "it is disabled"),
        ({"expires_at": 100}, "it has expired"),
    ):
        closed = grant(key=[key(**changed)])
        assert (closed.expires_at <= 100, closed.closed) == (True, why)
    for gone in ({"disabled": True}, {"archived_at": 7}):
        closed = grant(tenant=[tenant(**gone)], key=[key()])
        assert (closed.expires_at, closed.closed) == (0, "its tenant is disabled")


def test_a_key_has_the_limits_of_its_tenant_and_its_own() -> None:
    rows = [limit(requests_per_day=9), limit(key="key_web", concurrent=2), limit(key="key_other", concurrent=1)]
    budget = {"id": "bdg", "tenant": "shop", "key": "", "micros": 5, "per": "week", "soft": 50, **TIMES}
    holder = grant(key=[key()], limit=rows, budget=[budget]).holder
    assert holder is not None
    assert {rule.limit for rule in holder.limits} == {Limit(requests_per_day=9), Limit(concurrent=2)}
    assert [rule.budget for rule in holder.budgets] == [Budget(5, "week", 50)]


def test_where_a_pool_is_shared_out_everybody_is_counted() -> None:
    settings = {"upstream": {"api_key": None, "budgets": {"a/*": {"output": 5}}}}
    found = members(settings=settings, tenant=[tenant()], key=[key()])
    assert found.grants[b"web"].holder is not None
    assert found.limited


def test_a_tenant_that_is_declared_too_keeps_its_declared_rules_and_the_keys_of_the_store_work() -> None:
    told = Told()
    declared = {"tenants": [{"id": "shop", "models": ["a/b"]}]}
    found = members(told, declared, tenant=[tenant(disabled=True)], key=[key()])
    assert found.grants[b"web"].tenant.models == ("a/b",)
    assert found.grants[b"web"].expires_at == inf
    assert told.events == [("tenant_is_declared_too", {"tenant": "shop"})]


def test_a_tenant_that_cannot_be_read_is_told_and_nobody_else_suffers() -> None:
    told = Told()
    rows = [tenant(rules={"from_a_later_version": 1}), tenant("good")]
    found = members(told, tenant=rows, key=[key(), key("b", tenant="good"), key("c", tenant="nobody")])
    assert set(found.grants) == {b"b"}
    assert told.events == [("tenant_not_readable", {"tenant": "shop", "faults": 1})]


def test_references_of_the_store_are_laid_over_those_of_the_rules() -> None:
    ref = {"id": "shop/openai", "tenant": "shop", "provider": "openai", "identifier": "new", **TIMES}
    rules = {"api_key_refs": {"openai": "old", "groq": "kept"}}
    (made,) = members(tenant=[tenant(rules=rules)], api_key_ref=[ref]).tenants
    assert made.api_key_refs == {"openai": "new", "groq": "kept"}


def test_without_a_snapshot_there_are_the_declared_ones() -> None:
    given = Settings.model_validate({"upstream": {"api_key": None}, "tenants": [{"id": "acme"}]})
    found = Directory(given, Credentials(given, {}, None, Told()), Told()).members()
    assert [each.id for each in found.tenants] == ["acme"]
    assert (found.grants, found.limited) == ({}, False)


def test_a_key_that_cannot_be_read_opens_nothing_and_nobody_else_suffers() -> None:
    told = Told()
    rows = [key(networks=["10.0.0.0/99"]), key("good")]
    found = members(told, tenant=[tenant()], key=rows)
    assert (found.grants[b"web"].expires_at, found.grants[b"web"].closed) == (0, "it cannot be read")
    assert found.grants[b"good"].expires_at == inf
    assert told.events == [("key_not_readable", {"tenant": "shop", "key": "key_web"})]
