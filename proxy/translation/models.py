"""Model names: from what an OpenAI app says to a Telnyx id, and Telnyx's list in OpenAI's shape."""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import translate as glob_to_regex
from functools import cached_property
from typing import Any, TypeVar

from proxy.translation.answers import unix_time

T = TypeVar("T")

ALIAS_OWNER = "telnyx-openai-proxy"
"""`owned_by` of a row that is an alias."""
CAUGHT_KEPT = 4096
"""Names whose pattern is remembered at most, so that a request does not pay for every pattern there is. Names come from
clients; on overflow all are forgotten at once."""
CAUGHT_LONGEST = 256
"""Characters of such a name: the longest at Telnyx, of fine-tuned models, have some 100."""
NEAREST = 3
"""Names offered to a client whose model does not exist."""


class Globs:
    """A set of shell patterns; names are case-sensitive, as Telnyx's ids are.

    They are compiled when a name is first asked for: with every change sets are made for thousands of keys at once,
    most of which are not in use.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._everything = "*" in self.patterns

    def __contains__(self, name: str) -> bool:
        return self._everything or self._match(name) is not None

    @cached_property
    def _match(self) -> Callable[[str], "re.Match[str] | None"]:
        return re.compile("|".join(glob_to_regex(pattern) for pattern in self.patterns) or r"(?!)").match


_WILD = re.compile(r"\[!?\]?[^]]*\]|[*?]")
"""What does not stand for itself. In a set, a `]` that comes first is a member."""


def literal_length(pattern: str) -> int:
    """How specific a pattern is: the number of its characters that stand for themselves."""
    return len(_WILD.sub("", pattern))


def most_specific(patterns: Mapping[str, T]) -> tuple[tuple[re.Pattern[str], T], ...]:
    """The patterns, compiled, the most specific one first."""
    ordered = sorted(patterns.items(), key=lambda item: -literal_length(item[0]))
    return tuple((re.compile(glob_to_regex(pattern)), value) for pattern, value in ordered)


_GLOB = re.compile(r"[*?[]")


class Aliases:
    """Names an app may use for a Telnyx model: exact ones first, then the most specific pattern.

    A name with a slash (`openai/gpt-4o`) is only caught by patterns that have one, too (`openai/*`).
    """

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.exact = {name: target for name, target in aliases.items() if not _GLOB.search(name)}
        patterns = {name: target for name, target in aliases.items() if _GLOB.search(name)}
        self._patterns = most_specific(patterns)
        self._of_ids = most_specific({name: target for name, target in patterns.items() if "/" in name})
        self.targets = frozenset(aliases.values())
        self._caught: dict[str, str | None] = {}

    def target(self, name: str) -> str | None:
        """The Telnyx id behind an alias, or None."""
        found = self.exact.get(name)
        if found is not None:
            return found
        if name in self._caught:
            return self._caught[name]
        # A name with a slash is a Telnyx id already: `gpt-*` and `*` are meant for OpenAI's names, which have none.
        patterns = self._of_ids if "/" in name else self._patterns
        found = next((target for pattern, target in patterns if pattern.match(name)), None)
        if len(name) <= CAUGHT_LONGEST:
            if len(self._caught) >= CAUGHT_KEPT:
                self._caught.clear()
            self._caught[name] = found
        return found


class Rows(dict[str, dict[str, Any]]):
    """Telnyx's list: rows by id. It is made once per fetch and not written to, so ends of names are looked up in it."""

    @cached_property
    def ends(self) -> dict[str, str | None]:
        """What stands behind each slash of an id, folded -> the id, None where several ids end so."""
        ends: dict[str, str | None] = {}
        for model in self:
            rest = model.casefold()
            while "/" in rest:
                rest = rest.partition("/")[2]
                ends[rest] = None if rest in ends else model
        return ends


def complete(name: str, known: Collection[str]) -> str | None:
    """The one known id whose last part is `name` (`Kimi-K2.6` -> `moonshotai/Kimi-K2.6`), whatever its case."""
    rows = known if isinstance(known, Rows) else Rows((model, {}) for model in known)
    return rows.ends.get(name.casefold())


def nearest(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Known names that look like this one, best first."""
    lowered = {model.casefold(): model for model in known}
    lowered |= {model.rpartition("/")[2].casefold(): model for model in known}
    close = difflib.get_close_matches(name[:200].casefold(), lowered, n=NEAREST * 2, cutoff=0.5)
    return tuple(dict.fromkeys(lowered[text] for text in close))[:NEAREST]


def openai_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Telnyx's model metadata as an OpenAI model: `created` an int; everything else under its own name.

    A row without a usable id gets "".
    """
    name, owner = row.get("id"), row.get("owned_by")
    return {
        **row,
        "id": name if isinstance(name, str) else "",
        "object": "model",
        "created": unix_seconds(row.get("created")),
        "owned_by": owner if isinstance(owner, str) and owner else "Telnyx",
    }


def alias_row(name: str, target: str) -> dict[str, Any]:
    """An alias as an OpenAI model; `base_model` says what serves it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": ALIAS_OWNER, "base_model": target}


def unix_seconds(value: Any) -> int:
    """A Unix time from what Telnyx sends: an int in its older definition, ISO 8601 text in the newer; 0 if neither."""
    return unix_time(value) or 0
