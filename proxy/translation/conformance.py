"""Does an answer keep to the JSON schema the application asked for? Only counted, never mended.

The schema comes from a stranger and the check runs in the process that serves everybody, so it must neither reach out
nor hang:

- No reference leaves the schema: the retriever refuses every address, be it http or file.
- Patterns run on the linear engine; one that needs back-tracking (look-around, back-references) does not compile.
- `unevaluatedProperties` and `unevaluatedItems` are not checked: jsonschema-rs evaluates nested ones again and again,
  twenty levels take ten seconds. Dynamic references and anchors neither: their cost cannot be told beforehand.
- References multiply: ten small definitions, each naming the next one twice, are a thousand when written out. What a
  check may cost at most is told beforehand from the schema written out and the size of the text.

What cannot be checked counts nothing. Structured output at OpenAI allows none of the above, so little is lost.

The library is a large one (5 MB, some 15 ms to load), and many proxies never see a schema: `load` it, in a thread,
when the first request comes that asks for one. Whoever did not, has it loaded with the first check.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from proxy import codec
from proxy.translation.rules import Expectation

if TYPE_CHECKING:
    import jsonschema_rs

WORK_LIMIT = 50_000_000
"""Places of the schema written out, times characters of the text, of all checks of one answer together (it may have 128
choices, and as many calls in each). The worst that could be built within it takes about a
second; a schema of 1,000 places with an answer of 50,000 characters is within it."""
DEAR = {"pattern": 200, "patternProperties": 200, "multipleOf": 1000}
"""Keywords that cost more than a place (some 10 ns), measured at their worst: a pattern 4 microseconds per character, a
division of huge numbers 10 microseconds."""
SCHEMA_LIMIT = 1 << 18
"""Bytes of a schema: one of megabytes takes seconds to weigh and to compile. OpenAI allows 120,000 characters."""
PATTERN_LIMIT = 1 << 17
"""Bytes of one compiled pattern, some thousand states; a Unicode-aware pattern for mail addresses fits."""
DEPTH_LIMIT = 200
"""Levels of a schema with its references followed. jsonschema-rs gives up at 255 without them; OpenAI allows 10."""
KEPT = 64
"""Schemas that are kept compiled, the latest ones."""
KEPT_LONGEST = 8192
"""Bytes of such a schema. A thousand places or less, so that a compiled one has a few hundred KiB at most."""
BEYOND = frozenset(
    {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"}
)
"""Keywords whose cost is not bounded or cannot be told."""


def load() -> None:
    """Have the library ready."""
    import jsonschema_rs  # noqa: F401


def awaits_load(expects: Expectation) -> bool:
    """Whether the answer will be checked, and the library is not there yet."""
    return (expects.schema is not None or bool(expects.tool_schemas)) and "jsonschema_rs" not in sys.modules


class _Uncheckable(Exception):
    """The cost of checking against a schema is too high or unknown."""


class Conformance:
    """The checks of one answer; schemas are compiled when the first text comes.

    Attributes:
        violations: texts and arguments seen so far that do not conform.
    """

    __slots__ = ("_expects", "_schemas", "_work", "violations")

    def __init__(self, expects: Expectation) -> None:
        self._expects = expects
        self._schemas: dict[str | None, _Schema] = {}
        self._work = WORK_LIMIT  # what is left of it
        self.violations = 0

    def text(self, text: str) -> None:
        """The whole text of one choice against `response_format`, where the client gave a schema."""
        if self._expects.schema is not None:
            self._check(None, self._expects.schema, text)

    def arguments(self, name: str, text: str) -> None:
        """The arguments of one call against the tool's parameters, where the client declared it `strict`."""
        schema = self._expects.tool_schemas.get(name)
        if schema is not None:
            self._check(name, schema, text)

    def _check(self, key: str | None, schema: Mapping[str, Any], text: str) -> None:
        compiled = self._schemas.get(key)
        if compiled is None:
            compiled = self._schemas[key] = _compile(schema)
        work = compiled.weight * len(text)
        if work <= self._work:
            self._work -= work
            self.violations += compiled.violated(text)


