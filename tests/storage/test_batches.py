import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.accounts.entries import COLUMNS, Charge, entry
from proxy.accounts.ledger import Record
from proxy.storage.batches import document, unpacking, values
from proxy.usage import Usage


def test_rows_are_joined() -> None:
    assert document([b'["a",1]', b'["b"]']) == '[["a",1],["b"]]'


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (rb'"\u0000"', r'"\ufffd"'),
        (rb'"a\u0000\u0000b"', r'"a\ufffd\ufffdb"'),
        (rb'"\\u0000"', r'"\\u0000"'),  # a backslash, and five characters
        (rb'"\\\u0000"', r'"\\\ufffd"'),
        (rb'"\ud83d\ude00"', r'"\ud83d\ude00"'),  # an emoji
        (rb'"\ud83d"', r'"\ufffd"'),
        (rb'"\uDE00\uD83Dx"', r'"\ufffd\ufffdx"'),
        (rb'"\ud83d\ud83d\ude00"', r'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d\n"', r'"\\ud83d\n"'),
        (b'"\xff"', '"\ufffd"'),
        (b'"\xed\xa0\x80"', '"\ufffd\ufffd\ufffd"'),  # half a pair, as bytes
        ('"é😀"'.encode(), '"é😀"'),
    ],
)
def test_what_a_database_cannot_keep_is_replaced(written: bytes, kept: str) -> None:
    assert document([written]) == f"[{kept}]"


@given(st.lists(st.text(), min_size=1))
def test_nothing_else_is_changed(texts: list[str]) -> None:
    read = codec.decode(document([codec.encode(texts)]))
    assert read == [[text.replace("\0", "\ufffd") for text in texts]]


def test_a_statement_has_every_column_once() -> None:
    assert unpacking().startswith(f"INSERT INTO requests ({', '.join(COLUMNS)})\n")
    assert unpacking().count("given.value") == len(COLUMNS)


def test_rows_are_read_as_they_were_made_and_what_a_later_version_adds_is_left_out() -> None:
    row = entry(Record("req_1", 1.5, changes=(("store", "dropped"),)), Usage(), Charge())
    assert values([codec.encode([*row, "more"])]) == [row]
    assert len(row) == len(COLUMNS)


@pytest.mark.parametrize("row", [b"{}", b"[]", b"null", b"[1", b"7"])
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        values([row])
