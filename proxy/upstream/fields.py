"""The headers of an answer, looked up without regard to case."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeVar, overload

T = TypeVar("T")
SPELLINGS = 64
"""Lists of names that are remembered: a server says much the same in every answer."""


@lru_cache(SPELLINGS)
def spelled(names: tuple[bytes, ...]) -> Mapping[str, bytes]:
    """Names in lower case -> as they came; of those that differ in case only, the first."""
    found: dict[str, bytes] = {}
    for name in names:
        found.setdefault(name.lower().decode("latin-1"), name)
    return found


class Fields(Mapping[str, str]):
    """A mapping over raw names and values, each value decoded when it is asked for.

    Of a header that comes several times the first counts. Names are shown in lower case, values without the white
    space around them; bytes that are no UTF-8 come out as lone surrogates.

    Attributes:
        names: in lower case -> as they came. Whether a header is there can be asked of it without a call of Python.
    """

    __slots__ = ("_raw", "names")

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._raw = raw.copy()
        self.names = spelled(tuple(raw))

    def __getitem__(self, name: str) -> str:
        return self._raw[self.names[name.lower()]].strip(b" \t").decode("utf-8", "surrogateescape")

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...
    def get(self, name: str, /, default: str | T | None = None) -> str | T | None:
        """The value of this header, else the default."""
        key = self.names.get(name.lower())
        return default if key is None else self._raw[key].strip(b" \t").decode("utf-8", "surrogateescape")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
