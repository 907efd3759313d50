"""Pydantic's errors in plain words."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from proxy.settings.faults import Fault, Location, nearest, path_text, suggest
from proxy.settings.request import ELSEWHERE, Caps, RequestFields
from proxy.settings.secrets import Secret
from proxy.settings.section import COMPLAINT
from proxy.settings.shape import find, section, walk

KEY = "[key]"
"""What pydantic appends to the place of a map's key."""

Context = Mapping[str, Any]

QUOTE = "put it in quotes if it looks like a number, true or null"


def explain(error: ValidationError, root: type[BaseModel]) -> list[Fault]:
    """A fault for every error; `root` is the model that was validated."""
    return [_fault(each, root) for each in error.errors(include_url=False, include_input=False)]


def location_of(error: ErrorDetails) -> Location:
    """Where the error is, without pydantic's own marks."""
    location = error["loc"]
    return location[:-1] if location and location[-1] == KEY else location


def _fault(error: ErrorDetails, root: type[BaseModel]) -> Fault:
    location = location_of(error)
    path = path_text(location)
    context = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return _unknown(location, root)
    if error["type"] == COMPLAINT:
        return Fault(path, context["message"], context["hint"])
    if error["loc"] != location:
        return Fault(path, "is no usable name", "names in a map are texts and not empty")
    say = _WORDS.get(error["type"])
    message, hint = say(context) if say is not None else ("is not valid here", "")
    return Fault(path, message, hint)


def _unknown(location: Location, root: type[BaseModel]) -> Fault:
    """A name that is no setting, with the nearest one: in the same section, else anywhere."""
    *around, last = location
    name = str(last)
    parent = find(section(root), around)
    known = parent.names() if parent is not None else ()
    path = path_text(location)
    if parent is not None and parent.model is not None and issubclass(parent.model, Caps):
        return Fault(path, "is not a request field that can stand here", _request_hint(name, parent.model))
    if nearest(name, known) is None and (home := _home(name, root)):
        return Fault(path, "is not a setting here", f"it belongs to {home}")
    return Fault(path, "is not a setting", suggest(name, known))


def _home(name: str, root: type[BaseModel]) -> str | None:
    """The path of the first setting of that name anywhere."""
    return next((each.path for each in walk(root, (Secret, Caps)) if each.path.split(".")[-1] == name), None)


def _request_hint(name: str, model: type[Caps]) -> str:
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if name in RequestFields.model_fields:
        return "only numbers have a cap"
    return suggest(name, tuple(model.model_fields))


Words = Callable[[Context], tuple[str, str]]


def _always(message: str, hint: str = "") -> Words:
    return lambda context: (message, hint)


def _bound(words: str, key: str) -> Words:
    return lambda context: (f"must be {words} {context[key]:g}", "")


def _choice(context: Context) -> tuple[str, str]:
    return "must be one of " + str(context["expected"]).replace("'", "").replace(" or ", ", "), ""


_SECTION = _always(
    "must be a section", "names and values, one per line, indented, with a blank after the colon; or {name: value, ...}"
)
_LIST = _always("must be a list", "one item per line, each after a dash, or [one, two]")
_WHOLE = _always("must be a whole number", "digits alone: 30")
_NUMBER = _always("must be a number", "digits alone, without a unit: 30 or 0.5")
_SWITCH = _always("must be true or false")
_DATE = _always("must be a date", "2027-12-31, or with a time: 2027-12-31T18:00:00Z")
_SIZE = _always("must be a size", "a number of bytes, or with a unit: 512KiB, 32MiB, 1GB")

_WORDS: Mapping[str, Words] = {
    "missing": _always("is required"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "datetime_type": _DATE,
    "datetime_parsing": _DATE,
    "datetime_from_date_parsing": _DATE,
    "string_type": _always("must be text", QUOTE),
    "path_type": _always("must be a path", QUOTE),
    "byte_size": _SIZE,
    "byte_size_unit": _SIZE,
    "literal_error": _choice,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_short": _always("must not be empty"),
    "too_long": lambda context: (f"must have at most {context['max_length']} items", ""),
    "model_type": _SECTION,
    "model_attributes_type": _SECTION,
    "dict_type": _SECTION,
    "mapping_type": _SECTION,
    "list_type": _LIST,
    "tuple_type": _LIST,
}
"""Pydantic's error types -> (what is wrong, what to do). Whatever is not here is "not valid here"."""
