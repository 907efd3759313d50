"""The list that comes with the proxy."""

import re
from pathlib import Path

import pytest
import yaml

from proxy.accounts.price_list import PRICES, ROWS, Listed
from proxy.accounts.pricing import Price

MODELS_FILE = Path(__file__).parents[2] / "config" / "models.yaml"


def test_a_row_is_a_price_with_its_month() -> None:
    tariff = PRICES["moonshotai/Kimi-K2.6"]
    assert (tariff.base, tariff.source) == (Price(665_000, 80_000, 4_000_000), "list-2026-08")
    assert PRICES["zai-org/GLM-5.3"].source == "list-2026-10"
    assert PRICES["zai-org/GLM-5.3"].at("flex") == Price(1_250_000, 240_000, 4_000_000)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_a_row_is_complete(row: Listed) -> None:
    price = PRICES[row.model].base
    assert price.input is not None
    assert price.cached_input is not None
    assert price.output is not None
    assert 0 < price.cached_input < price.input < price.output
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", row.seen)
    assert not set(row.model) & set("*?[")


def test_a_model_has_one_row() -> None:
    assert len(PRICES) == len(ROWS)


def test_the_file_that_operators_change_has_the_same_list() -> None:
    profiles = yaml.safe_load(MODELS_FILE.read_text())["profiles"]
    there = {name: profile["price"] for name, profile in profiles.items() if "price" in profile}
    here = {
        row.model: {
            "input": float(row.input),
            "cached_input": float(row.cached_input),
            "output": float(row.output),
            "seen": row.seen,
        }
        for row in ROWS
    }
    assert there == here
