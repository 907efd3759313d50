"""Tools in namespaces: the model knows them by one name, the client by two."""

from collections.abc import Iterator
from hashlib import sha256

SEPARATOR = "__"
LONGEST = 64
"""Characters of a function's name, at OpenAI and at the servers Telnyx runs."""
MARK = 8
"""Characters that tell shortened names apart."""


class Names:
    """What the tools of namespaces are called by the model: `crm__find` for `find` in `crm`, the same at every turn."""

    __slots__ = ("_flat", "_taken")

    def __init__(self) -> None:
        self._flat: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def take(self, name: str) -> None:
        """A tool outside all namespaces has this name, so no other one gets it."""
        self._taken.add(name)

    def flat(self, namespace: str, name: str) -> str:
        """The name for the model."""
        known = self._flat.get((namespace, name))
        if known is None:
            known = next(found for found in _names(namespace, name) if found not in self._taken)
            self._flat[namespace, name] = known
            self._taken.add(known)
        return known

    def find(self, name: str) -> str:
        """The name for the model of a tool that a client names without its namespace, if that can be told."""
        if name in self._taken:
            return name
        flat = [known for (_, inner), known in self._flat.items() if inner == name]
        return flat[0] if len(flat) == 1 else name

    def namespaces(self) -> dict[str, tuple[str, str]]:
        """The way back: name for the model -> (namespace, name there)."""
        return {flat: both for both, flat in self._flat.items()}


def _names(namespace: str, name: str) -> Iterator[str]:
    """Names to try: the plain one if it is short enough, then its beginning with a mark of what it is made of."""
    plain = f"{namespace}{SEPARATOR}{name}"
    if len(plain) <= LONGEST:
        yield plain
    number = 0
    while True:
        whole = f"{number}\0{namespace}\0{name}".encode("utf-8", "surrogatepass")
        yield f"{plain[: LONGEST - MARK - 1]}_{sha256(whole).hexdigest()[:MARK]}"
        number += 1
