"""The same words mean the same on both databases."""

from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, String, text

from proxy.storage.database import Database
from proxy.storage.json_sql import POSTGRESQL, SQLITE, JsonSql
from tests.storage.databases import Open


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


def words(database: Database) -> JsonSql:
    return POSTGRESQL if database.location.path is None else SQLITE


async def ask(database: Database, query: str, **values: Any) -> list[Any]:
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query), values)]


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("model", "model"),
        ("messages[0].role", "messages[].role"),
        ("messages[12].content[345].image_url", "messages[].content[].image_url"),
        ("tools[0]", "tools[]"),
        ("a[][7]", "a[][]"),
        ("top_p2.x1[0]", "top_p2.x1[]"),
        ("logit_bias[50a]", "logit_bias[50a]"),
        ("a[b1].c", "a[b1].c"),
        ("1]x", "1]x"),
        ("a[1", "a[1"),
        ("a[[2]]", "a[[]]"),
        ('q"\\[3]é😀', 'q"\\[]é😀'),
        ("", ""),
    ],
)
async def test_a_path_without_its_indices(database: Database, path: str, bare: str) -> None:
    given = "CAST(:path AS text)"
    assert await ask(database, f"SELECT {words(database).without_indices(given)}", path=path) == [(bare,)]


async def test_items_of_lists(database: Database) -> None:
    json = words(database)
    columns = (
        json.item("row.value", 0, String(8)),
        json.item("row.value", 1, BigInteger()),
        f"CAST({json.item('row.value', 2, JSON())} AS text)",
    )
    query = f"SELECT {', '.join(columns)} FROM {json.each('row', ':rows')} ORDER BY row.key"  # noqa: S608 - the words above
    found = await ask(database, query, rows='[["a\\"b",9223372036854775807,{}],["",-1,[]],[null,null,null]]')
    assert found == [('a"b', 2**63 - 1, "{}"), ("", -1, "[]"), (None, None, None)]
