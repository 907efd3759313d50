"""Patterns of Telnyx ids: shell patterns, case-sensitive as the ids are."""

import re
from fnmatch import fnmatchcase

_WILD = re.compile(r"\[!?\]?[^]]*\]|[*?]")
"""What does not stand for itself. In a set, a `]` that comes first is a member."""


def covers(pattern: str, model: str) -> bool:
    """Whether a pattern fits a whole id. A `*` fits slashes, too."""
    return pattern in ("*", model) or fnmatchcase(model, pattern)


def specificity(pattern: str, model: str) -> tuple[bool, int]:
    """The higher, the more specific: the id itself, then the pattern with most characters that stand for themselves."""
    return pattern == model, len(_WILD.sub("", pattern))
