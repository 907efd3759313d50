import pytest
from pydantic import ValidationError

from proxy.settings.tracing import Tracing


def test_nothing_is_traced_unless_somebody_says_where_to() -> None:
    assert Tracing().endpoint is None


@pytest.mark.parametrize("given", [{"endpoint": "collector"}, {"sample": 1.1}, {"sample": -0.1}, {"headers": {}}])
def test_what_cannot_be_meant_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Tracing.model_validate(given)
