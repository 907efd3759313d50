"""A record in which everything is said, for tests of what is made of it."""

from proxy.accounts.ledger import Record
from proxy.accounts.pricing import Charge
from proxy.usage import Usage

FULL = Record(
    request_id="req_1",
    started_at=1700000000.1239,
    endpoint="chat.completions",
    method="POST",
    tenant="acme",
    key="web",
    model_asked="gpt-4o-mini",
    model="moonshotai/Kimi-K2.6",
    status=200,
    error_code="upstream_error",
    error_kind="failed",
    stream=True,
    stream_end="truncated",
    usage=Usage(input=100, output=50, cached_input=20, reasoning=10, source="upstream"),
    changes=(("max_completion_tokens", "renamed"),),
    changes_header="renamed=max_completion_tokens>max_tokens",
    repairs=("stream_options",),
    schema_violations=1,
    duration=1.50004,
    waited=1.25,
    client_waited=0.125,
    first_token=0.3,
    client="openai-python",
    retry_count=1,
    client_request_id="mine",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    upstream_request_id="theirs",
    end_user="0123456789abcdef",
    metadata={"purpose": "secret plan"},
    bytes_in=1000,
    bytes_out=2000,
    charge=Charge(8478, 9326, "config:0123456789ab"),
)
