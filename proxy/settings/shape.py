"""What a setting looks like from outside: a section, a list, a map, a text or another value.

Read off the annotations of the models, so that environment variables, hints and documentation follow the settings
by themselves.
"""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, GetCoreSchemaHandler, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

Kind = Literal["section", "list", "map", "text", "value"]


@dataclass(frozen=True, slots=True)
class FieldsOf:
    """Marks a map whose keys are the fields of `model`: validated as the model, kept as what was really given."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # a ValidationError raised in a validator keeps its own places, below that of the map
        return core_schema.no_info_before_validator_function(self.given, handler(source))

    def given(self, value: Any) -> dict[str, Any]:
        """The validated values of what stands there. Raises pydantic's ValidationError."""
        return self.model.model_validate(value).model_dump(exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Shape:
    """One setting's form.

    Attributes:
        kind: what it is.
        model: the model of a section, None otherwise.
        item: the shape of a list's items or a map's values, None otherwise.
        optional: whether null means something of its own here.
        type: the bare type of a text or value.
    """

    kind: Kind
    model: type[BaseModel] | None = None
    item: "Shape | None" = None
    optional: bool = False
    type: Any = None

    def child(self, step: str | int) -> "Shape | None":
        """The shape one step further in, None if there is no such setting."""
        if self.kind == "section" and self.model is not None and isinstance(step, str):
            found = self.model.model_fields.get(step)
            return shape_of(found) if found is not None else None
        return self.item

    def names(self) -> tuple[str, ...]:
        """The settings of a section; nothing for other kinds."""
        return tuple(self.model.model_fields) if self.model is not None else ()


def shape_of(field: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return shape(field.annotation, field.metadata)


def section(model: type[BaseModel]) -> Shape:
    """The shape of a model as a whole."""
    return Shape("section", model=model)


def shape(annotation: Any, metadata: typing.Sequence[Any] = ()) -> Shape:
    """The shape of an annotation and what stood beside it in `Annotated`."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return shape(arguments[0], arguments[1:])
    if origin in {typing.Union, types.UnionType}:
        return _either(annotation, [each for each in arguments if each is not type(None)], metadata)
    for mark in metadata:
        if isinstance(mark, FieldsOf):
            return section(mark.model)
    if origin in {tuple, list}:
        return Shape("list", item=shape(arguments[0]))
    if origin is Mapping:
        return Shape("map", item=shape(arguments[1]))
    return _simple(annotation)


def _either(annotation: Any, kinds: list[Any], metadata: typing.Sequence[Any]) -> Shape:
    """The shape of a union: of `X | None` that of X, of several plain types a value."""
    if len(kinds) > 1:
        return Shape("value", optional=type(None) in typing.get_args(annotation), type=annotation)
    inner = shape(kinds[0], metadata)
    return Shape(inner.kind, inner.model, inner.item, optional=True, type=inner.type)


def _simple(annotation: Any) -> Shape:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return section(annotation)
    kind: Kind = "text" if annotation in {str, Path, SecretStr} else "value"
    return Shape(kind, type=annotation)


def find(start: Shape, steps: typing.Iterable[str | int]) -> Shape | None:
    """The shape at the end of some steps, None where there is nothing."""
    here: Shape | None = start
    for step in steps:
        if here is None:
            return None
        here = here.child(step)
    return here


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the whole tree: `tenants[].keys[].name`, with `*` for the free names of a map."""

    path: str
    field: FieldInfo
    shape: Shape


def walk(model: type[BaseModel], closed: tuple[type[BaseModel], ...] = (), prefix: str = "") -> Iterator[Setting]:
    """Every setting of a model in its order, each section before what is in it; `closed` models are not entered."""
    for name, field in model.model_fields.items():
        setting = Setting(prefix + name, field, shape_of(field))
        yield setting
        inner, path = setting.shape, setting.path
        while inner.item is not None:
            path += "[]" if inner.kind == "list" else ".*"
            inner = inner.item
        if inner.model is not None and not issubclass(inner.model, closed):
            yield from walk(inner.model, closed, f"{path}.")
