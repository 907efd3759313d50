"""Why a database is not used at all: told at the start, to an operator, who can do something about it.

    OSError
    └── StorageRefused
        ├── BadAddress       storage.url names no database that can be used
        ├── MissingDriver    the extra `postgres` is not installed
        ├── SchemaMismatch   the tables are not those of this program
        ├── SecretRefused    a pepper or an encryption key is missing, wrong, or open to everybody
        ├── BackupRefused    a backup cannot be made or restored
        ├── OtherDatabase    the spool belongs to another database
        └── InUse            another server has the SQLite file

They are OSErrors because the command line tells those in one line and ends with 1. What goes wrong later, while the
database is in use, is `errors.StoreUnavailable`.
"""


class StorageRefused(OSError):
    """The database cannot be used as things are; the message says what to do."""


class BadAddress(StorageRefused):
    """`storage.url` names no database that can be used."""


class MissingDriver(StorageRefused):
    """The driver of the database is not installed."""


class SchemaMismatch(StorageRefused):
    """The tables are not those of this program: older, newer, or not whole."""


class SecretRefused(StorageRefused):
    """The pepper or an encryption key is missing, wrong, or open to everybody."""


class BackupRefused(StorageRefused):
    """A backup cannot be made or restored."""


class InUse(StorageRefused):
    """Another server works on the same SQLite file."""
