import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.admin.budgets import NewBudget
from proxy.admin.key_forms import Imported
from proxy.admin.limits import NewLimit
from proxy.cli.litellm.keys import ADMINISTRATIVE, LOST, RATES, RESTRICTING, Key, convert_keys, moment
from proxy.cli.litellm.report import Report, leaves
from tests.trying import examples

NOW = 1_800_000_000
KIMI = "moonshotai/Kimi-K2.6"
DIGEST = "AB" * 32


def convert(*rows: dict[str, Any]) -> tuple[list[Key], Report]:
    report = Report()
    return convert_keys(rows, {"kimi": KIMI}, NOW, report), report


def one(**row: Any) -> tuple[Key, dict[str, str]]:
    (key,), report = convert({"token": DIGEST, **row})
    return key, {line.path.removeprefix("keys[0]."): line.kind for line in report.lines}


def test_a_whole_key() -> None:
    key, kinds = one(
        key_alias="web", team_id="Team A", user_id="eve", models=["kimi", "zai-org/GLM-5.2"],
        expires="2027-06-01T00:00:00.000Z", rpm_limit=60, tpm_limit=1000, max_parallel_requests=3,
        max_budget=25.5, budget_duration="30d", blocked=False,
        metadata={"env": "prod", "model_rpm_limit": {"kimi": 5}}, spend=0.0, created_at="2026-01-01",
    )  # fmt: skip
    assert key.value() == {
        "tenant": "team-a",
        "name": "web",
        "sha256": DIGEST.lower(),
        "owner": "eve",
        "tags": {"env": "prod"},
        "models": [KIMI, "zai-org/GLM-5.2"],
        "expires_at": 1_811_808_000,
        "disabled": False,
        "limits": [
            {"model": "*", "requests_per_minute": 60, "tokens_per_minute": 1000, "concurrent": 3},
            {"model": KIMI, "requests_per_minute": 5},
        ],
        "budget": {"usd": 25.5, "per": "month"},
    }
    assert set(kinds.values()) == {"mapped"}


def test_a_key_with_nothing_is_of_the_default_tenant() -> None:
    key, _ = one()
    assert (key.tenant, key.name, key.models, key.budget, key.disabled) == (
        "default",
        "litellm-abababab",
        [],
        None,
        False,
    )


def test_old_versions_keep_the_key_itself() -> None:
    secret = "sk-an-old-key-that-is-no-digest"
    (key,), report = convert({"token": secret})
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(key) + report.text()


def test_names_are_unique_in_a_tenant() -> None:
    rows = [{"token": f"{number:064x}", "key_alias": "my app", "team_id": team} for number, team in enumerate("aab")]
    found, _ = convert(*rows)
    assert [(key.tenant, key.name) for key in found] == [("a", "my-app"), ("a", "my-app-2"), ("b", "my-app")]


def test_reserved_teams_get_another_id() -> None:
    assert one(team_id="None")[0].tenant == "team-none"
    assert one(team_id="***")[0].tenant == "default"


@pytest.mark.parametrize(
    "row", [{}, {"token": ""}, {"token": DIGEST, "expires": "2026-01-01"}, {"token": 7, "key_alias": "x"}]
)
def test_keys_that_cannot_be_imported_are_lost(row: dict[str, Any]) -> None:
    found, report = convert(row)
    assert found == []
    assert report.lines[-1].kind == "lost"


def test_a_key_that_stands_twice_is_imported_once() -> None:
    found, report = convert({"token": DIGEST}, {"token": DIGEST.lower()})
    assert len(found) == 1
    assert any("twice" in line.text for line in report.lines)


@pytest.mark.parametrize("models", [[], ["all-proxy-models"], ["all-team-models", "kimi"]])
def test_every_model(models: list[str]) -> None:
    assert one(models=models)[0].models == []


def test_a_model_that_is_not_known_does_not_widen_the_key() -> None:
    key, kinds = one(models=["group-a"])
    assert (key.models, kinds["models"]) == (["group-a"], "check")
    assert one(models="kimi")[0].models == [KIMI]


@pytest.mark.parametrize(
    "row",
    [
        {"allowed_routes": ["/key/info"]},
        {"model_max_budget": {"a": 1}},
        {"expires": "some day"},
        {"rpm_limit": 0},
        {"max_budget": 0},
        {"max_budget": 5, "budget_duration": "2h"},
        {"metadata": {"model_tpm_limit": {"kimi": -1}}},
        {"blocked": True},
        {"models": ["", "kimi"]},
        {"models": ["m"] * 101},
        {"rpm_limit": "5"},
    ],
)
def test_what_narrows_a_key_and_has_no_equal_switches_it_off(row: dict[str, Any]) -> None:
    assert one(**row)[0].disabled is True


def test_what_is_no_tag_is_lost() -> None:
    key, kinds = one(metadata={"a": {"b": 1}, "long": "x" * 300, "n": 5, **{f"t{n}": "x" for n in range(20)}})
    assert (len(key.tags), key.tags["n"]) == (16, "5")
    assert (kinds["metadata.a"], kinds["metadata.long"], kinds["metadata.t19"]) == ("lost", "lost", "lost")


def test_what_has_no_equal_is_told() -> None:
    assert one(spend=3.5)[1]["spend"] == "lost"
    assert one(brand_new=1)[1]["brand_new"] == "lost"
    assert one(created_by="x")[1]["created_by"] == "mapped"


def test_moments() -> None:
    assert [moment("2027-01-15T08:00:00"), moment("2027-01-15 09:00:00+01:00")] == [NOW, NOW]
    assert [moment(None), moment("x"), moment("9999-12-31T23:59:59-23:00")] == [None, None, 253402383599]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**13) | st.floats(-1, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
COLUMNS = {*ADMINISTRATIVE, *LOST, *RESTRICTING, *RATES, "models", "metadata", "expires", "blocked", "max_budget"}
COLUMNS |= {"budget_duration", "user_id", "team_id", "key_alias", "zzz"}
ROWS = st.fixed_dictionaries({"token": st.just(DIGEST)}, optional=dict.fromkeys(sorted(COLUMNS), VALUES))


@settings(max_examples=examples(30), deadline=None)
@given(ROWS)
def test_nothing_is_lost_and_the_api_takes_what_comes_out(row: dict[str, Any]) -> None:
    found, report = convert(row)
    told = {line.place for line in report.lines}
    for leaf in leaves(row, ("keys", 0)):
        assert any(leaf[:length] in told for length in range(1, len(leaf) + 1)), leaf
    for key in found:
        names = ("name", "sha256", "owner", "tags", "models")
        Imported.model_validate({name: key.value()[name] for name in names})
        for model, bounds in key.limits.items():
            NewLimit.model_validate({"key": "key_1", "model": model, **bounds})
        if key.budget is not None:
            NewBudget.model_validate({"key": "key_1", **key.budget})
