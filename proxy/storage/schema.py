"""The tables. Times are whole Unix seconds, money is whole micro-dollars, lists and maps are JSON.

Every table that the admin API changes has `revision`, counted up with each change, for `ETag` and `If-Match`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BIG = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only what is called INTEGER."""


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True)


def _times() -> tuple[Column[int], Column[int]]:
    return Column("created_at", BigInteger, nullable=False), Column("revision", Integer, nullable=False, default=1)


META = Table(  # one row per fact: generation, pepper_check, encryption_check
    "meta", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

TENANTS = Table(
    "tenants",
    METADATA,
    _id(),  # the name in metrics and logs, as in the configuration
    Column("name", String(256), nullable=False),  # for people
    Column("rules", JSON, nullable=False),  # what `tenants[]` of the configuration has beside id, keys and credentials
    Column("disabled", Boolean, nullable=False, default=False),
    Column("archived_at", BigInteger),
    *_times(),
)

SERVICE_ACCOUNTS = Table(  # OpenAI's way to make keys of a project
    "service_accounts",
    METADATA,
    _id(),
    Column("tenant", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    *_times(),
    Index(None, "tenant"),
)

KEYS = Table(
    "keys",
    METADATA,
    _id(),  # public: key_...
    Column("tenant", String(64), nullable=False),  # may be one of the configuration, so no foreign key
    Column("name", String(64), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # accounts.keys.peppered(): HMAC-SHA-256 of the key's SHA-256
    Column("last4", String(4), nullable=False),  # empty for imported digests
    Column("owner", String(256), nullable=False, default=""),
    Column("tags", JSON, nullable=False),  # map of text to text
    Column("endpoints", JSON, nullable=False),  # names of endpoints.py; empty = all
    Column("models", JSON, nullable=False),  # patterns of Telnyx ids; empty = all of the tenant's
    Column("networks", JSON, nullable=False),  # CIDR; empty = everywhere
    Column("expires_at", BigInteger),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("rotated_from", String(64)),  # the key that this one replaces
    Column("service_account", String(64)),
    *_times(),
    UniqueConstraint("digest"),
    UniqueConstraint("tenant", "name"),
)

CREDENTIALS = Table(  # Telnyx API keys of tenants
    "credentials",
    METADATA,
    _id(),
    Column("tenant", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("kind", String(8), nullable=False),  # env, file or sealed
    Column("reference", Text, nullable=False, default=""),  # name of the variable, path of the file
    Column("sealed", LargeBinary),  # Fernet token
    Column("last4", String(4), nullable=False, default=""),
    Column("weight", Integer, nullable=False, default=1),
    Column("disabled", Boolean, nullable=False, default=False),
    *_times(),
    UniqueConstraint("tenant", "name"),
)

API_KEY_REFS = Table(
    "api_key_refs",
    METADATA,
    _id(),  # tenant/provider
    Column("tenant", String(64), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("identifier", String(256), nullable=False),
    *_times(),
    UniqueConstraint("tenant", "provider"),
)

LIMITS = Table(
    "limits",
    METADATA,
    _id(),
    Column("tenant", String(64), nullable=False),
    Column("key", String(64), nullable=False, default=""),  # id of a key, empty for the whole tenant
    Column("model", String(256), nullable=False, default="*"),  # a pattern of Telnyx ids, counted together
    *(
        Column(name, BigInteger)
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
    Column("queue", Integer, nullable=False, default=0),
    *_times(),
    UniqueConstraint("tenant", "key", "model"),
)

BUDGETS = Table(
    "budgets",
    METADATA,
    _id(),
    Column("tenant", String(64), nullable=False),
    Column("key", String(64), nullable=False, default=""),
    Column("micros", BigInteger, nullable=False),
    Column("per", String(8), nullable=False),
    Column("soft", Integer, nullable=False, default=80),
    *_times(),
    UniqueConstraint("tenant", "key", "per"),
)

SPENT = Table(
    "spent",
    METADATA,
    Column("budget", String(256), primary_key=True),  # accounts.limits.BudgetGate.id
    Column("period", BigInteger, primary_key=True),
    Column("micros", BigInteger, nullable=False),
)

ADMIN_TOKENS = Table(
    "admin_tokens",
    METADATA,
    _id(),
    Column("name", String(64), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("role", String(16), nullable=False),
    Column("tenant", String(64)),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    *_times(),
    UniqueConstraint("digest"),
)

AUDIT = Table(  # append-only: triggers refuse UPDATE and DELETE
    "audit",
    METADATA,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("actor_name", String(256), nullable=False),
    Column("actor_role", String(16), nullable=False),
    Column("address", String(64), nullable=False, default=""),
    Column("action", String(64), nullable=False),  # key.created, tenant.updated, ...
    Column("object", String(32), nullable=False),  # key, tenant, ...
    Column("object_id", String(256), nullable=False),
    Column("tenant", String(64)),
    Column("before", JSON(none_as_null=True)),  # without secret columns; absent where it was created
    Column("after", JSON(none_as_null=True)),  # absent where it was deleted
    Index(None, "tenant"),
    Index(None, "at"),
    sqlite_autoincrement=True,  # an id is never given twice
)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("actor", String(64), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),  # SHA-256 of method, path and body
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),  # sealed: it may hold a key that is shown once
    Column("created_at", BigInteger, nullable=False),
    Index(None, "created_at"),
)
