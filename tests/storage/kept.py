"""Requests for the ledger, and keeping them as the proxy does."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from proxy import codec
from proxy.accounts.entries import COLUMNS, MICROSECONDS, Entry, bin_of
from proxy.storage.database import Database
from proxy.storage.ledger import LedgerStore

DAY, HOUR, MINUTE = 86_400, 3_600, 60
MONDAY = 1_749_427_200
"""2025-06-09 00:00:00 UTC."""
KIMI, LLAMA = "moonshotai/Kimi-K2.6", "meta-llama/Llama-3.3-70B-Instruct"
_PLAIN: dict[str, Any] = {
    **dict.fromkeys(COLUMNS, ""),
    **dict.fromkeys(("stream", "retries", "violations", "audio_ms", "characters", "cached_input_tokens"), 0),
    **dict.fromkeys(("cache_write_tokens", "reasoning_tokens"), 0),
    "tenant": "acme",
    "key_id": "key_1",
    "key": "web",
    "tags": {},
    "endpoint": "chat.completions",
    "model_asked": "kimi",
    "model": KIMI,
    "provider": "telnyx",
    "service_tier": "default",
    "status": 200,
    "input_tokens": 100,
    "output_tokens": 20,
    "source": "upstream",
    "cost_micros": 300,
    "charged_micros": 330,
    "price": "p1",
    "first_token_us": None,
    "repairs": (),
    "changes": (),
    "client": "openai-python",
    "bytes_in": 1_000,
    "bytes_out": 500,
}
_numbers = count(1)


def a_request(at: float = MONDAY, *, seconds: float = 1.0, first_token: float | None = None, **others: Any) -> Entry:
    """A request that began at a Unix time and took so many seconds."""
    took = int(seconds * MICROSECONDS)
    first = None if first_token is None else int(first_token * MICROSECONDS)
    values = {
        **_PLAIN,
        "id": f"req_{next(_numbers):032x}",
        "started_us": int(at * MICROSECONDS),
        "duration_us": took,
        "duration_bin": bin_of(took),
        "overhead_us": 900,
        "first_token_us": first,
        "first_token_bin": None if first is None else bin_of(first),
        **others,
    }
    return Entry(**values)


async def keep(database: Database, requests: Iterable[Entry]) -> None:
    """Put them into the ledger."""
    await LedgerStore(database).add([codec.encode(tuple(each)) for each in requests])
