"""What the Responses API keeps: responses, where their items are, conversations, and how much of it each tenant has."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
COUNTED = sa.text("counted > 0")
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, length: int, *, primary: bool = False, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length), nullable=nullable, primary_key=primary)


def _big(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)


RESPONSES = sa.Table(
    "responses",
    METADATA,
    sa.Column("number", BIG, primary_key=True, autoincrement=True),
    _text("tenant", 64),
    _text("id", 128),
    _big("created_at"),
    _text("status", 16),
    _text("previous", 128, nullable=True),
    _text("conversation", 128, nullable=True),
    sa.Column("background", sa.Boolean, nullable=False),
    _text("key_id", 128),
    _text("worker", 128, nullable=True),
    _big("lease"),
    sa.Column("appended", sa.Boolean, nullable=False),
    sa.Column("saves", sa.Integer, nullable=False),
    _big("counted"),
    _big("size"),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("id", "tenant"),
    sa.Index(None, "tenant", "created_at", sqlite_where=COUNTED, postgresql_where=COUNTED),
)
sa.Index(
    None,
    RESPONSES.c.worker,
    sqlite_where=RESPONSES.c.worker.is_not(None),
    postgresql_where=RESPONSES.c.worker.is_not(None),
)
sa.Table(
    "response_items",
    METADATA,
    _text("tenant", 64, primary=True),
    _text("id", 128, primary=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Index(None, "number"),
    sqlite_with_rowid=False,
)
sa.Table(
    "conversations",
    METADATA,
    sa.Column("number", BIG, primary_key=True, autoincrement=True),
    _text("tenant", 64),
    _text("id", 128),
    _big("created_at"),
    _big("used_at"),
    _big("last"),
    _big("counted"),
    _big("size"),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant", "id"),
    sa.Index(None, "tenant", "used_at", sqlite_where=COUNTED, postgresql_where=COUNTED),
)
sa.Table(
    "conversation_items",
    METADATA,
    sa.Column("conversation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("tenant", 64),
    _text("id", 128),
    _big("added_at"),
    _big("counted"),
    _big("size"),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant", "id", "conversation"),
)
sa.Table(
    "state_sizes",
    METADATA,
    _text("tenant", 64, primary=True),
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    _big("bytes"),
)


def upgrade() -> None:
    """Make the tables; documents are compressed already, and PostgreSQL need not try it again."""
    connection = op.get_bind()
    METADATA.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        for name in ("responses", "conversations", "conversation_items"):
            connection.exec_driver_sql(f"ALTER TABLE {name} ALTER COLUMN document SET STORAGE EXTERNAL")
