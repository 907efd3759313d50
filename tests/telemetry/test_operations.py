from proxy.endpoints import ENDPOINTS
from proxy.telemetry.operations import OPERATIONS


def test_every_endpoint_that_asks_a_model_has_an_operation() -> None:
    assert {row.name for row in ENDPOINTS if row.translation is not None} <= set(OPERATIONS)
