"""Names that clients make up are bounded, by tenant and day; what was consumed is always told by its model."""

from dataclasses import replace

from proxy.accounts.ledger import Record
from proxy.accounts.names import DAY, OTHER_FIELDS, TOLD, Names
from proxy.usage import NOTHING, Usage

RECORD = Record("req_1", 20.0 * DAY, tenant="acme", model="m0", changes=(("store", "dropped"),))
USAGE = Usage(1, 1, source="upstream")


def test_the_first_names_of_a_tenant_are_kept_and_further_ones_count_together() -> None:
    names = Names(fields=2)
    given = (("store", "dropped"), ("a", "lossy"), ("b", "lossy"), ("c", "lossy"), ("d", "dropped"))
    others = ((OTHER_FIELDS, "lossy"), (OTHER_FIELDS, "dropped"))
    assert names.of(replace(RECORD, changes=given), USAGE).changes == (*given[:2], *others)
    assert names.of(replace(RECORD, changes=given[:2]), USAGE).changes == given[:2], "these are known"
    assert names.of(replace(RECORD, changes=given[2:3]), USAGE).changes == others[:1]
    assert names.of(replace(RECORD, changes=given[2:3], tenant="beta"), USAGE).changes == given[2:3]


def test_the_next_day_has_names_of_its_own_and_an_older_request_does_not_bring_the_day_before_back() -> None:
    names = Names(fields=1)
    for at, fields, kept in ((20.0, "ab", "a"), (21.0, "bc", "b"), (20.9, "c", "")):
        record = replace(RECORD, started_at=at * DAY, changes=tuple((field, "lossy") for field in fields))
        expected = tuple((field, "lossy") for field in (*kept, OTHER_FIELDS))
        assert names.of(record, USAGE).changes == expected


def test_a_clock_that_was_wrong_once_does_not_keep_the_names_of_that_day() -> None:
    names = Names(fields=1)
    for at, field in ((9000.0, "a"), (20.0, "b"), (21.0, "c")):
        record = replace(RECORD, started_at=at * DAY, changes=((field, "lossy"),))
        assert names.of(record, USAGE).changes == ((field, "lossy"),)


def test_models_that_consumed_nothing_are_bounded_and_those_that_did_are_not() -> None:
    names = Names(models=2)
    told = [names.of(replace(RECORD, model=f"m{number}"), NOTHING).model for number in (0, 1, 2, 0)]
    assert told == ["m0", "m1", "", "m0"]
    assert names.of(replace(RECORD, model="m2"), USAGE).model == "m2"


def test_nothing_done_and_no_model_is_nothing_to_tell() -> None:
    assert Names().of(replace(RECORD, model="", changes=()), NOTHING) == ("", ())


def test_however_many_kinds_of_changes_there_are_all_are_told() -> None:
    names = Names()
    for number in range(2 * TOLD + 1):
        changes = tuple((f"f{bit}", "lossy" if number >> bit & 1 else "dropped") for bit in range(10))
        assert names.of(replace(RECORD, changes=changes), USAGE).changes == changes
    assert len(names._seen["acme"].told) <= TOLD
