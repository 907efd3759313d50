"""What the scripts of all Python clients share. They run in environments of their own, where nothing of the project is.

Each check is a function; its name is the column of the table. A line of JSON tells how it went.
"""

import asyncio
import inspect
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

BASE_URL = os.environ["OPENAI_BASE_URL"]
API_KEY = os.environ["OPENAI_API_KEY"]
MODEL = "gpt-4o"
"""What the applications ask for; the proxy has an alias for it."""
ASKED = "What is the weather in Paris? Use get_weather."
ANSWERED = "The tool answered: "
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}

_checks: list[Callable[[], Any]] = []


def check(function: Callable[[], Any]) -> Callable[[], Any]:
    """One more."""
    _checks.append(function)
    return function


def expect(truth: object, said: object = "") -> None:
    """Raises AssertionError."""
    if not truth:
        raise AssertionError(f"not as expected: {said!r}")


def run() -> None:
    """All of them, in order."""
    runner = asyncio.Runner()  # one event loop for all: clients keep their connections
    for function in _checks:
        line: dict[str, Any] = {"check": function.__name__, "ok": True}
        try:
            value = function()
            if inspect.isawaitable(value):
                runner.run(_waited(value))
        except BaseException as fault:  # noqa: BLE001 - whatever it is, the others shall run
            last = traceback.extract_tb(fault.__traceback__)[-1]
            line |= {"ok": False, "detail": f"{type(fault).__name__}: {str(fault)[:300]} ({last.name}:{last.lineno})"}
        print(json.dumps(line), flush=True)


async def _waited(value: Any) -> None:
    await value
