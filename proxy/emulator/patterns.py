"""A text that matches a regular expression, short in every choice: for `guided_regex`, and `pattern` in a JSON schema.

Limits: look-around, conditions and back references into alternatives that were not taken are refused. Anchors are
taken at their word, and the result is checked, so a pattern such as `a^b` is refused and never answered wrongly.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

_parser = importlib.import_module("re._parser")  # the standard library's own reading of a pattern

_LONGEST_REPEAT = 1000
"""A pattern such as `a{1000000000}` is refused: the answer has to stay an answer."""

_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "CATEGORY_DIGIT": "0",
        "CATEGORY_NOT_DIGIT": "a",
        "CATEGORY_SPACE": " ",
        "CATEGORY_NOT_SPACE": "a",
        "CATEGORY_WORD": "a",
        "CATEGORY_NOT_WORD": "-",
    }
)

_ALPHABET = "aA0 -_.,:;/!?@#xyz" + "".join(map(chr, range(33, 127))) + "\u00e9\u4e16\n\t"
"""Where a character of a negated set is looked for."""


class Unsupported(ValueError):
    """No text can be made for this pattern or schema."""


def matching(pattern: str, at_least: int = 0) -> str:
    """A text in which the pattern is found, and that it matches whole where it can be. Raises Unsupported.

    `at_least` asks for that many characters, which repetitions are stretched for.
    """
    try:
        compiled = re.compile(pattern)
        for stretch in (0, 1, at_least):
            text = _Maker(stretch).sequence(_parser.parse(pattern))
            if len(text) >= at_least and compiled.search(text):
                return text
    except (re.error, RecursionError, OverflowError) as error:
        raise Unsupported(f"The pattern {pattern!r} cannot be compiled: {error}") from None
    raise Unsupported(f"No text was found for the pattern {pattern!r}.")


class _Maker:
    """One walk over a parsed pattern; `stretch` repetitions are added wherever more are allowed."""

    def __init__(self, stretch: int) -> None:
        self.stretch = stretch
        self.groups: dict[int, str] = {}

    def sequence(self, items: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._item(str(operation), argument) for operation, argument in items)

    def _item(self, operation: str, argument: Any) -> str:
        make = _OPERATIONS.get(operation)
        if make is None:
            raise Unsupported(f"Patterns with {operation.lower()} are not supported.")
        return make(self, argument)

    def literal(self, code: int) -> str:
        return chr(code)

    def negated(self, code: int) -> str:
        return "b" if chr(code) == "a" else "a"

    def any(self, _: None) -> str:
        return "a"

    def anchor(self, _: Any) -> str:
        return ""

    def members(self, items: list[tuple[Any, Any]]) -> str:
        if str(items[0][0]) != "NEGATE":
            return self._member(*items[0])
        excluded = re.compile(_character_class(items[1:]))
        for character in _ALPHABET:
            if not excluded.match(character):
                return character
        raise Unsupported("The pattern excludes every character.")

    def _member(self, operation: Any, argument: Any) -> str:
        if str(operation) == "CATEGORY":
            return _CATEGORIES[str(argument)]
        return chr(argument[0] if str(operation) == "RANGE" else argument)

    def branch(self, argument: tuple[None, list[Any]]) -> str:
        return self.sequence(argument[1][0])

    def group(self, argument: tuple[int | None, int, int, Any]) -> str:
        text = self.sequence(argument[3])
        if argument[0] is not None:
            self.groups[argument[0]] = text
        return text

    def reference(self, number: int) -> str:
        if number not in self.groups:
            raise Unsupported("The pattern refers to a group in an alternative that was not taken.")
        return self.groups[number]

    def repeat(self, argument: tuple[int, Any, Any]) -> str:
        low, high, body = argument
        times = min(low + self.stretch, int(high))
        if times > _LONGEST_REPEAT:
            raise Unsupported(f"The pattern repeats something more than {_LONGEST_REPEAT} times.")
        return "".join(self.sequence(body) for _ in range(times))

    def atomic(self, argument: Any) -> str:
        return self.sequence(argument)


_OPERATIONS: Mapping[str, Callable[[_Maker, Any], str]] = MappingProxyType(
    {
        "LITERAL": _Maker.literal,
        "NOT_LITERAL": _Maker.negated,
        "ANY": _Maker.any,
        "AT": _Maker.anchor,
        "IN": _Maker.members,
        "BRANCH": _Maker.branch,
        "SUBPATTERN": _Maker.group,
        "GROUPREF": _Maker.reference,
        "MAX_REPEAT": _Maker.repeat,
        "MIN_REPEAT": _Maker.repeat,
        "POSSESSIVE_REPEAT": _Maker.repeat,
        "ATOMIC_GROUP": _Maker.atomic,
    }
)

_CLASS_OF_CATEGORY: Mapping[str, str] = MappingProxyType(
    {
        "CATEGORY_DIGIT": r"\d",
        "CATEGORY_NOT_DIGIT": r"\D",
        "CATEGORY_SPACE": r"\s",
        "CATEGORY_NOT_SPACE": r"\S",
        "CATEGORY_WORD": r"\w",
        "CATEGORY_NOT_WORD": r"\W",
    }
)


def _character_class(items: Iterable[tuple[Any, Any]]) -> str:
    """The members of a parsed set, written as a pattern again."""
    parts = []
    for operation, argument in items:
        if str(operation) == "CATEGORY":
            parts.append(_CLASS_OF_CATEGORY[str(argument)])
        elif str(operation) == "RANGE":
            parts.append("-".join(re.escape(chr(code)) for code in argument))
        else:
            parts.append(re.escape(chr(argument)))
    return f"[{''.join(parts)}]"
