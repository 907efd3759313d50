"""A YAML file as plain data, with the line of every setting.

The scalars are those of YAML 1.2's core schema, not of 1.1 as PyYAML reads by itself: only true and false are
booleans (`no`, `on`, `off` are words), 010 is no octal number, 12:30 no base-60 one, 1e3 is a number, dates are text.
Merge keys (`<<: *name`) of 1.1 are kept, since people use them.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import Node, ScalarNode, SequenceNode

from proxy.settings.faults import ConfigurationError, Fault, Location, path_text

NODES = 100_000
"""Values of one file at most. Aliases inside aliases could otherwise grow a small file beyond memory."""

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _TEXT = (_TAG + name for name in ("null", "bool", "int", "float", "str"))


class _CoreSchema(yaml.SafeLoader):
    """YAML 1.2's rules for plain scalars (https://yaml.org/spec/1.2.2/#103-core-schema), decimal numbers only."""


_CoreSchema.yaml_implicit_resolvers = {}  # none of PyYAML's own

_WHOLE = r"(?:0|[1-9][0-9]*)"  # a leading zero is no number: an id such as 007 stays what it is
for _tag, _pattern, _first in (
    (_NULL, r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    (_BOOL, r"(?:true|True|TRUE|false|False|FALSE)\Z", list("tTfF")),
    (_INT, rf"[-+]?{_WHOLE}\Z", list("-+0123456789")),
    (_FLOAT, rf"[-+]?(?:\.[0-9]+|{_WHOLE}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", list("-+.0123456789")),
):
    _CoreSchema.add_implicit_resolver(_tag, re.compile(_pattern), _first)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a file and its line, or an environment variable."""

    source: str
    line: int | None = None


@dataclass(slots=True)
class Document:
    """What a file says.

    Attributes:
        value: its data; dictionaries have text keys only.
        origins: where each value stands, by its location.
        faults: what is wrong with it already as YAML, duplicate keys for instance.
    """

    value: Any = None
    origins: dict[Location, Origin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(path: Path) -> Document:
    """A file. Raises ConfigurationError if it cannot be read, or is no YAML at all."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise ConfigurationError([Fault("", f"cannot be read: {fault.strerror}", source=str(path))]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Fault("", "is not UTF-8 text", source=str(path))]) from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """A YAML text. Raises ConfigurationError with the line of a syntax error."""
    reader = _Reader(source)
    try:
        root = yaml.compose(text, Loader=_CoreSchema)
        reader.document.value = reader.build(root, ()) if root is not None else None
    except yaml.YAMLError as fault:
        raise ConfigurationError([_syntax_fault(fault, source)]) from None
    except RecursionError:
        raise ConfigurationError([Fault("", "is nested too deeply", source=source)]) from None
    return reader.document


def scalar(text: str) -> Any:
    """The value of a text as it might stand behind a colon. Raises ConfigurationError if it is no YAML."""
    document = parse(text, "")
    if document.faults:
        raise ConfigurationError(document.faults)
    return document.value


class _Reader:
    """Turns PyYAML's nodes into data."""

    def __init__(self, source: str) -> None:
        self.document = Document()
        self._source = source
        self._open: set[int] = set()  # the nodes being built, to notice one that contains itself
        self._nodes = 0

    def build(self, node: Node, location: Location) -> Any:
        self._nodes += 1
        if self._nodes > NODES:
            raise yaml.YAMLError
        line = node.start_mark.line + 1
        self.document.origins.setdefault(location, Origin(self._source, line))
        if isinstance(node, ScalarNode):
            return self._scalar(node, location)
        if id(node) in self._open:
            return self._fault(location, line, "contains itself by an alias")
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
            return self._mapping(node.value, location)
        finally:
            self._open.discard(id(node))

    def _mapping(self, pairs: list[tuple[Node, Node]], location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in pairs:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self._fault(location, line, "has a name that is no text")
            elif key.value == "<<" and key.style is None:
                merged = {**self._merge(value, location), **merged}
            elif key.value in result:
                self._fault((*location, key.value), line, "stands twice", "remove one of the two")
            else:
                self.document.origins[*location, key.value] = Origin(self._source, line)
                result[key.value] = self.build(value, (*location, key.value))
        return {**merged, **result}

    def _merge(self, node: Node, location: Location) -> dict[str, Any]:
        """What `<<: *name` or `<<: [*one, *other]` brings in; the first one named wins."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        result: dict[str, Any] = {}
        for part in reversed(parts):
            value = self.build(part, location)
            if isinstance(value, dict):
                result |= value
            else:
                self._fault(location, part.start_mark.line + 1, "merges something that is no section")
        return result

    def _scalar(self, node: ScalarNode, location: Location) -> Any:
        text = str(node.value)
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        if node.tag in {_INT, _FLOAT}:
            return _number(text, whole=node.tag == _INT)
        if node.tag != _TEXT:
            return self._fault(
                location,
                node.start_mark.line + 1,
                "has a tag that means nothing here",
                "quote a text that begins with !",
            )
        return text

    def _fault(self, location: Location, line: int, message: str, hint: str = "") -> None:
        self.document.faults.append(Fault(path_text(location), message, hint, self._source, line))


def _number(text: str, *, whole: bool) -> int | float | str:
    """A number, or the text itself where Python will not have it: more than 4300 digits, or beyond a float."""
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _syntax_fault(fault: yaml.YAMLError, source: str) -> Fault:
    """PyYAML's complaint without the pieces of the file that it quotes: they may be of a secret."""
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    line = mark.line + 1 if mark is not None else None
    problem = " ".join(str(getattr(fault, each, None) or "") for each in ("context", "problem"))
    for word, message, hint in _SYNTAX:
        if word in problem:
            return Fault("", message, hint, source, line)
    return Fault("", "is not YAML from here on", "check indentation, colons and quotes", source, line)


_SYNTAX = (
    ("scanning an alias", "has a * that must be quoted", 'quote a text that begins with *: "*"'),
    ("alias", "refers with * to a name that is not defined", 'quote a text that begins with *: "*-mini"'),
    ("second occurrence", "defines the same name with & twice", "quote a text that begins with &"),
    ("tag", "has a tag that means nothing here", "quote a text that begins with !"),
    ("'\\t'", "is indented with a tab", "YAML is indented with blanks"),
    ("cannot start any token", "has a text that must be quoted", "quote texts that begin with @, `, % or a tab"),
    (
        "mapping values are not allowed",
        "has a colon where none may be",
        "quote a text that contains a colon and a blank",
    ),
    ("but found another document", "holds more than one document", "remove the line ---"),
)
"""Words of PyYAML's messages -> what to tell; the first that fits."""
