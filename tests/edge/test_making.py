"""What is made in the background can be cancelled before it has begun and while it runs."""

from types import SimpleNamespace
from typing import Any

from proxy.edge.making import Making


def test_cancelling_reaches_the_request_that_makes_it() -> None:
    nothing: Any = None
    making = Making(nothing, nothing)
    making.cancel()
    assert making.cancelled, "whoever begins it, looks at this"
    cancelled: list[bool] = []
    exchange: Any = SimpleNamespace(cancel=lambda: cancelled.append(True))
    Making(nothing, nothing, exchange=exchange).cancel()
    assert cancelled == [True]
