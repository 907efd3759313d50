import pytest

from proxy.cli.litellm.draft import Draft, acceptable
from proxy.settings.bounds import Bounds, Money
from proxy.settings.request import RequestFields


def test_an_empty_draft_is_one_tenant() -> None:
    assert Draft().configuration() == {"tenants": [{"id": "default"}]}


def test_sections_are_in_the_order_of_our_file() -> None:
    draft = Draft()
    draft.section("storage", "redis")["url"] = {"env": "R"}
    draft.section("admin")["token"] = {"env": "T"}
    draft.aliases["a"] = "b/c"
    draft.limits["*"] = {"concurrent": 2}
    made = draft.configuration()
    assert list(made) == ["admin", "models", "tenants", "storage"]
    assert made["models"] == {"aliases": {"a": "b/c"}}
    assert made["tenants"] == [{"id": "default", "limits": [{"model": "*", "concurrent": 2}]}]


def test_one_telnyx_key_is_of_the_upstream_and_several_are_of_the_tenant() -> None:
    draft = Draft(credentials=[{"name": "key-1"}])
    assert "credentials" not in draft.configuration()["tenants"][0]
    draft.credentials.append({"name": "key-2"})
    assert len(draft.configuration()["tenants"][0]["credentials"]) == 2


@pytest.mark.parametrize(
    ("good", "bad"), [({"temperature": 1}, {"temperature": 9}), ({"stop": ["a"]}, {"stop": 7}), ({"n": 1}, {"nope": 1})]
)
def test_values_are_judged_by_the_settings_themselves(good: dict[str, object], bad: dict[str, object]) -> None:
    assert acceptable(RequestFields, **good)
    assert not acceptable(RequestFields, **bad)


def test_bounds_and_money_too() -> None:
    assert acceptable(Bounds, concurrent=1)
    assert not acceptable(Bounds, concurrent=0)
    assert not acceptable(Money, usd=-1, per="day")
