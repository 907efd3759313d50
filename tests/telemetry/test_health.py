import json

import pytest

from proxy.telemetry.health import State, live, ready


def test_whoever_answers_is_alive() -> None:
    status, body = live()
    assert (status, body) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(("state", "status"), [("ok", 200), ("degraded", 200), ("stopping", 503)])
def test_only_a_stopping_process_is_not_ready(state: State, status: int) -> None:
    assert ready(lambda: (state, ())) == (status, json.dumps({"status": state}, separators=(",", ":")).encode())


def test_reasons_are_told() -> None:
    status, body = ready(lambda: ("degraded", ("model list is stale",)))
    assert status == 200
    assert json.loads(body) == {"status": "degraded", "reasons": ["model list is stale"]}
