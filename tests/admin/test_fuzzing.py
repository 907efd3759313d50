"""The admin API by its own document: whatever is sent, it answers as it says it does, and never with a fault of ours.

Schemathesis makes requests that suit the document and requests that do not. Its checks: no server error, documented
statuses and content types, bodies and headers of the described form, valid data accepted, invalid data refused,
authentication demanded, undocumented methods refused.
"""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from proxy.admin import table
from proxy.admin.openapi import document
from proxy.admin.organization.usage import KINDS
from proxy.admin.values import EARLIEST
from tests.admin.listener import TOKEN, listener
from tests.processes import PATIENCE

EXAMPLES: Mapping[str, int] = {"/admin/v1/": 8, "/v1/organization/": 3}
"""Of each kind for each operation: as many as fit into some seconds."""
EARLY = EARLIEST - 1
"""The server's time: before every moment that the document allows, so that none of them is in the past, and so late
that a second from then is one."""

_EMPTY = "an empty name"
_NO_MEANING = "values of OpenAI's that have no meaning here"
_FLOAT = "2.0 is a whole number to JSON Schema"
_RANGE = "a range of time ends after it begins, and has not too many buckets"
NOT_SAID: Mapping[str, str] = {
    "tenants.create": "rules are validated as the configuration is, which no schema says",
    "tenants.update": "as tenants.create",
    "budgets.put": "six decimals and no more",
    "credentials.create": "kinds of secrets exclude each other",
    "credentials.change": _FLOAT,
    "limits.put": _FLOAT,
    **dict.fromkeys(("usage.show", "usage.latency", "usage.changes", "requests.list", "organization.costs"), _RANGE),
    **{f"organization.usage.{kind}": _RANGE for kind in KINDS},
    "organization.admin_api_keys.create": _EMPTY,
    "organization.audit_logs.list": _NO_MEANING,
    "organization.model_permissions.put": _NO_MEANING,
    "organization.project_api_keys.update": _NO_MEANING,
    "organization.projects.create": _EMPTY,
    "organization.projects.update": _NO_MEANING,
    "organization.rate_limits.update": _FLOAT,
    "organization.service_accounts.api_keys.create": _EMPTY,
    "organization.service_accounts.create": _EMPTY,
    "organization.spend_limit.put": _FLOAT,
}
"""Operations whose document admits requests that are refused (400), and what it does not say."""

schemathesis.openapi.format("cidr", st.ip_addresses().map(str))
schema = schemathesis.openapi.from_dict(document())
ACCEPTANCE: Any = CHECKS.get_by_names(["positive_data_acceptance"])
CALLS = {each.ok().definition.raw["operationId"]: each.ok() for each in schema.get_all_operations()}  # type: ignore[union-attr]


@dataclass
class Served:
    """A server in a thread of its own."""

    url: str = ""
    ready: threading.Event = field(default_factory=threading.Event)
    loop: asyncio.AbstractEventLoop | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Iterator[int] = field(default_factory=count)

    async def serve(self, folder: Path) -> None:
        async with listener(folder) as opened:
            opened.bureau.now = EARLY
            opened.bureau.models.add("moonshotai/Kimi-K2.6")
            self.url, self.loop = opened.url, asyncio.get_running_loop()
            self.ready.set()
            await self.done.wait()

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(
            self.url + path, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE
        )
        assert answer.ok, answer.text
        return answer.json()

    def known(self, path: str) -> dict[str, str]:
        """The parts of a path that lead to something: made for this operation alone, because it may be its end."""
        number = next(self.numbers)
        names = re.findall(r"\{(\w+)\}", path)
        if "/keys" in path and names:
            return {"id": self.post("/admin/v1/keys", {"tenant": "acme", "name": f"k{number}"})["id"]}
        if "/tokens" in path and names:
            return {"id": self.post("/admin/v1/tokens", {"name": f"t{number}", "role": "viewer"})["id"]}
        if "/tenants" in path and names:
            return {"id": self.post("/admin/v1/tenants", {"id": f"made{number}"})["id"]}
        return {"project_id": "beta"} if "project_id" in names else {}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served()
    folder = tmp_path_factory.mktemp("fuzzed")
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(folder)), daemon=True)
    thread.start()
    assert made.ready.wait(PATIENCE)
    yield made
    assert made.loop is not None
    made.loop.call_soon_threadsafe(made.done.set)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_every_operation_is_fuzzed_and_no_exception_is_stale() -> None:
    assert set(CALLS) == {row.id for row in table.operations()}
    assert set(NOT_SAID) <= set(CALLS)


def led_somewhere(case: Case[Any], known: Mapping[str, str]) -> None:
    """Put what there is in the place of what was made up."""
    for name in set(case.path_parameters) & set(known):
        case.path_parameters[name] = known[name]
    if isinstance(case.body, dict) and "tenant" in case.body and isinstance(case.body["tenant"], str):
        case.body["tenant"] = "acme"
    for bounds in (("start", "end"), ("start_time", "end_time")):
        given = [value for name in bounds if isinstance(value := case.query.get(name), int)]
        if len(given) == len(bounds):
            case.query.update(zip(bounds, sorted(given), strict=True))


def lists_of_texts(call: Any) -> set[str]:
    """What may be given several times in a query, and may be any text."""
    found = {
        each["name"]: each["schema"] for each in call.definition.raw.get("parameters", ()) if each["in"] == "query"
    }
    return {name for name, schema in found.items() if schema.get("type") == "array" and "enum" not in schema["items"]}


def says_the_same_as_a_list(case: Case[Any], lists: set[str]) -> bool:
    """Whether a single value stands where a list of texts belongs: in a query, it is a list of one."""
    return any(isinstance(case.query.get(name), str | int | float) for name in lists)


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_it_answers_as_it_says(served: Served, name: str, mode: GenerationMode) -> None:
    call = CALLS[name]
    positive = mode is GenerationMode.POSITIVE
    known = served.known(call.path) if positive else {}
    lists = lists_of_texts(call)
    examples = next(number for prefix, number in EXAMPLES.items() if call.path.startswith(prefix))

    @seed(20_270_115)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=call.as_strategy(generation_mode=mode))
    def answers(case: Case[Any]) -> None:
        if positive:
            led_somewhere(case, known)
        else:
            assume(not says_the_same_as_a_list(case, lists))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = case.call_and_validate(served.url, headers=headers, excluded_checks=ACCEPTANCE, timeout=PATIENCE)
        # Schemathesis's own check of this does not know that any If-Match may be stale.
        assert not positive or answer.status_code != 400 or name in NOT_SAID, answer.text

    answers()
