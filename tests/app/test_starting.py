import pytest

from proxy.accounts.keys import PREFIX, damaged, digest
from proxy.app.starting import DEFAULT_TENANT, expect_credential, with_tenant
from proxy.settings import ConfigurationError, Secret, Settings

OWN = {"id": "acme", "keys": [{"name": "web", "sha256": "0" * 64}]}
TELNYX_KEY = Secret.model_validate({"value": "KEY_shared"})


def settings(*tenants: object, api_key: Secret | None = None) -> Settings:
    return Settings.model_validate({"upstream": {"api_key": api_key}, "tenants": tenants})


def test_where_nobody_may_call_a_tenant_is_made_with_a_key() -> None:
    made, key = with_tenant(settings())
    (tenant,) = made.tenants
    assert tenant.id == DEFAULT_TENANT == "default"
    assert key is not None
    assert key.startswith(PREFIX)
    assert not damaged(key)
    assert [each.digest() for each in tenant.keys] == [digest(key)]
    assert tenant.defaults == {"enable_thinking": False}
    assert key not in repr(made)


def test_the_tenant_may_have_another_name() -> None:
    assert with_tenant(settings(), "demo")[0].tenants[0].id == "demo"


def test_every_start_makes_another_key() -> None:
    assert with_tenant(settings())[1] != with_tenant(settings())[1]


def test_the_configuration_s_own_tenants_stay_alone() -> None:
    given = settings(OWN)
    assert with_tenant(given) == (given, None)


def test_nothing_but_the_tenants_is_changed() -> None:
    given = settings(api_key=TELNYX_KEY)
    made, _ = with_tenant(given)
    assert made.model_copy(update={"tenants": ()}) == given
    assert given.tenants == ()


@pytest.mark.parametrize("tenants", [(), (OWN,), (OWN, {"id": "beta", "upstream_api_key": {"value": "KEY_beta"}})])
def test_without_any_telnyx_key_nothing_can_be_sent(tenants: tuple[object, ...]) -> None:
    given, _ = with_tenant(settings(*tenants))
    with pytest.raises(ConfigurationError) as caught:
        expect_credential(given)
    (fault,) = caught.value.faults
    assert fault.path == "upstream.api_key"
    assert "TELNYX_API_KEY" in fault.hint


def test_a_shared_key_is_enough() -> None:
    expect_credential(settings(OWN, api_key=TELNYX_KEY))


def test_a_key_of_every_tenant_s_own_is_enough() -> None:
    expect_credential(settings({**OWN, "upstream_api_key": {"value": "KEY_acme"}}))
