"""What is wrong with a body, in plain words: pydantic's errors as one InvalidRequest with the place of the first."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proxy.errors import InvalidRequest
from proxy.settings.faults import Fault, Location, path_text
from proxy.settings.section import COMPLAINT

TOLD = 20
"""Faults that are told at most; a list of a thousand wrong items is not a message any more."""
_KEY = "[key]"
_PLACE = 200
"""Characters of a place that are told: a name can be as long as the body."""

Words = Callable[[Mapping[str, Any]], str]


def refusal(error: ValidationError) -> InvalidRequest:
    """Everything that is wrong, and the place of the first as `param`. Values are never repeated."""
    errors = error.errors(include_url=False, include_input=False)
    around = {each["loc"][:depth] for each in errors for depth in range(len(each["loc"]))}
    # A list of which items are wrong is too short to pydantic as well; that is only an echo.
    own = [each for each in errors if each["type"] != "too_short" or each["loc"] not in around]
    return told([fault(each) for each in own])


def told(faults: list[Fault]) -> InvalidRequest:
    """One refusal for one or more faults."""
    lines = [_line(each) for each in faults[:TOLD]]
    if len(faults) > TOLD:
        lines.append(f"and {len(faults) - TOLD} more")
    code = "missing_required_parameter" if faults[0].message == _REQUIRED else None
    return InvalidRequest("; ".join(lines) + ".", param=faults[0].path[:_PLACE] or None, code=code)


def fault(error: ErrorDetails) -> Fault:
    """One of pydantic's errors."""
    location: Location = error["loc"]
    if location and location[-1] == _KEY:
        return Fault(path_text(location[:-1]), "is no usable name")
    context = error.get("ctx", {})
    if error["type"] == COMPLAINT:
        return Fault(path_text(location), context["message"], context.get("hint", ""))
    say = _WORDS.get(error["type"])
    return Fault(path_text(location), say(context) if say is not None else "is not valid here")


def _line(each: Fault) -> str:
    where = f"'{each.path[:_PLACE]}'" if each.path else "the body"
    return f"{where} {each.message}" + (f" ({each.hint})" if each.hint else "")


def _always(message: str) -> Words:
    return lambda context: message


def _bound(words: str, key: str) -> Words:
    return lambda context: f"must {words} {context[key]}"


def _count(words: str, key: str, unit: str) -> Words:
    return lambda context: f"must have {words} {_counted(context[key], unit)}"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _items(context: Mapping[str, Any], key: str) -> str:
    # A bound that stands beside a validator of ours is not that of a text to pydantic, but of any value.
    return _counted(context[key], "character" if context.get("field_type") == "Value" else "item")


_REQUIRED = "is required"
_LIST, _OBJECT = _always("must be a list"), _always("must be an object")
_WHOLE, _NUMBER = _always("must be a whole number"), _always("must be a number")
_SWITCH = _always("must be true or false")

_WORDS: Mapping[str, Words] = {
    "missing": _always(_REQUIRED),
    "extra_forbidden": _always("is not a field here"),
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
    "string_type": _always("must be text"),
    "string_too_short": _count("at least", "min_length", "character"),
    "string_too_long": _count("at most", "max_length", "character"),
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
    "literal_error": lambda context: f"must be one of {str(context['expected']).replace(' or ', ', ')}",
    "greater_than": _bound("be more than", "gt"),
    "greater_than_equal": _bound("be at least", "ge"),
    "less_than": _bound("be less than", "lt"),
    "less_than_equal": _bound("be at most", "le"),
    "too_short": lambda context: f"must have at least {_items(context, 'min_length')}",
    "too_long": lambda context: f"must have at most {_items(context, 'max_length')}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
}
"""Pydantic's error types -> what is wrong. Whatever is not here is "not valid here"."""
