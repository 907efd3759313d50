"""Requests that are alike are bound together; that all of them arrive as they are is in `test_ledger`."""

import re

import pytest

from proxy.accounts.entries import COLUMNS
from proxy.storage.groups import OWN, RULES, SHARED, SIZES, Neighbours, groups, insertion
from tests.storage.ledgers import invented, made


def test_every_column_is_in_one_of_two_places_and_has_a_rule() -> None:
    assert sorted((*SHARED, *OWN)) == sorted(COLUMNS)
    assert set(RULES) == set(COLUMNS)
    assert SIZES[-1] == 1, "else some would be left over"


@pytest.mark.parametrize("size", SIZES)
def test_a_statement_binds_what_is_shared_once_and_the_rest_for_each_row(size: int) -> None:
    statement = insertion(size)
    assert statement.count("?") == len(SHARED) + size * len(OWN)
    assert not re.search(r"\?\d", statement), "Python 3.14 takes no numbers with values in a row"


def test_rows_that_are_alike_are_one_group_and_no_row_is_left_out() -> None:
    rows = [tuple(entry) for entry in invented(200)]
    found = groups(rows)
    assert len({group.shared for group in found}) == len(found) > 1
    ids = [name for group in found for name in group.own[OWN.index("id")]]
    assert set(ids) == {row[0] for row in rows}
    assert len(ids) == len(rows)
    (alike,) = groups([tuple(made(f"req_{number}", bytes_in=number)) for number in range(87)])
    bound = list(alike.bound())
    assert [size for size, _ in bound] == [64, 16, 4, 1, 1, 1]
    assert all(len(values) == len(SHARED) + size * len(OWN) for size, values in bound)
    assert {values[: len(SHARED)] for _, values in bound} == {alike.shared}


def test_one_that_is_there_twice_is_taken_as_it_came_first() -> None:
    rows = [tuple(made("req_1", bytes_in=number)) for number in (7, 8)]
    (group,) = groups(rows)
    assert group.own[OWN.index("bytes_in")] == (7,)


def test_those_that_are_alike_stand_together_wherever_they_came() -> None:
    neighbours, rows = Neighbours(), [tuple(made(f"req_{number}", model=f"m{number % 10}")) for number in range(200)]
    for at in range(0, 200, 32):
        neighbours.add(rows[at : at + 32])
    found = neighbours.rows()
    assert sorted(found) == sorted(rows)
    assert len(groups(found[:40])) == 2, "of ten models"
    with pytest.raises(ValueError, match="another kind"):
        neighbours.add([tuple(made("req_x")._replace(model=["no text"]))])  # type: ignore[arg-type]