def _compile(schema: Mapping[str, Any]) -> "_Schema":
    """Applications send the same schema at each request, and to compile it takes longer than to check an answer."""
    text = codec.encode(schema)
    if len(text) > KEPT_LONGEST or b'"pattern' in text:  # compiled patterns can be large
        return _Schema(dict(schema))
    return _compiled_before(text)


@lru_cache(KEPT)
def _compiled_before(text: bytes) -> "_Schema":
    return _Schema(codec.decode(text))


class _Schema:
    """One schema, compiled if it can be checked at all."""

    __slots__ = ("_validator", "weight")

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator: jsonschema_rs.Validator | None = None
        self.weight = 0
        try:
            if len(codec.encode(schema)) > SCHEMA_LIMIT:
                raise _Uncheckable  # noqa: TRY301 - one way for all that cannot be checked
            self.weight = _Scales(schema).weigh(schema)
            self._validator = _compiler()(schema)
        except (_Uncheckable, ValueError):  # jsonschema_rs.ValidationError is a ValueError
            self.weight = 0

    def violated(self, text: str) -> bool:
        if self._validator is None:
            return False
        try:
            value = codec.decode(text)
        except codec.NotJson:
            return True
        return not self._validator.is_valid(value)


@cache
def _compiler() -> "Callable[[dict[str, Any]], jsonschema_rs.Validator]":
    import jsonschema_rs

    patterns = jsonschema_rs.RegexOptions(size_limit=PATTERN_LIMIT, dfa_size_limit=PATTERN_LIMIT)
    return partial(jsonschema_rs.validator_for, validate_formats=False, retriever=_refuse, pattern_options=patterns)


def _refuse(uri: str) -> Any:
    raise ValueError(f"references that leave the schema are not followed: {uri}")


def _dearness(key: str, part: Any) -> int:
    """Places to add for a keyword; `patternProperties` holds as many patterns as it has keys."""
    return DEAR.get(key, 0) * (len(part) if isinstance(part, dict) else 1)


def _renames(node: dict[str, Any]) -> bool:
    """Whether references below `node` start from here and not from the root (`id` is the older spelling)."""
    return isinstance(node.get("$id"), str) or isinstance(node.get("id"), str)


class _Scales:
    """Weighs a schema: how many places it has when every local reference is written out.

    A reference back into itself weighs nothing: jsonschema-rs remembers the outcome of those per place and value.
    """

    __slots__ = ("_known", "_root", "_under_way")

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int] = {}
        self._under_way: set[str] = set()

    def weigh(self, node: Any, depth: int = 0) -> int:
        """Places under `node`. Raises _Uncheckable."""
        if depth > DEPTH_LIMIT:
            raise _Uncheckable
        if isinstance(node, list):
            return 1 + sum(self.weigh(part, depth + 1) for part in node)
        if not isinstance(node, dict):
            return 1
        if not BEYOND.isdisjoint(node) or (depth and _renames(node)):
            raise _Uncheckable
        total = 1 + sum(self.weigh(part, depth + 1) + _dearness(key, part) for key, part in node.items())
        reference = node.get("$ref")
        return total + self._target(reference, depth) if isinstance(reference, str) else total

    def _target(self, reference: str, depth: int) -> int:
        if reference in self._under_way:
            return 0
        if reference not in self._known:
            self._under_way.add(reference)
            self._known[reference] = self.weigh(self._resolve(reference), depth + 1)
            self._under_way.discard(reference)
        return self._known[reference]

    def _resolve(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise _Uncheckable
        node: Any = self._root
        for step in reference[2:].split("/") if reference != "#" else ():
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                raise _Uncheckable
            node = node[key]
        return node
