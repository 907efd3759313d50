"""Files, their contents where these are kept in the database, batches, and the lines of a batch that have ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

METADATA = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


def _text(name: str, length: int, *, primary: bool = False, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=nullable, primary_key=primary)


def _big(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _whole(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _number() -> "sa.Column[int]":
    return sa.Column("number", sa.Integer, primary_key=True, autoincrement=False)


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False)


sa.Table(
    "files",
    METADATA,
    _text("id", 64, primary=True),
    _text("tenant", 64),
    _text("purpose", 32),
    _text("filename", 512),
    _big("bytes"),
    _flag("ready"),
    _text("place", 16),
    _big("created_at"),
    _big("expires_at"),
    sa.Index(None, "tenant"),
    sa.Index(None, "expires_at"),
)
sa.Table(
    "file_pieces",
    METADATA,
    _text("file", 64, primary=True),
    _number(),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
sa.Table(
    "batches",
    METADATA,
    _text("id", 64, primary=True),
    *(_text(name, 64) for name in ("tenant", "key_id", "key", "endpoint", "input_file")),
    sa.Column("metadata", sa.JSON),
    _big("output_seconds", nullable=True),
    _text("status", 16),
    sa.Column("errors", sa.JSON),
    _text("output_file", 64, nullable=True),
    _text("error_file", 64, nullable=True),
    *map(_whole, ("total", "completed", "failed")),
    *map(_big, ("created_at", "expires_at")),
    *(_big(f"{name}_at", nullable=True) for name in ("in_progress", "finalizing", "completed", "failed", "expired")),
    *(_big(f"{name}_at", nullable=True) for name in ("cancelling", "cancelled")),
    _text("owner", 64),
    _big("lease"),
    _whole("epoch"),
    sa.Index(None, "tenant"),
    sa.Index(None, "status"),
)
sa.Table(
    "batch_lines",
    METADATA,
    _text("batch", 64, primary=True),
    _number(),
    _flag("good"),
    _whole("epoch"),
    _big("start"),
    _whole("size"),
    sa.Column("line", sa.LargeBinary),
)


def upgrade() -> None:
    """Make the tables."""
    METADATA.create_all(op.get_bind(), checkfirst=False)
