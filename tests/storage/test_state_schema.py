from sqlalchemy import LargeBinary, PrimaryKeyConstraint, String, UniqueConstraint

from proxy.storage.schema import METADATA
from proxy.storage.state_documents import LONGEST_ID
from proxy.storage.state_schema import CONVERSATION_ITEMS, CONVERSATIONS, RESPONSE_ITEMS, RESPONSES, STATE


def test_every_table_is_in_the_schema_and_knows_whose_a_row_is() -> None:
    for table in STATE:
        assert METADATA.tables[table.name] is table
        assert "tenant" in table.c


def test_every_key_fits() -> None:
    for column in (RESPONSES.c.previous, RESPONSES.c.conversation, *(table.c.id for table in STATE[:4])):
        assert isinstance(column.type, String)
        assert column.type.length == LONGEST_ID


def test_documents_stand_last() -> None:
    """So that SQLite reads the other columns without the pages of a document."""
    for table in (RESPONSES, CONVERSATIONS, CONVERSATION_ITEMS):
        *others, last = table.columns
        assert isinstance(last.type, LargeBinary)
        assert not any(isinstance(column.type, LargeBinary) for column in others)


def test_whatever_is_looked_for_has_an_index() -> None:
    found = set()
    for table in (RESPONSES, CONVERSATIONS, CONVERSATION_ITEMS, RESPONSE_ITEMS):
        unique = [each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint)]
        found |= {tuple(each.columns.keys()) for each in (*unique, *table.indexes)}
    assert {("id", "tenant"), ("tenant", "id"), ("tenant", "id", "number"), ("tenant", "id", "conversation")} <= found
    assert {("tenant", "created_at"), ("tenant", "used_at"), ("worker",), ("number",)} <= found
