from tests.cli.places import Place


def test_a_tenant_is_made_shown_and_listed(place: Place, tmp_path_factory: object) -> None:
    rules = place.config.with_name("rules.yaml")
    rules.write_text("models: [zai-org/*]\nweight: 3\n")
    made = place("tenants", "create", "acme", "--name", "Acme Inc.", "--rules", str(rules))
    assert (made.code, made.out) == (0, "tenant acme made\n")
    assert made.err == "Its first key: telnyx-proxy keys create --tenant acme --name NAME\n"
    shown = [line.split(maxsplit=1) for line in place.done("tenants", "show", "acme").splitlines()]
    assert [name for name, _ in shown] == ["id", "name", "state", "created", "rules.models", "rules.weight"]
    assert shown[1] == ["name", "Acme Inc."]
    assert shown[4:] == [["rules.models", '["zai-org/*"]'], ["rules.weight", "3"]]
    listed = [line.split() for line in place.done("tenants", "list").splitlines()]
    assert listed[0] == ["ID", "NAME", "STATE", "CREATED", "FROM"]
    assert listed[1][:3] == ["declared", "declared", "active"]
    assert listed[1][-1] == "configuration"
    assert listed[2][:4] == ["acme", "Acme", "Inc.", "active"]


def test_a_tenant_is_switched_off_and_on(place: Place) -> None:
    place.done("tenants", "create", "acme")
    assert place.done("tenants", "disable", "acme") == "tenant acme disabled\n"
    assert "disabled" in place.done("tenants", "show", "acme")
    assert place.json("tenants", "enable", "acme")["disabled"] is False


def test_a_tenant_with_keys_is_deleted_by_force_only(place: Place) -> None:
    key = place.key()
    refused = place("tenants", "delete", "acme")
    assert refused.code == 1
    assert "use --force to revoke them" in refused.err
    assert place.done("tenants", "delete", "acme", "--force") == "tenant acme deleted\n"
    assert place.json("keys", "show", key["id"])["status"] == "revoked"
    assert "archived" in place.done("tenants", "list")


def test_bad_input_is_refused_in_plain_words(place: Place) -> None:
    for words, said in (
        (["create", "Acme"], "'id' must"),
        (["create", "declared"], "declared in the configuration file"),
        (["show", "absent"], "There is no tenant 'absent'."),
        (["disable", "declared"], "declared in the configuration file"),
    ):
        ended = place("tenants", *words)
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err


def test_rules_are_read_as_the_configuration_is(near: Place) -> None:
    rules = near.config.with_name("rules.yaml")
    for text, code, said in (
        ("[a]", 2, "must hold names and values"),
        ("a: 1\na: 2\n", 2, "rules.yaml:2: a: stands twice"),
        ("modells: [a]", 1, "modells"),
        ("keys: []", 1, "make them at /admin/v1/keys"),
    ):
        rules.write_text(text)
        ended = near("tenants", "create", "acme", "--rules", str(rules))
        assert (ended.code, ended.out) == (code, "")
        assert said in ended.err
    assert near("tenants", "create", "acme", "--rules", "absent.yaml").code == 2
