import pytest

from proxy.cli.litellm.references import Secrets, variable


@pytest.mark.parametrize(
    ("value", "expected"),
    [("os.environ/KEY", "KEY"), ("os.environ/", None), ("os.environ/a b", None), ("sk-1", None), (7, None)],
)
def test_variables(value: object, expected: str | None) -> None:
    assert variable(value) == expected


def test_secrets_get_a_variable_each_and_are_not_told() -> None:
    secrets = Secrets()
    assert secrets.reference("os.environ/MINE", "KEY")[0] == {"env": "MINE"}
    names = [secrets.reference(secret, "KEY")[0]["env"] for secret in ("sk-a", "sk-b", "sk-a", "sk-c")]
    assert names == ["KEY", "KEY_2", "KEY", "KEY_3"]
    assert "sk-a" not in secrets.reference("sk-a", "KEY")[1]
