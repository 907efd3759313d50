"""The field table in words."""

from proxy.translation.chat import FIELDS
from proxy.translation.checks import string
from proxy.translation.describe import WORDS, counts, table_markdown
from proxy.translation.rules import Draft, FieldTable, Verdict, drop, keep, refuse, rename


def lose(draft: Draft, name: str, value: object) -> None:
    raise AssertionError("no request is translated here")


TABLE = FieldTable(
    (
        keep("a", string),
        keep("b", string, reason="If absent, 1 is sent."),
        rename("c", "d", string, "It is the same.", function=lose),
        drop("e", "It is a|b."),
        refuse("f", "It cannot be."),
    ),
    lose,
)


def test_every_field_has_a_line_that_says_what_happens() -> None:
    assert table_markdown(TABLE).splitlines() == [
        "| Field | Verdict | What happens |",
        "|---|---|---|",
        "| `a` | keep | Sent as it is. |",
        "| `b` | keep | Sent as it is. If absent, 1 is sent. |",
        "| `c` | rename | Sent as `d`. It is the same. |",
        "| `e` | drop | Not sent; nothing changes. It is a\\|b. |",
        "| `f` | refuse | The request is refused. It cannot be. |",
    ]
    assert table_markdown(TABLE).endswith("\n")


def test_verdicts_are_counted_and_none_is_left_out() -> None:
    found = counts(TABLE)
    assert list(found) == list(Verdict)
    assert (found[Verdict.KEEP], found[Verdict.RENAME], found[Verdict.EMULATE]) == (2, 1, 0)


def test_the_counts_of_the_chat_table_add_up() -> None:
    assert sum(counts(FIELDS).values()) == len(FIELDS.rows) == table_markdown(FIELDS).count("\n") - 2
    assert all(counts(FIELDS).values())


def test_every_verdict_has_its_words() -> None:
    assert list(WORDS) == list(Verdict)
