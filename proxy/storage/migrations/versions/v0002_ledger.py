"""The ledger: single requests, their sums by hour and by day, and the prices they were counted with."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

METADATA = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


def _text(name: str, length: int, *, primary: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=False, primary_key=primary)


def _big(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _number(name: str, kind: Any) -> "sa.Column[int]":
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _table(name: str, *columns: "sa.Column[Any]", **others: Any) -> sa.Table:
    numbers = [column.name for column in columns if isinstance(column.type, sa.Integer)]
    refused = " AND ".join(f"typeof({number}) IN ('integer', 'null')" for number in numbers)
    check = sa.CheckConstraint(refused, f"ck_{name}_numbers").ddl_if(dialect="sqlite")
    return sa.Table(name, METADATA, *columns, check, **others)


REQUESTS = sa.Table(
    "requests",
    METADATA,
    _text("id", 64, primary=True),
    _number("started_us", sa.BigInteger),
    _text("tenant", 64),
    _text("key_id", 128),
    _text("key", 64),
    _text("end_user", 64),
    sa.Column("tags", sa.JSON, nullable=False),
    _text("endpoint", 64),
    _text("model_asked", 256),
    _text("model", 256),
    _text("provider", 64),
    _text("service_tier", 64),
    _text("region", 64),
    sa.Column("status", sa.SmallInteger, nullable=False),
    _text("error_code", 256),
    sa.Column("stream", sa.SmallInteger, nullable=False),
    _text("stream_end", 32),
    *map(_big, ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")),
    *map(_big, ("audio_ms", "characters")),
    _text("source", 16),
    _big("cost_micros", nullable=True),
    _big("charged_micros", nullable=True),
    _text("price", 64),
    *map(_big, ("duration_us", "overhead_us")),
    _big("first_token_us", nullable=True),
    sa.Column("duration_bin", sa.SmallInteger, nullable=False),
    sa.Column("first_token_bin", sa.SmallInteger),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("repairs", sa.JSON, nullable=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Column("violations", sa.Integer, nullable=False),
    _text("client", 64),
    _text("upstream_request_id", 256),
    _text("client_request_id", 256),
    _text("trace_id", 64),
    *map(_big, ("bytes_in", "bytes_out")),
    postgresql_partition_by="RANGE (started_us)",
)
sa.Index(None, REQUESTS.c.started_us)
sa.Index(None, REQUESTS.c.tenant, REQUESTS.c.started_us)

SUMS = (
    *("requests", "streams", "aborted", "broken", "unpriced"),
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("audio_ms", "characters", "cost_micros", "charged_micros", "duration_us", "overhead_us", "bytes_in", "bytes_out"),
)

for width in ("hourly", "daily"):
    _table(
        f"usage_{width}",
        _number("bucket", sa.BigInteger),
        _text("tenant", 64, primary=True),
        _text("key_id", 128, primary=True),
        _text("endpoint", 64, primary=True),
        _text("model", 256, primary=True),
        _text("provider", 64, primary=True),
        _text("service_tier", 64, primary=True),
        _text("region", 64, primary=True),
        _number("status", sa.SmallInteger),
        _text("source", 64, primary=True),
        *map(_big, SUMS),
        sqlite_with_rowid=False,
    )
    _table(
        f"latency_{width}",
        _number("bucket", sa.BigInteger),
        _text("tenant", 64, primary=True),
        _text("key_id", 128, primary=True),
        _text("endpoint", 64, primary=True),
        _text("model", 256, primary=True),
        _text("measure", 16, primary=True),
        _number("bin", sa.SmallInteger),
        _big("requests"),
        sqlite_with_rowid=False,
    )
    _table(
        f"changes_{width}",
        _number("bucket", sa.BigInteger),
        _text("tenant", 64, primary=True),
        _text("key_id", 128, primary=True),
        _text("model", 256, primary=True),
        _text("field", 256, primary=True),
        _text("verdict", 32, primary=True),
        _big("requests"),
        sqlite_with_rowid=False,
    )

sa.Table(
    "prices",
    METADATA,
    _text("version", 64, primary=True),
    _text("model", 256),
    sa.Column("figures", sa.JSON, nullable=False),
    _big("seen_at"),
)


def upgrade() -> None:
    """Make the tables; on PostgreSQL also the partition for requests whose day has none of its own."""
    connection = op.get_bind()
    METADATA.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("CREATE TABLE requests_default PARTITION OF requests DEFAULT")
