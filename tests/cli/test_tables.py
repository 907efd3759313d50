import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli import tables
from proxy.cli.cells import shown
from proxy.cli.tables import Column, Screen

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("NAME", shown("name")),
    Column("OWNER", shown("owner")),
    Column("N", shown("n"), right=True),
)
ROWS = [
    {"id": "key_0123456789", "name": "web", "owner": "the people of the second floor", "n": 7},
    {"id": "key_1", "name": "a name that is long", "n": 12},
]


def test_columns_are_aligned_and_nothing_trails() -> None:
    assert tables.table(COLUMNS, ROWS, Screen(None, 0)).splitlines() == [
        "ID              NAME                 OWNER                            N",
        "key_0123456789  web                  the people of the second floor   7",
        "key_1           a name that is long                                  12",
    ]


def test_what_is_too_wide_is_cut_where_it_is_widest_and_never_an_id() -> None:
    told = tables.table(COLUMNS, ROWS, Screen(50, 0))
    assert told.splitlines() == [
        "ID              NAME            OWNER            N",
        "key_0123456789  web             the people of…   7",
        "key_1           a name that i…                  12",
    ]


def test_a_screen_too_narrow_for_ids_overflows() -> None:
    lines = tables.table(COLUMNS, ROWS, Screen(10, 0)).splitlines()
    assert lines[1].startswith("key_0123456789  web       the peo…")
    assert lines[2].startswith("key_1           a name …")


def test_wide_characters_take_two_places() -> None:
    rows = [{"id": "a", "name": "日本"}, {"id": "b", "name": "e\u0301te"}, {"id": "c", "name": "abcd"}]
    columns = (Column("NAME", shown("name")), Column("ID", shown("id")))
    assert tables.table(columns, rows, Screen(None, 0)) == "NAME  ID\n日本  a\ne\u0301te   b\nabcd  c\n"
    assert tables.cut("日本語", 4) == "日…"


@given(st.text(), st.integers(1, 30))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert tables.places(tables.cut(text, width)) <= width


def test_nothing_that_a_terminal_acts_on_is_shown() -> None:
    told = tables.table(COLUMNS, [{"id": "a", "name": "\x1b[2Jx\u202egnp\nnew\x9b"}], Screen(None, 0))
    assert "?[2Jx?gnp new?" in told
    assert tables.record([("name", "\x1b]0;x\x07")]) == "name  ?]0;x?\n"


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    assert tables.printable(text).isprintable()
    assert len(tables.printable(text)) == len(text)


def test_a_record_leaves_out_what_is_empty() -> None:
    assert tables.record([("id", "a"), ("owner", ""), ("last used", "now")]) == "id         a\nlast used  now\n"
    assert tables.record([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (False, ""),
        (True, "yes"),
        (0, "0"),
        ("a", "a"),
        (["a", "b"], "a, b"),
        ({"team": "x", "n": 1}, "team=x, n=1"),
        ([], ""),
    ],
)
def test_values_are_told_in_words(value: object, text: str) -> None:
    assert tables.joined(value) == text
