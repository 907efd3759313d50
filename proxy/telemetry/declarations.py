"""Every metric, declared once: the series that are counted and the chapter in the documentation are made from here.

Names and labels are a contract, dashboards and alerts depend on them: add, never rename.

The `gen_ai_*` histograms are OpenTelemetry's semantic conventions for generative AI, with their bucket boundaries
(https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md). Dots become underscores.
On the unit suffix the peers differ: agentgateway exposes `gen_ai_server_request_duration`, as here; an OpenTelemetry
exporter with its default settings, such as Envoy AI Gateway's, appends the unit (`..._duration_seconds`,
`gen_ai_client_token_usage_token`). The names here have none; the chapter shows the relabelling for the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from proxy.accounts.ledger import STREAM_ENDS


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says, and whether its values are `free`.

    Free values come from the configuration, the model catalogue or a request and not from the code; where a metric has
    reached its limit of series, every free label becomes `other`, while the others keep their value.
    """

    meaning: str
    free: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric.

    Attributes:
        name: as exposed; a histogram's series carry `_bucket`, `_sum`, `_count` behind it.
        meaning: the HELP line.
        labels: in the order in which label values are given when recording; each is a key of LABELS.
        buckets: upper bounds of a histogram, without +Inf.
        merge: how a gauge is merged over worker processes (prometheus_client's `multiprocess_mode`).
    """

    name: str
    type: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    merge: Literal["livesum", "livemax"] = "livesum"


LABELS: Mapping[str, Label] = MappingProxyType(
    {
        "tenant": Label("id of the tenant; `none` before a key was accepted", free=True),
        "endpoint": Label("name of the endpoint (`chat.completions`), `unknown` for an unknown path"),
        "model": Label("Telnyx id of the model; `other` if not in the catalogue, `none` without one", free=True),
        "status": Label("HTTP status sent to the client; 499 where the client left first"),
        "type": Label("`input`, `output`, `cached_input` (part of input), `reasoning` (part of output)"),
        "source": Label("`upstream` for figures Telnyx reported, `estimated` for ours"),
        "reason": Label(", ".join(f"`{end}`" for end in STREAM_ENDS)),
        "field": Label("path of the request field without indices (`messages[].role`); `other` if unknown", free=True),
        "verdict": Label("what was done: `renamed`, `converted`, `dropped`, ... as in `x-telnyx-proxy-changes`"),
        "quirk": Label("name of the quirk that was repaired by a second try"),
        "kind": Label("`rejected`, `auth`, `quota`, `rate_limit`, `failed`, `unavailable`, `timeout`"),
        "limit": Label(
            "`requests`, `tokens`, `concurrent`, `share` (of what Telnyx allows the organisation), `budget`, "
            "`too_large` (more than a whole limit), `price` (unknown, with a budget)"
        ),
        "budget": Label("id of the budget: whose it is and for how long", free=True),
        "credential": Label("name of one of a tenant's Telnyx keys; empty where it has but one", free=True),
        "store": Label("`database`, `redis`"),
        "metric": Label("name of the metric that reached its limit"),
        "version": Label("version of the proxy"),
        "python": Label("version of Python"),
        "gen_ai_operation_name": Label("`chat`, `text_completion`, `embeddings`, ..."),
        "gen_ai_provider_name": Label("always `telnyx`"),
        "gen_ai_request_model": Label("model asked for if known by that name, else what it was mapped to", free=True),
        "gen_ai_response_model": Label("Telnyx id of the model; `other` if it is not in the catalogue", free=True),
        "gen_ai_token_type": Label("`input`, `output`"),
        "error_type": Label("kind of upstream failure, end of a broken stream, or HTTP status; empty on success"),
    }
)  # fmt: skip

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
"""Seconds. A refusal takes milliseconds, a long answer minutes; 600 s is the official clients' own patience."""

FIRST_TOKENS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 30, 60)
"""Seconds. Finest between 0.1 and 2.5, where people notice."""

PER_TOKEN = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)
"""Seconds. 0.01 is 100 tokens per second, 0.05 is reading speed."""

OVERHEADS = (0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)
"""Seconds. The proxy's own work is expected under a millisecond; above 10 ms something is wrong."""

GEN_AI_TOKENS = tuple(4**power for power in range(14))  # 1, 4, 16, ... 67108864
GEN_AI_DURATIONS = tuple(0.01 * 2**power for power in range(14))  # 0.01, 0.02, ... 81.92
GEN_AI_FIRST_TOKENS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
GEN_AI_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)

GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")

METRICS = (
    Declaration(
        "telnyx_proxy_requests_total",
        "counter",
        "Requests answered.",
        ("tenant", "endpoint", "model", "status"),
    ),
    Declaration(
        "telnyx_proxy_request_duration_seconds",
        "histogram",
        "Time from the first byte of the request to the last byte of the answer.",
        ("tenant", "endpoint", "model"),
        DURATIONS,
    ),
    Declaration(
        "telnyx_proxy_time_to_first_token_seconds",
        "histogram",
        "Time from the first byte of the request to the first content, reasoning or tool delta of a stream.",
        ("tenant", "model"),
        FIRST_TOKENS,
    ),
    Declaration(
        "telnyx_proxy_time_per_output_token_seconds",
        "histogram",
        "Time per output token after the first, of complete streams whose tokens Telnyx counted.",
        ("tenant", "model"),
        PER_TOKEN,
    ),
    Declaration(
        "telnyx_proxy_overhead_seconds",
        "histogram",
        "Time of a request spent in the proxy, waiting neither for Telnyx nor for the client.",
        ("endpoint",),
        OVERHEADS,
    ),
    Declaration(
        "telnyx_proxy_tokens_total",
        "counter",
        "Tokens consumed.",
        ("tenant", "model", "type", "source"),
    ),
    Declaration(
        "telnyx_proxy_cost_usd_total",
        "counter",
        "US dollars that requests cost at Telnyx, of those whose price is known.",
        ("tenant", "model"),
    ),
    Declaration(
        "telnyx_proxy_charged_usd_total",
        "counter",
        "US dollars that tenants are charged: the cost with their markup.",
        ("tenant", "model"),
    ),
    Declaration(
        "telnyx_proxy_unpriced_requests_total",
        "counter",
        "Requests that consumed something whose price is not known. They are missing in the two above.",
        ("model",),
    ),
    Declaration("telnyx_proxy_in_flight_requests", "gauge", "Requests being served now."),
    Declaration("telnyx_proxy_open_streams", "gauge", "Streams open now."),
    Declaration("telnyx_proxy_stream_ends_total", "counter", "Streams by the way they ended.", ("reason",)),
    Declaration(
        "telnyx_proxy_field_changes_total",
        "counter",
        "Requests in which a field was changed on the way to Telnyx.",
        ("field", "verdict"),
    ),
    Declaration(
        "telnyx_proxy_quirk_repairs_total",
        "counter",
        "Second tries that repaired a known quirk of a model or endpoint.",
        ("model", "quirk"),
    ),
    Declaration(
        "telnyx_proxy_schema_violations_total",
        "counter",
        "Answers or tool arguments that did not conform to the schema asked for.",
        ("tenant", "model"),
    ),
    Declaration("telnyx_proxy_upstream_errors_total", "counter", "Failures of Telnyx or on the way to it.", ("kind",)),
    Declaration(
        "telnyx_proxy_limit_refusals_total",
        "counter",
        "Requests refused by a limit or budget of this proxy.",
        ("tenant", "limit"),
    ),
    Declaration(
        "telnyx_proxy_budget_used_ratio",
        "gauge",
        "Part of a budget that is spent or reserved in its present period, as this process knows it.",
        ("tenant", "budget"),
        merge="livemax",
    ),
    Declaration(
        "telnyx_proxy_credential_refusals_total",
        "counter",
        "Answers 401 of Telnyx to a tenant's Telnyx key. Worth an alert: the key is set aside, if there is another.",
        ("tenant", "credential"),
    ),
    Declaration(
        "telnyx_proxy_store_failures_total",
        "counter",
        "Times that a store did not answer.",
        ("store",),
    ),
    Declaration(
        "telnyx_proxy_ledger_spool_bytes",
        "gauge",
        "Bytes of the local files in which requests wait for the database. Worth an alert as it nears "
        "`ledger.spool.size`.",
    ),
    Declaration(
        "telnyx_proxy_ledger_spool_limit_bytes",
        "gauge",
        "Bytes that these files may have: `ledger.spool.size`.",
    ),
    Declaration(
        "telnyx_proxy_ledger_rows_waiting",
        "gauge",
        "Requests that have ended and are not in the database yet.",
    ),
    Declaration(
        "telnyx_proxy_ledger_rows_shipped_total",
        "counter",
        "Requests handed to the database, those included that it had already.",
    ),
    Declaration(
        "telnyx_proxy_ledger_rows_dropped_total",
        "counter",
        "Requests that the ledger has forgotten because there was no room for them. Worth an alert.",
    ),
    Declaration(
        "telnyx_proxy_ledger_rows_damaged_total",
        "counter",
        "Requests that could not be read again, or that the database would not take; they are kept in files "
        "`*.damaged`. Worth an alert.",
    ),
    Declaration(
        "telnyx_proxy_ledger_ship_failures_total",
        "counter",
        "Times that the database did not take requests.",
    ),
    Declaration(
        "telnyx_proxy_event_loop_lag_seconds",
        "gauge",
        "The longest delay of the event loop in the last 15 seconds.",
        merge="livemax",
    ),
    Declaration(
        "telnyx_proxy_state_failures_total",
        "counter",
        "Responses that were to be kept and could not be (the database does not answer, or they are too large).",
        ("tenant",),
    ),
    Declaration(
        "telnyx_proxy_log_lines_lost_total",
        "counter",
        "Log lines that could not be written (full disk, closed pipe).",
    ),
    Declaration(
        "telnyx_proxy_dropped_series_total",
        "counter",
        "Observations counted under `other` because their metric reached its limit of series.",
        ("metric",),
    ),
    Declaration("telnyx_proxy_build_info", "gauge", "Always 1.", ("version", "python"), merge="livemax"),
    Declaration(
        "gen_ai_client_token_usage",
        "histogram",
        "Tokens per call that Telnyx counted; estimates are left out, as the convention demands.",
        (*GEN_AI, "gen_ai_token_type"),
        GEN_AI_TOKENS,
    ),
    Declaration(
        "gen_ai_server_request_duration",
        "histogram",
        "Seconds per call that reached Telnyx.",
        (*GEN_AI, "error_type"),
        GEN_AI_DURATIONS,
    ),
    Declaration(
        "gen_ai_server_time_to_first_token",
        "histogram",
        "Seconds to the first token of a stream.",
        GEN_AI,
        GEN_AI_FIRST_TOKENS,
    ),
    Declaration(
        "gen_ai_server_time_per_output_token",
        "histogram",
        "Seconds per output token after the first.",
        GEN_AI,
        GEN_AI_PER_TOKEN,
    ),
)

