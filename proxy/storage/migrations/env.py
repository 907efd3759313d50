"""What Alembic runs to migrate: on the connection it was handed, within the transaction that is open there."""

from alembic import context

from proxy.storage.migrating import VERSION_TABLE


def migrate() -> None:
    """Run the versions that are missing."""
    context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
    context.run_migrations()


migrate()
