from collections.abc import Mapping

import pytest
from pydantic import Field, ValidationError

from proxy.settings.section import COMPLAINT, Section, complaint


class Inner(Section):
    depth: int = 1


class Outer(Section):
    inner: Inner = Field(default_factory=Inner)
    maybe: Inner | None = Field(default_factory=Inner)
    items: tuple[int, ...] = (1,)
    names: Mapping[str, int] = Field(default_factory=lambda: {"a": 1})
    inners: Mapping[str, Inner] = Field(default_factory=dict)


def test_an_empty_heading_is_an_empty_section() -> None:
    """`inner:` with all lines below it commented out is null in YAML."""
    outer = Outer.model_validate({"inner": None, "maybe": None, "items": None, "names": None})
    assert outer == Outer(inner=Inner(), maybe=None, items=(), names={})
    assert Outer.model_validate({"inners": {"a": None}}).inners == {"a": Inner()}


def test_a_number_is_not_empty_by_null() -> None:
    with pytest.raises(ValidationError):
        Inner.model_validate({"depth": None})


def test_sections_do_not_change_and_know_their_names() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Inner().depth = 2  # type: ignore[misc]  # that it cannot be done is the point
    with pytest.raises(ValidationError, match="extra"):
        Inner.model_validate({"dpeth": 1})


def test_a_complaint_carries_message_and_hint() -> None:
    error = complaint("is odd", "use {braces}")
    assert (error.type, error.message()) == (COMPLAINT, "is odd")
    assert error.context == {"message": "is odd", "hint": "use {braces}"}


def test_errors_do_not_show_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({"depth": "canary-canary"})
    assert "canary" not in str(caught.value)
