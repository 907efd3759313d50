"""The models of the emulated Telnyx, in the shape of its own model list (`ModelMetadata`), which is not OpenAI's.

`created` is an ISO 8601 string there, prices are strings per million tokens, and proxied models say `text generation`
with a space where hosted ones say `text-generation`. Ids, context lengths and prices are those of public price lists
of mid-2026; dates and parameter counts are for practice only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from proxy.emulator.behaviour import Behaviour

DEFAULT_MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
"""What the published schema says is used where a request names no model."""

DEFAULT_CAP = 8192
"""Output tokens where a request sets no cap (schema of October 2026)."""


@dataclass(frozen=True)
class Model:
    """One row of the catalogue.

    Attributes:
        id: `{organization}/{name}`, case-sensitive.
        context: tokens of context.
        cap: most output tokens, None where the list says null.
        prices: USD per million tokens: input, cached input, output.
        size: parameters in billions.
        reasons: thinks before it answers unless told not to.
        sees: takes images.
        needs_key: proxied to a provider that wants the customer's own key (`api_key_ref`).
        owner: `Telnyx` for hosted models, else the provider.
        regions: where a `strict` request can be served.
    """

    id: str
    context: int
    cap: int | None
    prices: tuple[str, str, str]
    size: int = 0
    reasons: bool = False
    sees: bool = False
    needs_key: bool = False
    owner: str = "Telnyx"
    regions: tuple[str, ...] = ("USA", "EU")

    @property
    def hosted(self) -> bool:
        """Runs on Telnyx's own machines."""
        return self.owner == "Telnyx"


_ROWS = (
    Model("moonshotai/Kimi-K3", 1_000_000, 64_000, ("2.70", "0.27", "13.50"), 1000, reasons=True, sees=True),
    Model("moonshotai/Kimi-K2.6", 262_144, None, ("0.665", "0.08", "4.00"), 1000, reasons=True, sees=True),
    Model("moonshotai/Kimi-K2.5", 256_000, None, ("0.60", "0.40", "3.00"), 1000, reasons=True, sees=True),
    Model("zai-org/GLM-5.2", 1_000_000, 131_072, ("1.00", "0.20", "4.00"), 744, reasons=True),
    Model("zai-org/GLM-5.1-FP8", 202_752, None, ("0.98", "0.13", "4.40"), 744, reasons=True),
    Model("zai-org/GLM-5.3", 1_000_000, 131_072, ("1.25", "0.24", "4.00"), 744, reasons=True),
    Model("zai-org/GLM-5.3-Flash", 202_752, None, ("0.135", "0.027", "0.45"), 30, reasons=True),
    Model("MiniMaxAI/MiniMax-M3-MXFP8", 1_000_000, None, ("0.27", "0.08", "1.10"), 230, reasons=True),
    Model("MiniMaxAI/MiniMax-M2.7", 200_000, None, ("0.21", "0.03", "1.20"), 230, reasons=True),
    Model("Qwen/Qwen3-235B-A22B", 32_768, None, ("0.60", "0.40", "2.00"), 235, reasons=True),
    Model("Qwen/Qwen3.8-27B", 262_144, None, ("0.20", "0.04", "0.80"), 27, reasons=True),
    Model("deepseek-ai/DeepSeek-V4.1-Flash", 131_072, None, ("0.13", "0.03", "0.26"), 284),
    Model("google/gemma-4-31B-it", 131_072, None, ("0.15", "0.03", "0.50"), 31, sees=True),
    Model("meta-llama/Llama-3.3-70B-Instruct", 99_000, None, ("0.88", "0.88", "0.88"), 70),
    Model(DEFAULT_MODEL, 131_072, None, ("0.18", "0.18", "0.18"), 8),
    Model("openai/gpt-5.2", 400_000, None, ("1.75", "0.175", "14.00"), needs_key=True, owner="OpenAI", regions=()),
    Model("openai/gpt-5.4-mini", 400_000, None, ("0.75", "0.075", "4.50"), needs_key=True, owner="OpenAI", regions=()),
    Model("anthropic/claude-haiku-4-5", 200_000, None, ("1.00", "0.10", "5.00"), owner="Anthropic", regions=()),
)

