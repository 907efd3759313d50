"""The vocabulary: changes, drafts and tables."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation import rules
from proxy.translation.changes import Change
from proxy.translation.checks import boolean, string
from proxy.translation.rules import (
    NOTE_LIMIT,
    Draft,
    Field,
    FieldTable,
    Policy,
    Verdict,
    unsupported,
    unsupported_value,
)


def draft(policy: Policy | None = None, /, **source: Any) -> Draft:
    return Draft(source, policy or Policy())


def lose(draft: Draft, name: str, value: Any) -> None:
    draft.lose(name, "It is unknown.")


def wrap(draft: Draft, name: str, value: Any) -> None:
    draft.body[name] = [value]
    draft.note("converted", name, reason="It goes in an array.")


# Drafts


def test_what_is_noted_once_is_noted_once() -> None:
    notes = draft()
    for reason in ("One.", "One.", "Two."):
        notes.note_once("dropped", "a", reason)
    assert notes.changes == [Change("dropped", "a", reason="One."), Change("dropped", "a", reason="Two.")]


def test_the_number_of_notes_is_bounded() -> None:
    notes = draft()
    for number in range(2 * NOTE_LIMIT):
        notes.lose(f"x{number}", "It is unknown.")
    assert len(notes.changes) == NOTE_LIMIT


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (Policy(), False),
        (Policy(unsupported="refuse"), True),
        (Policy(fields={"tools": "refuse"}), True),
        (Policy(unsupported="refuse", fields={"tools": "drop"}), False),
        (Policy(fields={"messages": "refuse"}), False),
    ],
)
def test_a_loss_is_told_or_refused_as_the_policy_says(*, policy: Policy, refused: bool) -> None:
    lossy = draft(policy)
    if not refused:
        lossy.lose("tools[].*", "It is unknown.", "tools", "tools[3].x")
        assert lossy.changes == [Change("lossy", "tools[].*", reason="It is unknown.")]
        return
    with pytest.raises(InvalidRequest) as caught:
        lossy.lose("tools[].*", "It is unknown.", "tools", "tools[3].x")
    assert (caught.value.param, caught.value.code) == ("tools[3].x", "unsupported_parameter")


@pytest.mark.parametrize(("name", "column"), [("tools[].*", "tools"), ("reasoning.*", "reasoning"), ("x", "x")])
def test_unknown_parts_of_an_object_are_lost_under_the_field_they_stand_in(name: str, column: str) -> None:
    lossy = draft()
    lossy.lose_others(name, "at", {"known": 1, "null": None, "odd": 2, "odder": 3}, ("known",))
    assert lossy.changes.header() == f"lossy={name}"
    strict = draft(Policy(fields={column: "refuse"}))
    with pytest.raises(InvalidRequest) as caught:
        strict.lose_others(name, "at", {"odd" * 100: 2}, ())
    assert (caught.value.param or "").startswith("at.oddodd")
    assert len(caught.value.param or "") < 100


def test_a_refusal_is_in_openais_words() -> None:
    assert unsupported("audio", "No sound.").envelope()["error"] == {
        "message": "Unsupported parameter: 'audio' is not supported with this model. No sound.",
        "type": "invalid_request_error",
        "param": "audio",
        "code": "unsupported_parameter",
    }
    assert unsupported("audio", "").message.endswith("with this model.")
    assert unsupported_value("modalities", "audio", "No sound.").envelope()["error"] == {
        "message": "Unsupported value: 'modalities' does not support 'audio' with this model. No sound.",
        "type": "invalid_request_error",
        "param": "modalities",
        "code": "unsupported_value",
    }


# Tables


def keep_doubled(draft: Draft, name: str, value: Any) -> None:
    draft.body[name] = value * 2


def rename(draft: Draft, name: str, value: Any) -> None:
    draft.body["new"] = value
    draft.note("renamed", name, "new")


def see(draft: Draft, name: str, value: Any) -> None:
    draft.body.setdefault("seen", []).append((name, sorted(draft.body)))


TABLE = FieldTable(
    (
        rules.convert("late", see, "It looks at the others.", sends=("seen",), late=True),
        rules.keep("kept", string),
        rules.keep("bare"),
        rules.keep("doubled", string, function=keep_doubled),
        rules.rename("old", "new", string, "It is the new name.", function=rename),
        rules.convert("converted", wrap, "It goes in an array."),
        rules.emulate("emulated", see, "It is done here.", sends=("seen",)),
        rules.drop("dropped", "It is harmless.", check=string),
        rules.lossy("lossy", "It is missed."),
        rules.refuse("refused", "It cannot be."),
        rules.refuse("allowed", "It depends.", function=wrap, sends=("allowed",)),
        rules.emulate("later", see, "It looks at the others.", late=True),
    ),
    lose,
)


def applied(policy: Policy | None = None, /, **source: Any) -> Draft:
    one = draft(policy, **source)
    TABLE.apply(one)
    return one


@pytest.mark.parametrize(
    ("source", "body", "header"),
    [
        ({"kept": "a"}, {"kept": "a"}, ""),
        ({"bare": 5}, {"bare": 5}, ""),
        ({"doubled": "a"}, {"doubled": "aa"}, ""),
        ({"old": "a"}, {"new": "a"}, "renamed=old>new"),
        ({"converted": "a"}, {"converted": ["a"]}, "converted=converted"),
        ({"dropped": "a"}, {}, "dropped=dropped"),
        ({"lossy": "a"}, {}, "lossy=lossy"),
        ({"allowed": "a"}, {"allowed": ["a"]}, "converted=allowed"),
        ({"never heard of": 1}, {}, "lossy=never heard of"),
    ],
)
def test_every_field_meets_its_fate(source: dict[str, Any], body: dict[str, Any], header: str) -> None:
    before = dict(source)
    one = applied(**source)
    assert (one.body, one.changes.header()) == (body, header)
    assert source == before


@pytest.mark.parametrize("name", ["kept", "doubled", "old", "dropped"])
def test_a_value_is_checked_whatever_its_fate(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Invalid type for '{name}'"):
        applied(**{name: 5})


def test_a_lossy_field_is_checked_too() -> None:
    table = FieldTable((rules.lossy("lossy", "It is missed.", check=boolean),), lose)
    with pytest.raises(InvalidRequest, match="Invalid type"):
        table.apply(draft(lossy=1))


def test_a_refused_field_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"'refused' is not supported with this model\. It cannot be\."):
        applied(refused=1)


def test_late_rows_see_all_others_and_run_in_the_order_of_the_table() -> None:
    expected = [("late", ["kept", "seen"]), ("later", ["kept", "new", "seen"])]
    assert applied(later=1, late=1, kept="a", old="b").body["seen"] == expected
    assert applied(kept="a", late=1, old="b", later=1).body["seen"] == expected


def test_a_table_knows_its_fields_and_what_they_may_send() -> None:
    assert "kept" in TABLE
    assert "never heard of" not in TABLE
    assert TABLE.sends() == {"kept", "bare", "doubled", "new", "converted", "seen", "allowed"}


def test_a_field_has_one_row() -> None:
    with pytest.raises(ValueError, match="two rows"):
        FieldTable((rules.keep("a"), rules.drop("a", "It is harmless.")), lose)


@pytest.mark.parametrize("verdict", [Verdict.CONVERT, Verdict.EMULATE])
def test_a_row_that_needs_a_function_has_one(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="the row of a has no function"):
        FieldTable((Field("a", verdict, "It cannot be done."),), lose)
