from proxy.cli.parties import Party, by_account, connected


def party(tenant: str, *credentials: str) -> Party:
    return Party(tenant, credentials, {}, declared=False)


def names(groups: list[list[Party]]) -> list[list[str]]:
    return [[each.tenant for each in group] for group in groups]


def test_the_first_key_is_the_one_that_a_tenant_is_known_by() -> None:
    assert party("a", "KEY_1", "KEY_2").credential == "KEY_1"
    assert party("a").credential == ""
    assert "KEY_1" not in repr(party("a", "KEY_1"))


def test_an_account_is_asked_once() -> None:
    given = [party("a", "KEY_1"), party("b", "KEY_2", "KEY_1"), party("c", "KEY_1"), party("d")]
    assert names(by_account(given)) == [["a", "c"], ["b"], ["d"]]


def test_tenants_that_share_a_key_in_any_way_belong_together() -> None:
    given = [party("a", "1"), party("b", "2", "3"), party("c", "3", "1"), party("d", "4"), party("e"), party("f")]
    assert names(list(connected(given))) == [["a", "c", "b"], ["d"], ["e"], ["f"]]
    assert list(connected([])) == []
