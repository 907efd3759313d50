"""A ledger that looks like one: three weeks of three tenants, in the real tables, the same every time."""

import json
import math
import random
from collections.abc import Iterator
from typing import Any

from proxy.accounts.entries import COLUMNS, bin_of
from proxy.storage.ledger import LedgerStore
from tests.admin.bureau import NOW, Bureau

MODELS = {
    "moonshotai/Kimi-K2.5": (600, 2500, 0.5),
    "meta-llama/Meta-Llama-3.1-70B-Instruct": (900, 900, 0.3),
    "Qwen/Qwen3-235B-A22B": (None, None, 0.15),
    "thenlper/gte-large": (10, 0, 0.05),
}
"""Micro-dollars for a thousand tokens in and out, None where no price is known; and how much of all they are."""
TENANTS = {"acme": ("acme/web", "acme/batch"), "beta": ("beta/app",), "gamma-research": ("gamma-research/notebooks",)}
CHANGES = (("max_tokens", "renamed"), ("parallel_tool_calls", "dropped"), ("logit_bias", "dropped"),
           ("messages[].content", "converted"), ("temperature", "capped"), ("service_tier", "lossy"))  # fmt: skip
ENDS = ((0.955, 200, "", "complete"), (0.97, 429, "rate_limit_exceeded", ""), (0.98, 400, "invalid_value", ""),
        (0.988, 502, "upstream_failed", ""), (1.0, 499, "", "client_disconnected"))  # fmt: skip


def row(at: float, number: int = 0, **values: Any) -> bytes:
    """A row of the ledger as the spool has it. Times by name in microseconds; what is not given is plain."""
    made: dict[str, Any] = {
        name: 0 if name.endswith(("_tokens", "_us", "_ms")) or name in {"characters", "bytes_in", "bytes_out"} else ""
        for name in COLUMNS
    }
    made |= {
        "id": f"req_{number:032x}", "started_us": int(at * 1_000_000), "tenant": "acme", "key_id": "acme/web",
        "key": "web", "tags": {}, "endpoint": "chat.completions", "model_asked": "gpt-4o",
        "model": "moonshotai/Kimi-K2.5", "provider": "telnyx", "service_tier": "default", "status": 200, "stream": 0,
        "input_tokens": 100, "output_tokens": 20, "source": "upstream", "cost_micros": 110, "charged_micros": 132,
        "price": "v1", "duration_us": 1_200_000, "first_token_us": None, "retries": 0, "repairs": [], "changes": [],
        "violations": 0, "client": "openai-python",
    }  # fmt: skip
    made |= values
    made["duration_bin"] = bin_of(made["duration_us"])
    made["first_token_bin"] = None if made["first_token_us"] is None else bin_of(made["first_token_us"])
    return json.dumps([made[name] for name in COLUMNS]).encode()


def busy(days: int = 21, each_hour: int = 9, now: float = NOW) -> Iterator[bytes]:
    """Days of requests up to now: more by day than by night, and more each week."""
    dice = random.Random(5)  # noqa: S311 - no secret
    number = 0
    for hour in range(days * 24):
        start = now - (hour + 1) * 3600
        by_day = 1.1 + math.sin((start % 86_400) / 86_400 * 2 * math.pi - 2)
        for _ in range(max(1, round(each_hour * by_day * (1 - hour / days / 40)))):
            number += 1
            yield _one(dice, start + dice.random() * 3600, number)


def _one(dice: random.Random, at: float, number: int) -> bytes:
    model = dice.choices(list(MODELS), [share for _, _, share in MODELS.values()])[0]
    tenant = dice.choices(list(TENANTS), (6, 3, 1))[0]
    key = dice.choice(TENANTS[tenant])
    chance = dice.random()
    _, status, code, end = next(each for each in ENDS if chance <= each[0])
    embeds = model.startswith("thenlper")
    read = dice.randint(200, 9000)
    cached = read // 2 if dice.random() < 0.4 and not embeds else 0
    written = 0 if embeds else dice.randint(20, 1500)
    if status >= 400 and status != 499:
        read = cached = written = 0
    first_price, second_price, _ = MODELS[model]
    micros = (read * (first_price or 0) + written * (second_price or 0)) // 1000
    cost = None if first_price is None and read else micros
    duration = int(math.exp(dice.gauss(13.6, 0.7)))
    stream = 0 if embeds or not end else 1
    return row(
        at, number, tenant=tenant, key_id=key, key=key.partition("/")[2], model=model, status=status, error_code=code,
        endpoint="embeddings" if embeds else "chat.completions", stream=stream, stream_end=end if stream else "",
        input_tokens=read, cached_input_tokens=cached, output_tokens=written, cost_micros=cost,
        charged_micros=None if cost is None else cost * 6 // 5, price="" if cost is None else "v1",
        source="upstream" if read else "none", duration_us=duration,
        first_token_us=int(duration * (0.1 + dice.random() / 3)) if stream else None,
        changes=[list(each) for each in CHANGES if dice.random() < 0.12],
    )  # fmt: skip


async def play(bureau: Bureau, rows: Iterator[bytes] | list[bytes]) -> None:
    """Put rows into the ledger."""
    await LedgerStore(bureau.store.database).add(list(rows))


async def budgets(bureau: Bureau) -> None:
    """A budget that is fine, one that is nearly spent, one that is used up."""
    for tenant, usd, per, spent in (("acme", 250, "month", 61), ("beta", 20, "month", 17.2), ("acme", 5, "day", 5.1)):
        await bureau.call("PUT", "/budgets", {"tenant": tenant, "usd": usd, "per": per})
        period = {"month": 1_798_761_600, "day": 1_799_971_200}[per]
        bureau.spent[f"tenant:{tenant}:{per}", period] = int(spent * 1_000_000)
