"""Metrics: what follows from the record of a request, counted, and handed out to Prometheus.

What there is stands in `declarations`; how several worker processes answer as one, in `exposition`.
"""

import platform
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal

from proxy import __version__
from proxy.accounts.ledger import Record
from proxy.telemetry.declarations import METRICS, metrics_chapter
from proxy.telemetry.exposition import Exposition
from proxy.telemetry.series import OTHER, Series

__all__ = ["Metrics", "metrics_chapter"]

NONE = "none"
"""The label value where there is no tenant or no model: the request failed before, or needs none."""

SERIES_LIMIT = 2000
"""Label sets per metric and process: in the worst case 5 MB of text for a histogram, which Prometheus still takes."""

PROVIDER = "telnyx"

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "chat.completions": "chat",
        "responses": "chat",  # OpenAI's newer form of the same operation
        "completions": "text_completion",
        "embeddings": "embeddings",
        "images.generations": "image_generation",  # from here on the convention has no name and allows any
        "audio.speech": "speech",
        "audio.transcriptions": "transcription",
        "audio.translations": "translation",
    }
)
"""`gen_ai.operation.name` by endpoint. Endpoints without a row (the model list) ask no model."""

_INDEX = re.compile(r"\[\d+\]")


class Metrics:
    """All metrics of one process. Several instances do not disturb each other, unless processes share a directory.

    Args:
        known_model: whether a name stands in the model catalogue or, spelled out, in the configuration. A name that
            merely fits a wildcard is *not* known: clients could invent series.
        known_field: whether a path without indices (`messages[].role`) is a request field. Where a path is not, its
            parents are asked, so that `metadata.x` may count as `metadata`; a path without a known parent is `other`.
        series_limit: label sets per metric; the ones that come later are counted as `other`.
    """

    def __init__(
        self, known_model: Callable[[str], bool], known_field: Callable[[str], bool], series_limit: int = SERIES_LIMIT
    ) -> None:
        self._known_model = known_model
        self._known_field = known_field
        self._exposition = exposition = Exposition()
        self._add = {
            row.name: Series(row, exposition.counted(row), series_limit, self._drop).add
            for row in METRICS
            if row.type != "gauge"
        }
        gauges = {row.name: exposition.gauge(row) for row in METRICS if row.type == "gauge"}
        self._in_flight = gauges["telnyx_proxy_in_flight_requests"]
        self._open_streams = gauges["telnyx_proxy_open_streams"]
        self._loop_lag = gauges["telnyx_proxy_event_loop_lag_seconds"]
        for gauge in (self._in_flight, self._open_streams, self._loop_lag):
            gauge.set(0)  # a shared file may still hold what an earlier process with this id left behind
        gauges["telnyx_proxy_build_info"].labels(__version__, platform.python_version()).set(1)

    def in_flight(self, change: Literal[1, -1]) -> None:
        """A request has come (1) or gone (-1)."""
        self._in_flight.inc(change)

    def open_stream(self, change: Literal[1, -1]) -> None:
        """A stream was opened (1) or has ended (-1)."""
        self._open_streams.inc(change)

    def observe_loop_lag(self, seconds: float) -> None:
        """The lag of the event loop now; `loop_lag.watch` measures it."""
        self._loop_lag.set(seconds)

    def lose_log_line(self) -> None:
        """A log line could not be written."""
        self._add["telnyx_proxy_log_lines_lost_total"]()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, for the Accept header of the scrape. Safe in another thread."""
        return self._exposition.render(accept)

    def close(self) -> None:
        """The process is ending: its gauges leave the sum over the processes. Nothing may be recorded afterwards."""
        self._exposition.close()

    def record(self, record: Record) -> None:
        """Counts everything that follows from one finished request. Costs some 20 microseconds; no I/O, no await."""
        add = self._add
        tenant = record.tenant or NONE
        model = self._model(record.model)
        endpoint = record.endpoint
        add["telnyx_proxy_requests_total"]((tenant, endpoint, model, str(record.status)))
        add["telnyx_proxy_request_duration_seconds"]((tenant, endpoint, model), record.duration)
        add["telnyx_proxy_overhead_seconds"]((endpoint,), record.overhead)
        if record.error_kind:
            add["telnyx_proxy_upstream_errors_total"]((record.error_kind,))
        if record.schema_violations:
            add["telnyx_proxy_schema_violations_total"]((tenant, model), record.schema_violations)
        for quirk in record.repairs:
            add["telnyx_proxy_quirk_repairs_total"]((model, quirk))
        self._record_tokens(record, tenant, model)
        self._record_changes(record)
        self._record_stream(record, tenant, model)
        self._record_gen_ai(record, model)

    def _record_tokens(self, record: Record, tenant: str, model: str) -> None:
        usage = record.usage
        if usage.source == "none":
            return
        add = self._add["telnyx_proxy_tokens_total"]
        add((tenant, model, "input", usage.source), usage.input)
        add((tenant, model, "output", usage.source), usage.output)
        if usage.cached_input:
            add((tenant, model, "cached_input", usage.source), usage.cached_input)
        if usage.reasoning:
            add((tenant, model, "reasoning", usage.source), usage.reasoning)

    def _record_changes(self, record: Record) -> None:
        if record.changes:
            add = self._add["telnyx_proxy_field_changes_total"]
            # Once per request: a long conversation in which every message changes is one fact, not a hundred.
            for labels in {(self._field(path), verdict) for path, verdict in record.changes}:
                add(labels)

    def _record_stream(self, record: Record, tenant: str, model: str) -> None:
        if record.stream_end:
            self._add["telnyx_proxy_stream_ends_total"]((record.stream_end,))
        if record.first_token is not None:
            self._add["telnyx_proxy_time_to_first_token_seconds"]((tenant, model), record.first_token)
        pace = _seconds_per_token(record)
        if pace is not None:
            self._add["telnyx_proxy_time_per_output_token_seconds"]((tenant, model), pace)

    def _record_gen_ai(self, record: Record, model: str) -> None:
        operation = OPERATIONS.get(record.endpoint)
        if operation is None or not record.waited:  # the convention counts calls of a model, not refusals before it
            return
        add = self._add
        # A name that a wildcard mapped is no bounded label; the request that went to Telnyx bore the other name.
        asked = record.model_asked if self._known_model(record.model_asked) else model
        labels = (operation, PROVIDER, asked, model)
        add["gen_ai_server_request_duration"]((*labels, _error_type(record)), record.duration)
        if record.usage.source == "upstream":  # where tokens are not counted, the metric "MUST NOT" be reported
            add["gen_ai_client_token_usage"]((*labels, "input"), record.usage.input)
            add["gen_ai_client_token_usage"]((*labels, "output"), record.usage.output)
        if record.first_token is not None:
            add["gen_ai_server_time_to_first_token"](labels, record.first_token)
        pace = _seconds_per_token(record)
        if pace is not None:
            add["gen_ai_server_time_per_output_token"](labels, pace)

    def _model(self, name: str) -> str:
        if not name:
            return NONE
        return name if self._known_model(name) else OTHER

    def _field(self, path: str) -> str:
        path = _INDEX.sub("[]", path)
        while path:
            if self._known_field(path):
                return path
            path = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
        return OTHER

    def _drop(self, name: str) -> None:
        self._add["telnyx_proxy_dropped_series_total"]((name,))


def _seconds_per_token(record: Record) -> float | None:
    """Seconds per output token after the first; None where there is no honest figure.

    A guessed number of tokens says nothing about speed, and neither does a stream that broke.
    """
    usage = record.usage
    if record.first_token is None or record.stream_end != "complete" or usage.source != "upstream" or usage.output <= 1:
        return None
    return max(0.0, record.duration - record.first_token) / (usage.output - 1)


def _error_type(record: Record) -> str:
    """`error.type`: the kind of failure, how a broken stream ended, or the status. Empty on success."""
    if record.error_kind:
        return record.error_kind
    if record.stream_end and record.stream_end != "complete":
        return record.stream_end
    return str(record.status) if record.status >= HTTPStatus.BAD_REQUEST else ""
