"""What all sections of the configuration have in common, and how a validator complains in plain words."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from proxy.settings.shape import shape_of

COMPLAINT = "complaint"
"""The type of pydantic errors that carry our own words."""

EMPTY: dict[str, Any] = {"section": {}, "list": (), "map": {}}


class Section(BaseModel):
    """A part of the configuration: unchangeable, and a name it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_heading(cls, value: Any, info: ValidationInfo) -> Any:
        """`streams:` with every line below commented out is null in YAML; it is meant as an empty section."""
        shape = shape_of(cls.model_fields[str(info.field_name)])
        if value is None and not shape.optional:
            return EMPTY.get(shape.kind)
        if isinstance(value, dict) and shape.kind == "map" and shape.item is not None and shape.item.kind == "section":
            return {name: {} if each is None else each for name, each in value.items()}
        return value


def complaint(message: str, hint: str = "") -> PydanticCustomError:
    """To be raised by a validator: what is wrong with its value, to be read after the setting's path, and a hint."""
    return PydanticCustomError(COMPLAINT, "{message}", {"message": message, "hint": hint})
