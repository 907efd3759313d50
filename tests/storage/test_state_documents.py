import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.errors import InvalidRequest, StateTooLarge
from proxy.storage.state_documents import (
    COMPRESSED,
    LONGEST_ID,
    PLAIN,
    Packed,
    encoded,
    expect_readable,
    item_documents,
    item_keys,
    key_of,
    packed,
    response_document,
    turn_items,
    unpacked,
)
from proxy.storage.state_records import Item, Stored


@given(st.text(max_size=200))
def test_every_id_has_a_key_of_its_own_that_fits(identity: str) -> None:
    key = key_of(identity)
    assert len(key) <= LONGEST_ID
    assert key.isascii()
    assert "\0" not in key
    assert key_of(key) == key
    assert key == identity or key.startswith("#")


def test_keys_differ_where_ids_do() -> None:
    strange = ["é", "e", "\0", "\ud800", "\ud801", "x" * 128, "x" * 129, "x" * 130, ""]
    assert len(set(map(key_of, strange))) == len(strange)


async def test_small_documents_are_plain_and_others_compressed() -> None:
    assert await packed(b"{}") == Packed(PLAIN + b"{}", 2)
    raw = codec.encode(["word"] * 1000)
    document, size = await packed(raw)
    assert document.startswith(COMPRESSED)
    assert size == len(raw) > 10 * len(document)
    assert await unpacked(document) == ["word"] * 1000


async def test_a_response_is_measured_with_its_input() -> None:
    stored = Stored("r", "acme", 0, "completed", {"a": 1}, [{"id": "b"}])
    document = await response_document(stored, 19)
    assert await unpacked(document.document) == {"response": {"a": 1}, "input": [{"id": "b"}]}
    with pytest.raises(StateTooLarge, match="has 20 bytes, and no more than 19"):
        await response_document(Stored("r", "acme", 0, "completed", {"a": 10}, [{"id": "b"}]), 19)


async def test_items_without_an_id_and_references_have_no_key() -> None:
    given: list[Item] = [
        {"id": "b"},
        {"id": 1},
        {},
        {"id": "a"},
        {"id": "c", "type": "item_reference"},
        {"id": "b", "n": 2},
    ]
    assert item_keys(given) == ["a", "b"]
    documents = await item_documents(given, 100)
    assert list(documents) == ["b", "a"]
    assert await unpacked(documents["b"].document) == {"id": "b", "n": 2}


def test_a_response_without_output_is_its_input() -> None:
    assert turn_items(Stored("r", "acme", 0, "queued", {"output": None}, [{"id": "a"}])) == [{"id": "a"}]


def test_what_cannot_be_written_is_the_clients_fault() -> None:
    with pytest.raises(InvalidRequest):
        encoded(2**70)


def test_what_is_read_at_once_has_a_bound() -> None:
    expect_readable(400, 100, "It")
    with pytest.raises(StateTooLarge, match="It has 401 bytes, and no more than 400 are used at once"):
        expect_readable(401, 100, "It")
