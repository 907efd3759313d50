import re

import pytest

from proxy import errors
from proxy.telemetry.declarations import LABELS, METRICS, Declaration, metrics_chapter

PROMISED = {
    "telnyx_proxy_requests_total": {"tenant", "endpoint", "model", "status"},
    "telnyx_proxy_request_duration_seconds": {"tenant", "endpoint", "model"},
    "telnyx_proxy_time_to_first_token_seconds": {"tenant", "model"},
    "telnyx_proxy_time_per_output_token_seconds": {"tenant", "model"},
    "telnyx_proxy_overhead_seconds": {"endpoint"},
    "telnyx_proxy_tokens_total": {"tenant", "model", "type", "source"},
    "telnyx_proxy_in_flight_requests": set(),
    "telnyx_proxy_open_streams": set(),
    "telnyx_proxy_stream_ends_total": {"reason"},
    "telnyx_proxy_field_changes_total": {"field", "verdict"},
    "telnyx_proxy_quirk_repairs_total": {"model", "quirk"},
    "telnyx_proxy_schema_violations_total": {"tenant", "model"},
    "telnyx_proxy_upstream_errors_total": {"kind"},
    "telnyx_proxy_cost_usd_total": {"tenant", "model"},
    "telnyx_proxy_charged_usd_total": {"tenant", "model"},
    "telnyx_proxy_unpriced_requests_total": {"model"},
    "telnyx_proxy_limit_refusals_total": {"tenant", "limit"},
    "telnyx_proxy_budget_used_ratio": {"tenant", "budget"},
    "telnyx_proxy_credential_refusals_total": {"tenant", "credential"},
    "telnyx_proxy_store_failures_total": {"store"},
    "telnyx_proxy_ledger_spool_bytes": set(),
    "telnyx_proxy_ledger_spool_limit_bytes": set(),
    "telnyx_proxy_ledger_rows_waiting": set(),
    "telnyx_proxy_ledger_rows_shipped_total": set(),
    "telnyx_proxy_ledger_rows_dropped_total": set(),
    "telnyx_proxy_ledger_rows_damaged_total": set(),
    "telnyx_proxy_ledger_ship_failures_total": set(),
    "telnyx_proxy_event_loop_lag_seconds": set(),
    "telnyx_proxy_build_info": {"version", "python"},
    "telnyx_proxy_dropped_series_total": {"metric"},
    "telnyx_proxy_log_lines_lost_total": set(),
    "telnyx_proxy_state_failures_total": {"tenant"},
    "gen_ai_client_token_usage": {
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
        "gen_ai_token_type",
    },
    "gen_ai_server_request_duration": {
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
        "error_type",
    },
    "gen_ai_server_time_to_first_token": {
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
    },
    "gen_ai_server_time_per_output_token": {
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
        "gen_ai_response_model",
    },
}
"""What dashboards and alerts of users depend on. Adding is fine, changing a line here breaks them."""

CONVENTION = {
    "gen_ai_client_token_usage": (
        1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
    ),
    "gen_ai_server_request_duration": (
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ),
    "gen_ai_server_time_to_first_token": (
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ),
    "gen_ai_server_time_per_output_token": (
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    ),
}  # fmt: skip
"""ExplicitBucketBoundaries of OpenTelemetry's semantic conventions for generative AI."""

RANGES = {
    "telnyx_proxy_request_duration_seconds": (0.005, 600),
    "telnyx_proxy_time_to_first_token_seconds": (0.01, 60),
    "telnyx_proxy_time_per_output_token_seconds": (0.001, 1),
    "telnyx_proxy_overhead_seconds": (0.00005, 1),
}
BY_NAME = {row.name: row for row in METRICS}


def test_names_and_labels_are_the_promised_ones() -> None:
    assert {row.name: set(row.labels) for row in METRICS} == PROMISED
    assert len(METRICS) == len(BY_NAME)


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_a_declaration_is_complete(row: Declaration) -> None:
    assert set(row.labels) <= set(LABELS)
    assert row.meaning.endswith(".")
    assert row.name.endswith("_total") == (row.type == "counter")
    assert bool(row.buckets) == (row.type == "histogram")
    assert list(row.buckets) == sorted(set(row.buckets))


def test_every_label_is_used() -> None:
    assert {label for row in METRICS for label in row.labels} == set(LABELS)


def test_what_clients_or_configuration_can_invent_is_free() -> None:
    free = {name for name, label in LABELS.items() if label.free}
    assert free == {
        "tenant", "model", "field", "budget", "credential", "gen_ai_request_model", "gen_ai_response_model",
    }  # fmt: skip


@pytest.mark.parametrize("name", CONVENTION)
def test_gen_ai_buckets_are_the_conventions_own(name: str) -> None:
    assert BY_NAME[name].buckets == pytest.approx(CONVENTION[name])
    assert [f"{bound:.12g}" for bound in BY_NAME[name].buckets] == [f"{bound:.12g}" for bound in CONVENTION[name]]


@pytest.mark.parametrize("name", RANGES)
def test_buckets_span_what_language_models_need(name: str) -> None:
    buckets = BY_NAME[name].buckets
    assert (buckets[0], buckets[-1]) == RANGES[name]


def test_the_chapter_tells_everything() -> None:
    chapter = metrics_chapter()
    assert chapter.startswith("## Metrics\n")
    assert chapter.endswith("```\n")
    lines = chapter.splitlines()
    for row in METRICS:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        assert f"| `{row.name}` | {row.type} | {labels} | {row.meaning} |" in lines
    for name, label in LABELS.items():
        assert f"| `{name}` | {label.meaning} |" in lines
    assert "| `telnyx_proxy_overhead_seconds` | 5e-05, 0.0001, 0.0002," in chapter


def test_the_tables_of_the_chapter_have_as_many_cells_as_their_heads() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", metrics_chapter(), re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_the_relabelling_in_the_chapter_gives_the_names_with_units() -> None:
    """A dashboard made for an exporter that appends units must find every histogram after it."""
    rules = re.findall(r"regex: (\S+)\n.*\n  replacement: (\S+)", metrics_chapter())
    renamed = set()
    for name in BY_NAME:
        for expression, replacement in rules:
            match = re.fullmatch(expression, f"{name}_bucket")
            if match:
                renamed.add(replacement.replace("${1}", match[1]).replace("${2}", match[2]))
    assert renamed == {
        "gen_ai_client_token_usage_token_bucket",
        "gen_ai_server_request_duration_seconds_bucket",
        "gen_ai_server_time_to_first_token_seconds_bucket",
        "gen_ai_server_time_per_output_token_seconds_bucket",
    }


def test_every_kind_of_upstream_failure_is_documented() -> None:
    kinds = {fault.kind for fault in errors.tree() if fault.__module__ == "proxy.errors" and fault.kind}
    assert set(re.findall(r"`(\w+)`", LABELS["kind"].meaning)) == kinds
