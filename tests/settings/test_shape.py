from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from proxy.settings.shape import FieldsOf, Shape, find, section, shape, walk


class Leaf(BaseModel, extra="forbid"):
    name: str = ""
    count: Annotated[int, Field(ge=0)] = 0


class Tree(BaseModel):
    leaf: Leaf = Leaf()
    leaves: tuple[Leaf, ...] = ()
    named: Mapping[str, Leaf] = {}
    given: Annotated[Mapping[str, Any], FieldsOf(Leaf)] = {}
    path: Path | None = None


@pytest.mark.parametrize(
    ("annotation", "kind", "optional"),
    [
        (int, "value", False),
        (str, "text", False),
        (SecretStr, "text", False),
        (Path | None, "text", True),
        (Optional[int], "value", True),  # noqa: UP045 - the older spelling has another origin
        (Literal["a", "b"], "value", False),
        (Literal["a"] | int, "value", False),
        (Literal["a"] | int | None, "value", True),
        (tuple[str, ...], "list", False),
        (list[str], "list", False),
        (Mapping[str, int], "map", False),
        (Leaf, "section", False),
        (Annotated[Leaf | None, "mark"], "section", True),
        (Annotated[Mapping[str, Any], FieldsOf(Leaf)], "section", False),
    ],
)
def test_an_annotation_has_a_shape(annotation: Any, kind: str, optional: bool) -> None:  # noqa: FBT001 - a table's column
    found = shape(annotation)
    assert (found.kind, found.optional) == (kind, optional)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((), "section"),
        (("leaf", "count"), "value"),
        (("leaves", 3, "name"), "text"),
        (("named", "any name", "name"), "text"),
        (("given", "count"), "value"),
    ],
)
def test_steps_lead_to_a_shape(steps: tuple[str | int, ...], kind: str) -> None:
    found = find(section(Tree), steps)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("steps", [("leef",), ("leaf", "count", "deeper"), ("leaf", "x", "y"), (0,)])
def test_steps_can_lead_nowhere(steps: tuple[str | int, ...]) -> None:
    assert find(section(Tree), steps) is None


def test_only_sections_have_names() -> None:
    assert section(Leaf).names() == ("name", "count")
    assert Shape("list", item=section(Leaf)).names() == ()


def test_every_setting_is_walked_in_order() -> None:
    assert [each.path for each in walk(Tree)] == [
        *("leaf", "leaf.name", "leaf.count", "leaves", "leaves[].name", "leaves[].count"),
        *("named", "named.*.name", "named.*.count", "given", "given.name", "given.count", "path"),
    ]
    assert [each.path for each in walk(Tree, closed=(Leaf,))] == ["leaf", "leaves", "named", "given", "path"]


def test_fields_of_a_model_are_kept_as_given_and_checked_in_place() -> None:
    assert Tree(given={"count": 3}).given == {"count": 3}
    with pytest.raises(ValidationError) as caught:
        Tree(given={"count": -1, "cuont": 1})
    assert [error["loc"] for error in caught.value.errors()] == [("given", "count"), ("given", "cuont")]
