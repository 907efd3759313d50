import argparse

import pytest

from proxy.cli import budgets
from tests.cli.places import Place


def test_a_budget_is_set_listed_and_lifted(place: Place) -> None:
    key = place.key()["id"]
    told = place.done("budgets", "set", "--key", "acme/web", "--usd", "0.10", "--per", "total", "--soft", "50")
    assert told.endswith(" set: 0.10 USD in total, with a warning at 50 %\n")
    listed = place.done("budgets", "list", "--tenant", "acme").splitlines()
    assert listed[0].split() == ["ID", "TENANT", "KEY", "USD", "PER", "SPENT", "USED", "WARNS", "AT", "STARTS", "ANEW"]
    identity, *rest = listed[1].split()
    assert rest == ["acme", key, "0.10", "total", "0.00", "0", "%", "50", "%", "never"]
    assert place.done("budgets", "delete", identity) == f"budget {identity} deleted\n"
    ended = place("budgets", "list")
    assert (ended.out, ended.err.splitlines()[1]) == (
        "",
        "    telnyx-proxy budgets set --tenant ID --usd 25 --per month",
    )


@pytest.mark.parametrize(("text", "sent"), [("25", "25"), ("0.50", "0.50"), ("1e2", "100"), ("-5", "-5")])
def test_an_amount_is_sent_as_it_was_meant(text: str, sent: str) -> None:
    assert budgets.dollars(text) == sent


@pytest.mark.parametrize("text", ["", "much", "nan", "inf", "1e999999999", "1e-99"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no amount of dollars, such as 25"):
        budgets.dollars(text)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--usd", "25"], 2, "--per"),
        (["--usd", "25", "--per", "year"], 2, "invalid choice: 'year'"),
        (["--usd", "0", "--per", "day"], 1, "'usd' must be more than 0"),
        (["--usd", "-5", "--per", "day"], 1, "'usd' must be"),
        (["--usd", "1e9", "--per", "day"], 1, "'usd' must be"),
        (["--usd", "25", "--per", "day", "--soft", "101"], 1, "'soft' must be"),
    ],
)
def test_bad_input_is_refused(near: Place, words: list[str], code: int, said: str) -> None:
    near.done("tenants", "create", "acme")
    ended = near("budgets", "set", "--tenant", "acme", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
