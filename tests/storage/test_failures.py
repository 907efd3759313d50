import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from proxy.errors import StoreUnavailable
from proxy.storage.failures import LOST, NO_TABLES, POSTGRES_CAUSES, SQLITE_CAUSES, UNDONE, cause_of, in_our_words
from proxy.storage.refusals import BadAddress

SQL, SECRET = "SELECT secret FROM keys", "sk-secret"


class FromServer(Exception):
    def __init__(self, sqlstate: str | None, message: str = SECRET) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Coded(sqlite3.OperationalError):
    def __init__(self, code: int, message: str = SECRET) -> None:
        super().__init__(message)
        self.sqlite_errorcode = code


def wrapped(origin: BaseException, *, lost: bool = False) -> DBAPIError:
    return OperationalError(SQL, {"key": SECRET}, origin, connection_invalidated=lost)


def told(fault: Exception, **options: Any) -> str:
    with pytest.raises(StoreUnavailable) as raised, in_our_words(**options):
        raise fault
    assert raised.value.__suppress_context__
    assert SECRET not in raised.value.message
    assert "SELECT" not in raised.value.message
    return raised.value.message.removeprefix("The database cannot be used at the moment: ")


@pytest.mark.parametrize(("code", "cause"), SQLITE_CAUSES.items())
def test_causes_of_sqlite(code: int, cause: str) -> None:
    assert told(wrapped(Coded(code | 0x100))) == f"{cause}."
    assert told(Coded(code)) == f"{cause}."


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ("08006", POSTGRES_CAUSES["08"]),
        ("57P01", POSTGRES_CAUSES["57P"]),
        ("53100", POSTGRES_CAUSES["53100"]),
        ("53400", POSTGRES_CAUSES["53"]),
        ("40P01", POSTGRES_CAUSES["40"]),
        ("28P01", POSTGRES_CAUSES["28"]),
        ("42P01", NO_TABLES),
    ],
)
def test_causes_of_postgresql_by_state_or_its_class(state: str, cause: str) -> None:
    assert told(wrapped(FromServer(state))) == f"{cause}."


@pytest.mark.parametrize("state", ["23505", "42601", "22001"])
def test_a_statement_at_fault_stays_what_it_is(state: str) -> None:
    with pytest.raises(OperationalError), in_our_words():
        raise wrapped(FromServer(state))


@pytest.mark.parametrize(
    ("origin", "cause"),
    [
        (FromServer(None, "the underlying connection is closed"), LOST),
        (FromServer(None, "value out of int64 range"), None),
        (Coded(sqlite3.SQLITE_ERROR, "no such table: keys"), NO_TABLES),
        (Coded(sqlite3.SQLITE_ERROR, "no such savepoint: sa_savepoint_1"), UNDONE),
        (Coded(sqlite3.SQLITE_ERROR, 'near "x": syntax error'), None),
        (sqlite3.OperationalError("Connection closed"), LOST),
        (sqlite3.IntegrityError("UNIQUE"), None),
    ],
)
def test_words_of_drivers(origin: Exception, cause: str | None) -> None:
    assert cause_of(wrapped(origin)) == cause


def test_a_connection_that_was_given_up_was_lost() -> None:
    assert cause_of(wrapped(FromServer(None, "?"), lost=True)) == LOST


@pytest.mark.parametrize("fault", [PendingRollbackError("x"), InvalidatePoolError("x"), ConnectionResetError("x")])
def test_lost_in_the_middle(fault: Exception) -> None:
    assert told(fault) == f"{LOST}."


def test_a_full_pool() -> None:
    assert told(PoolTimeout("QueuePool limit of size 5")) == "too many transactions are under way."


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (TimeoutError(), "it does not answer"),
        (ConnectionRefusedError(), "nothing listens at its address"),
        (FileNotFoundError(), "nothing listens at its address"),
        (ConnectionResetError(), LOST),
        (OSError(113, "No route to host"), "it cannot be reached (No route to host)"),
        (OSError(SECRET), "it cannot be reached"),
    ],
)
def test_what_the_system_says_while_connecting(fault: Exception, cause: str) -> None:
    assert told(fault, connecting=True) == f"{cause}."


@pytest.mark.parametrize(
    ("fault", "connecting"),
    [
        (FileNotFoundError(), False),
        (BadAddress("x"), True),
        (ValueError(), True),
        (IntegrityError("x", {}, sqlite3.IntegrityError()), False),
        (Coded(sqlite3.SQLITE_MISMATCH), False),
    ],
)
def test_what_is_not_the_database_passes(fault: Exception, *, connecting: bool) -> None:
    with pytest.raises(type(fault)) as raised, in_our_words(connecting=connecting):
        raise fault
    assert raised.value is fault
