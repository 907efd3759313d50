"""Where spans go: to a collector, if one is configured."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.settings.tracing import Tracing

if TYPE_CHECKING:
    from proxy.telemetry.spans import Spans

LAST_SPANS = 5.0
"""Seconds that the last spans have to be exported at the end."""
INSTALL = "tracing.endpoint needs OpenTelemetry, which is not installed: pip install 'telnyx-openai-proxy[tracing]'"


@asynccontextmanager
async def spans_of(tracing: Tracing, random: Callable[[int], bytes]) -> "AsyncIterator[Spans | None]":
    """What makes spans while the body runs; None where no collector is configured. Raises OSError without the extra."""
    if tracing.endpoint is None:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from proxy.telemetry.spans import Spans
    except ImportError as fault:
        raise OSError(INSTALL) from fault
    exporter = OTLPSpanExporter(endpoint=tracing.endpoint, timeout=LAST_SPANS)
    spans = Spans(BatchSpanProcessor(exporter), random, service_name=tracing.service_name, sample=float(tracing.sample))
    try:
        yield spans
    finally:
        await asyncio.to_thread(spans.close)
