"""The golden files of the Responses API's requests: what a client sent, what Telnyx gets, what the client is told.

A file may begin with two lines of JSON: `# policy:`, what the operator decided, and `# asked:`, what the edge knows
(`history`, `unsupported_tools`, `opens`: sealed text -> its content, `native`: Telnyx's own Responses API is asked).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation.chat import Translated
from proxy.translation.responses.outline import Outline
from proxy.translation.responses.request import Asked, input_items, native, translate
from proxy.translation.rules import Policy

GOLDEN = Path(__file__).parents[2] / "golden"
ACCEPTED = sorted((GOLDEN / "responses").glob("*.txt"))
REFUSED = sorted((GOLDEN / "responses-refused").glob("*.txt"))
MODEL = "moonshotai/Kimi-K2.6"


@dataclass
class Case:
    """One golden file: the request, what is known besides, and what must come of both."""

    request: dict[str, Any]
    policy: Policy
    asked: dict[str, Any]
    expected: list[str]

    @property
    def native(self) -> bool:
        return bool(self.asked.get("native"))

    def run(self) -> tuple[Translated, Outline]:
        known = {key: value for key, value in self.asked.items() if key not in {"native", "opens"}}
        opens = self.asked.get("opens", {})
        asked = asking(self.request, open=opens.get, **known)
        return (native if self.native else translate)(self.request, MODEL, self.policy, asked)


def asking(request: dict[str, Any], **known: Any) -> Asked:
    """What the edge knows of a request that refers to nothing."""
    said = request.get("input")
    return Asked("resp_1", 1_700_000_000, "s", input=input_items([] if said is None else said), **known)


def read(path: Path) -> Case:
    text = path.read_text(encoding="utf-8")
    head: dict[str, Any] = {}
    while text.startswith("# "):
        line, _, text = text.partition("\n")
        name, _, value = line.removeprefix("# ").partition(": ")
        head[name] = json.loads(value)
    policy = head.get("policy", {})
    for name in ("buckets", "reasoning_efforts"):
        policy[name] = tuple(policy.get(name, ()))
    policy["client_api_key_refs"] = frozenset(policy.get("client_api_key_refs", ()))
    client, *expected = [section.strip() for section in text.split("\n---\n")]
    return Case(json.loads(client), Policy(**policy), head.get("asked", {}), expected)


def ask(request: dict[str, Any], policy: Policy | None = None, **known: Any) -> tuple[Translated, Outline]:
    """A request that says all it wants to say itself; a plain one where it says nothing."""
    whole = {"model": "gpt-5", "input": "Say hi.", **request}
    return translate(whole, MODEL, policy or Policy(), asking(whole, **known))


def refusal(request: dict[str, Any], policy: Policy | None = None, **known: Any) -> InvalidRequest:
    """The refusal of a request; an AssertionError where it is accepted."""
    try:
        ask(request, policy, **known)
    except InvalidRequest as fault:
        return fault
    raise AssertionError("it was accepted")
