"""What of an item or a tool is left out, and how that is told."""

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.responses.draft import ResponseDraft, sealed_elsewhere
from proxy.translation.rules import Policy

KNOWN = frozenset({"role"})


def draft(policy: Policy | None = None) -> ResponseDraft:
    return ResponseDraft({}, policy or Policy(), [])


def test_what_goes_on_and_what_nobody_misses_is_not_told() -> None:
    written = draft()
    written.leave_out("input[]", "input[0]", {"role": "user"}, KNOWN)
    written.leave_out("input[]", "input[0]", {"role": "user", "id": "msg_1", "mood": None, "x": []}, KNOWN)
    assert written.changes == []


def test_what_is_left_out_is_told_once_with_its_reason() -> None:
    written = draft()
    for index in range(2):
        written.leave_out("input[]", f"input[{index}]", {"role": "user", "phase": "p", "mood": "good"}, KNOWN)
    assert written.changes.header() == "dropped=input[].phase; lossy=input[].*"


def test_what_may_be_missed_is_refused_where_the_operator_says_so() -> None:
    strict = draft(Policy(fields={"input": "refuse"}))
    strict.leave_out("input[]", "input[3]", {"role": "user", "phase": "p"}, KNOWN)
    with pytest.raises(InvalidRequest) as fault:
        strict.leave_out("input[]", "input[3]", {"role": "user", "mood": "good"}, KNOWN)
    assert fault.value.param == "input[3].mood"


def test_nothing_is_opened_where_there_is_nothing_to_open_with() -> None:
    assert sealed_elsewhere("x") is None
    assert draft().open("x") is None
