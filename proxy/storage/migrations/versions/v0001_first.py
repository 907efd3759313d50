"""The first schema: tenants, keys, credentials, limits, budgets, admin tokens, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _id() -> "sa.Column[str]":
    return sa.Column("id", sa.String(64), primary_key=True)


def _text(name: str, length: int, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=nullable)


def _times() -> "tuple[sa.Column[int], sa.Column[int]]":
    created_at = sa.Column("created_at", sa.BigInteger, nullable=False)
    return created_at, sa.Column("revision", sa.Integer, nullable=False)


META = sa.Table(
    "meta", METADATA, sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
sa.Table(
    "tenants",
    METADATA,
    _id(),
    _text("name", 256),
    sa.Column("rules", sa.JSON, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("archived_at", sa.BigInteger),
    *_times(),
)
sa.Table(
    "service_accounts",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("name", 256),
    *_times(),
    sa.Index(None, "tenant"),
)
sa.Table(
    "keys",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("name", 64),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    _text("last4", 4),
    _text("owner", 256),
    *(sa.Column(name, sa.JSON, nullable=False) for name in ("tags", "endpoints", "models", "networks")),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
    _text("rotated_from", 64, nullable=True),
    _text("service_account", 64, nullable=True),
    *_times(),
    sa.UniqueConstraint("digest"),
    sa.UniqueConstraint("tenant", "name"),
)
sa.Table(
    "credentials",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("name", 64),
    _text("kind", 8),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    _text("last4", 4),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    *_times(),
    sa.UniqueConstraint("tenant", "name"),
)
sa.Table(
    "api_key_refs",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("provider", 64),
    _text("identifier", 256),
    *_times(),
    sa.UniqueConstraint("tenant", "provider"),
)
sa.Table(
    "limits",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("key", 64),
    _text("model", 256),
    *(
        sa.Column(name, sa.BigInteger)
        for name in (
            "requests_per_minute",
            "requests_per_day",
            "tokens_per_minute",
            "input_tokens_per_minute",
            "uncached_input_tokens_per_minute",
            "output_tokens_per_minute",
            "concurrent",
        )
    ),
    sa.Column("queue", sa.Integer, nullable=False),
    *_times(),
    sa.UniqueConstraint("tenant", "key", "model"),
)
sa.Table(
    "budgets",
    METADATA,
    _id(),
    _text("tenant", 64),
    _text("key", 64),
    sa.Column("micros", sa.BigInteger, nullable=False),
    _text("per", 8),
    sa.Column("soft", sa.Integer, nullable=False),
    *_times(),
    sa.UniqueConstraint("tenant", "key", "per"),
)
sa.Table(
    "spent",
    METADATA,
    sa.Column("budget", sa.String(256), primary_key=True),
    sa.Column("period", sa.BigInteger, primary_key=True),
    sa.Column("micros", sa.BigInteger, nullable=False),
)
sa.Table(
    "admin_tokens",
    METADATA,
    _id(),
    _text("name", 64),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    _text("last4", 4),
    _text("role", 16),
    _text("tenant", 64, nullable=True),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
    *_times(),
    sa.UniqueConstraint("digest"),
)
sa.Table(
    "audit",
    METADATA,
    sa.Column("id", BIG, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    _text("actor_id", 64),
    _text("actor_name", 256),
    _text("actor_role", 16),
    _text("address", 64),
    _text("action", 64),
    _text("object", 32),
    _text("object_id", 256),
    _text("tenant", 64, nullable=True),
    sa.Column("before", sa.JSON),
    sa.Column("after", sa.JSON),
    sa.Index(None, "tenant"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)
sa.Table(
    "idempotency",
    METADATA,
    sa.Column("actor", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(256), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index(None, "created_at"),
)

REFUSAL = "'the audit log is append-only'"
APPEND_ONLY = {  # the audit log can be added to and nothing else, by whatever program
    "sqlite": (
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, {REFUSAL}); END",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, {REFUSAL}); END",
    ),
    "postgresql": (
        f"""CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION {REFUSAL} USING ERRCODE = 'integrity_constraint_violation'; END $$""",
        # for each statement: TRUNCATE knows no rows
        """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
    ),
}


def upgrade() -> None:
    """Make everything, and the first generation."""
    connection = op.get_bind()
    METADATA.create_all(connection, checkfirst=False)
    for statement in APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    connection.execute(META.insert().values(name="generation", value="0"))
