"""Traces: where spans go, and how many of them."""

from typing import Annotated

from pydantic import Field

from proxy.settings.addresses import CollectorUrl
from proxy.settings.quantities import Number, Text
from proxy.settings.section import Section


class Tracing(Section):
    """OpenTelemetry spans, one for each request, without prompts and answers. Needs the extra `tracing`."""

    endpoint: CollectorUrl | None = Field(
        default=None,
        description="address of a collector for OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`; null = no traces. "
        "Headers for it are taken from OTEL_EXPORTER_OTLP_HEADERS",
    )
    service_name: Text = Field(default="telnyx-openai-proxy", description="`service.name` of the spans")
    sample: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=1,
        description="part of the requests that get a span; a client that sends a trace context decides itself",
    )