_INTRODUCTION = """\
## Metrics

Served at `/metrics` of the admin listener, in Prometheus' text format or OpenMetrics. Names and labels are stable.
With several worker processes, set `PROMETHEUS_MULTIPROC_DIR` to one empty directory for all of them: every process
then answers with the sum over all."""

_LABELS = """\
A metric has a limited number of label sets. Beyond the limit, labels whose values do not come from the code become
`other`, and `telnyx_proxy_dropped_series_total` counts."""

_GEN_AI = """\
The `gen_ai_*` histograms are OpenTelemetry's semantic conventions for generative AI, in seconds and tokens. A dashboard
made for an exporter that appends units finds them after this in Prometheus' `metric_relabel_configs`:

```yaml
- source_labels: [__name__]
  regex: (gen_ai_server_.+)_(bucket|sum|count)
  target_label: __name__
  replacement: ${1}_seconds_${2}
- source_labels: [__name__]
  regex: (gen_ai_client_token_usage)_(bucket|sum|count)
  target_label: __name__
  replacement: ${1}_token_${2}
```"""


def metrics_chapter() -> str:
    """The section `## Metrics` of the documentation: every metric, every label, every bucket."""
    metrics = [
        f"| `{row.name}` | {row.type} | {', '.join(f'`{label}`' for label in row.labels)} | {row.meaning} |"
        for row in METRICS
    ]
    labels = [f"| `{name}` | {label.meaning} |" for name, label in LABELS.items()]
    buckets = [
        f"| `{row.name}` | {', '.join(f'{bound:.12g}' for bound in row.buckets)} |" for row in METRICS if row.buckets
    ]
    return "\n\n".join(
        (
            _INTRODUCTION,
            "\n".join(("| name | type | labels | meaning |", "|---|---|---|---|", *metrics)),
            "### Labels",
            _LABELS,
            "\n".join(("| label | values |", "|---|---|", *labels)),
            "### Buckets",
            "\n".join(("| histogram | upper bounds |", "|---|---|", *buckets)),
            "### OpenTelemetry's names",
            _GEN_AI,
        )
    ) + "\n"  # fmt: skip
