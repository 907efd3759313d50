import builtins
from typing import Any

import pytest

from proxy.app.tracing import spans_of
from proxy.settings.tracing import Tracing


async def test_without_a_collector_there_are_no_spans() -> None:
    async with spans_of(Tracing(), bytes) as spans:
        assert spans is None


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(OSError, match=r"pip install 'telnyx-openai-proxy\[tracing\]'"):
        async with spans_of(Tracing(endpoint="http://127.0.0.1:4318/v1/traces"), bytes):
            pass
