"""Secrets in a LiteLLM configuration: `os.environ/NAME`, or the secret itself, which is never copied."""

import re
from typing import Any

PREFIX = "os.environ/"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


def variable(value: Any) -> str | None:
    """The environment variable that a value refers to, None where it does not refer to one."""
    if isinstance(value, str) and value.startswith(PREFIX) and _NAME.match(value[len(PREFIX) :]):
        return value[len(PREFIX) :]
    return None


class Secrets:
    """Where each secret is to be found: the variable that it names, or one that it has to be put into.

    One and the same secret gets one and the same variable.
    """

    def __init__(self) -> None:
        self._variables: dict[str, str] = {}

    def reference(self, value: Any, wanted: str) -> tuple[dict[str, str], str]:
        """`{env: NAME}`, and a sentence about it. `wanted`: the name for a secret that has no variable yet."""
        named = variable(value)
        if named is not None:
            return {"env": named}, f"read from the variable {named}"
        name = self._variables.get(str(value))
        if name is None:
            name, number = wanted, 1
            while name in self._variables.values():
                number += 1
                name = f"{wanted}_{number}"
            self._variables[str(value)] = name
        return {"env": name}, f"the secret is not copied: put it into the variable {name}"