MODELS: Mapping[str, Model] = MappingProxyType({model.id: model for model in _ROWS})

EMBEDDING_MODELS = ("thenlper/gte-large", "intfloat/multilingual-e5-large", "Qwen/Qwen3-Embedding-8B")

_REGISTERED = "2026-07-17T09:30:00.000000Z"
_REGISTERED_UNIX = int(datetime.fromisoformat(_REGISTERED).timestamp())


def stranger(model_id: str) -> Model:
    """A model that is not in the catalogue, where the scenario takes any."""
    return Model(model_id, 131_072, None, ("0.10", "0.10", "0.10"))


def cap_of(model: Model) -> int:
    """The output tokens of a request that names no cap."""
    return min(DEFAULT_CAP, model.cap or DEFAULT_CAP)


_SMALL, _MEDIUM = 50, 500  # billions of parameters below which a model is of that tier


def _tier(model: Model) -> str:
    if not model.hosted:
        return "unlisted"
    return "small" if model.size < _SMALL else "medium" if model.size < _MEDIUM else "large"


def metadata(model: Model, behaviour: Behaviour) -> dict[str, Any]:
    """The row of the model list, with the quirks of the scenario."""
    prompt, cached, completion = (f"{float(price):.6f}" for price in model.prices)
    row: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": _REGISTERED,
        "base_model": None,
        "owned_by": model.owner,
        "organization": model.id.partition("/")[0],
        "task": "text-generation" if model.hosted else "text generation",
        "context_length": model.context,
        "max_completion_tokens": model.cap,
        "languages": ["en"],
        "parameters": model.size * 10**9,
        "parameters_str": f"{model.size}B" if model.size else None,
        "tier": _tier(model),
        "license": "other",
        "is_fine_tunable": False,
        "recommended_for_assistants": model.hosted,
        "is_vision_supported": model.sees,
        "description": None,
        "pricing": {
            "prompt": prompt,
            "completion": completion,
            "cached_prompt": cached,
            "currency": "USD",
            "unit": "1M_tokens",
        },
        "regions": ["us-central-1", "eu-central-1"] if model.hosted else [],
    }
    if model.hosted:
        row["service_tiers"] = ["default", "priority"]
    for quirk in behaviour.models:
        row = QUIRKS[quirk](row)
    return row


def listing(behaviour: Behaviour) -> dict[str, Any]:
    """The answer of `GET /ai/openai/models`."""
    return {"object": "list", "data": [metadata(model, behaviour) for model in MODELS.values()]}


def embedding_listing() -> dict[str, Any]:
    """The answer of `GET /ai/openai/embeddings/models`: these rows are OpenAI's, with `created` as a number."""
    rows = [
        {"id": name, "object": "model", "created": _REGISTERED_UNIX, "owned_by": "telnyx"} for name in EMBEDDING_MODELS
    ]
    return {"object": "list", "data": rows}


def _created_int(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "created": _REGISTERED_UNIX}


def _deployed_prices(row: dict[str, Any]) -> dict[str, Any]:
    prices = row["pricing"]
    pricing = {"input": prices["prompt"], "output": prices["completion"], "cached_prompt": prices["cached_prompt"]}
    return {**row, "pricing": {**pricing, "unit": prices["unit"]}, "regions": ["USA", "EU"]}


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("id", "created", "owned_by")}


QUIRKS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType(
    {
        "created-int": _created_int,  # the older definition, still merged into the published one
        "deployed-prices": _deployed_prices,  # what the endpoint was seen to answer in July 2026
        "bare": _bare,  # the required fields of January 2026
    }
)
