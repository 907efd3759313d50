import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.accounts.entries import COLUMNS
from proxy.storage.batches import binding, document, unpacking, values


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
    head = f"INSERT INTO requests ({', '.join(COLUMNS)})\n"
    assert binding().startswith(head)
    assert binding().count("?") == len(COLUMNS)
    assert unpacking().startswith(head)
    assert unpacking().count("given.value") == len(COLUMNS)


def test_lists_and_maps_are_bound_as_text_and_what_a_later_version_adds_is_left_out() -> None:
    row: list[object] = [None] * len(COLUMNS)
    tags, changes = COLUMNS.index("tags"), COLUMNS.index("changes")
    row[tags], row[changes] = {"team": "é"}, [["store", "dropped"]]
    [bound] = values([codec.encode([*row, "more"])])
    assert (bound[tags], bound[changes]) == ('{"team":"é"}', '[["store","dropped"]]')
    assert bound.count(None) == len(COLUMNS) - 2
    assert len(bound) == len(COLUMNS)


@pytest.mark.parametrize("row", [b"{}", b"[]", b"null", b"[1", b"7"])
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        values([row])
