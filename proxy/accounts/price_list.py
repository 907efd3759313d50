"""Prices of models at Telnyx as they were seen: what is counted with until Telnyx's own model list has told its own.

US dollars per million tokens, at the default service tier. The figures change; a row says when they were seen, and
whatever is priced with it says so, too (`list-2026-08:...`). To renew the list is to change rows. `config/models.yaml`
has the same list for operators to change.

From Telnyx's own manifest of its models in its provider for OpenClaw (rows of August 2026), and from what its field
engineers measured (October 2026). Not known, so without a row: prices at other tiers than the default one, of cache
writes, of embeddings and of speech; of models that are not here. It is not known either whether calls of a provider's
model with the account's own key there (`api_key_ref`) are charged by Telnyx at all.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from proxy.accounts.pricing import Price, Tariff, price_of


class Listed(NamedTuple):
    """A row: a Telnyx id, dollars per million tokens, and the month in which they were seen."""

    model: str
    input: str
    cached_input: str
    output: str
    seen: str


ROWS = (
    Listed("moonshotai/Kimi-K3", "2.70", "0.27", "13.50", "2026-08"),
    Listed("moonshotai/Kimi-K2.6", "0.665", "0.08", "4.00", "2026-08"),
    Listed("moonshotai/Kimi-K2.5", "0.60", "0.40", "3.00", "2026-08"),
    Listed("zai-org/GLM-5.3", "1.25", "0.24", "4.00", "2026-10"),
    Listed("zai-org/GLM-5.3-Flash", "0.135", "0.027", "0.45", "2026-10"),
    Listed("zai-org/GLM-5.2", "1.00", "0.20", "4.00", "2026-08"),
    Listed("zai-org/GLM-5.1-FP8", "0.98", "0.13", "4.40", "2026-08"),
    Listed("MiniMaxAI/MiniMax-M3-MXFP8", "0.27", "0.08", "1.10", "2026-08"),
    Listed("MiniMaxAI/MiniMax-M2.7", "0.21", "0.03", "1.20", "2026-08"),
    Listed("Qwen/Qwen3-235B-A22B", "0.60", "0.40", "2.00", "2026-08"),
    Listed("deepseek-ai/DeepSeek-V4-Flash", "0.13", "0.03", "0.26", "2026-10"),
    Listed("openai/gpt-5.4", "2.50", "0.25", "15.00", "2026-08"),
    Listed("openai/gpt-5.4-mini", "0.75", "0.075", "4.50", "2026-08"),
    Listed("openai/gpt-5.2", "1.75", "0.175", "14.00", "2026-08"),
    Listed("openai/gpt-5.1", "1.25", "0.125", "10.00", "2026-08"),
    Listed("openai/gpt-5", "1.25", "0.125", "10.00", "2026-08"),
    Listed("anthropic/claude-haiku-4-5", "1.00", "0.10", "5.00", "2026-08"),
)
"""One per model."""


def source_of(seen: str) -> str:
    """What versions of a dated price begin with."""
    return f"list-{seen}"


def _tariff(row: Listed) -> Tariff:
    price = price_of({"input": row.input, "cached_input": row.cached_input, "output": row.output})
    return Tariff(price or Price(), {}, source_of(row.seen))


PRICES: Mapping[str, Tariff] = MappingProxyType({row.model: _tariff(row) for row in ROWS})
"""The same by Telnyx id."""
