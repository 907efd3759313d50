"""What the configuration declares, as rows."""

from typing import Any

from proxy.admin.declared import DeclaredSettings
from proxy.settings import Settings
from proxy.storage import schema

SETTINGS = Settings.model_validate(
    {
        "upstream": {"api_key": None},
        "tenants": [
            {
                "id": "acme",
                "upstream_api_key": {"value": "KEY_acme-the-secret"},
                "credentials": [{"name": "second", "api_key": {"value": "KEY_second-secret"}, "weight": 3}],
                "models": ["a/*"],
                "api_key_refs": {"openai": "acme-openai"},
                "limits": [{"requests_per_minute": 5}],
                "budgets": [{"usd": "0.5", "per": "day"}],
                "keys": [
                    {
                        "name": "web",
                        "secret": {"value": "sk-the-key-of-a-declared-app"},
                        "expires_at": "2027-01-31",
                        "limits": [{"model": "a/b", "concurrent": 2}],
                        "budgets": [{"usd": 7, "per": "total"}],
                    },
                    {"name": "batch", "sha256": "0" * 64},
                ],
            },
            {"id": "beta"},
        ],
    }
)
DECLARED = DeclaredSettings(SETTINGS)


def expect_columns(rows: Any, table: Any, *but: str) -> None:
    for row in rows:
        assert set(row) - {column.name for column in table.columns} == set()
        missing = {column.name for column in table.columns} - set(row) - set(but)
        assert missing == set()
        assert (row["created_at"], row["revision"]) == (0, 0)


def test_rows_have_the_columns_of_the_store() -> None:
    expect_columns(DECLARED.tenants(), schema.TENANTS)
    expect_columns(DECLARED.keys(), schema.KEYS, "digest")
    expect_columns(DECLARED.limits(), schema.LIMITS)
    expect_columns(DECLARED.budgets(), schema.BUDGETS)
    expect_columns(DECLARED.credentials(), schema.CREDENTIALS)
    expect_columns(DECLARED.api_key_refs(), schema.API_KEY_REFS)


def test_what_they_say() -> None:
    assert [(row["id"], row["rules"]) for row in DECLARED.tenants()] == [("acme", {"models": ["a/*"]}), ("beta", {})]
    declared_keys = DECLARED.keys()
    assert [(row["id"], row["last4"], row["expires_at"]) for row in declared_keys] == [
        ("acme/web", "-app", 1_801_353_600),
        ("acme/batch", "", None),
    ]
    assert [(row["key"], row["model"], row["requests_per_minute"], row["concurrent"]) for row in DECLARED.limits()] == [
        ("", "*", 5, None),
        ("acme/web", "a/b", None, 2),
    ]
    assert [(row["key"], row["micros"], row["per"]) for row in DECLARED.budgets()] == [
        ("", 500_000, "day"),
        ("acme/web", 7_000_000, "total"),
    ]
    assert [(row["name"], row["weight"]) for row in DECLARED.credentials()] == [("upstream_api_key", 1), ("second", 3)]
    assert [(row["id"], row["identifier"]) for row in DECLARED.api_key_refs()] == [("acme/openai", "acme-openai")]


def test_no_secret_is_in_them() -> None:
    everything = [
        *DECLARED.tenants(), *DECLARED.keys(), *DECLARED.limits(), *DECLARED.budgets(), *DECLARED.credentials(),
        *DECLARED.api_key_refs(),
    ]  # fmt: skip
    for secret in ("KEY_acme-the-secret", "KEY_second-secret", "sk-the-key-of-a-declared"):
        assert secret not in repr(everything)


def test_ids_are_all_different() -> None:
    for rows in (DECLARED.keys(), DECLARED.limits(), DECLARED.budgets(), DECLARED.credentials()):
        assert len({row["id"] for row in rows}) == len(rows)
