"""The table of contents: what is served, and what of OpenAI's is not."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import openai
import pytest

from proxy.endpoints import ENDPOINTS, UNSUPPORTED, Endpoint, Kind, Translation

PREFIXES = [prefix for prefix, _ in UNSUPPORTED]
SERVED = [endpoint.path for endpoint in ENDPOINTS]
STORED = "/chat/completions/{completion_id}"
"""Completions that OpenAI keeps. Nothing is kept here, and the answer to an unknown path names the path that works."""


def covers(prefix: str, path: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def official_paths() -> set[str]:
    """The paths that the installed official client library calls."""
    calls = re.compile(
        r'path_template\(\s*f?"(/[^"?]+)|self\._(?:get|post|delete|put|patch|get_api_list)\(\s*f?"(/[^"?]+)'
    )
    resources = Path(openai.__file__).parent / "resources"
    return {
        one or other
        for file in resources.rglob("*.py")
        for one, other in calls.findall(file.read_text(encoding="utf-8"))
    }


def test_every_row_is_unique() -> None:
    assert max(Counter(endpoint.name for endpoint in ENDPOINTS).values()) == 1
    assert max(Counter((endpoint.method, endpoint.path) for endpoint in ENDPOINTS).values()) == 1
    assert max(Counter(PREFIXES).values()) == 1


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_row_is_well_formed(endpoint: Endpoint) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+", endpoint.name)
    assert endpoint.method in {"GET", "POST"}
    assert re.fullmatch(r"(?:/[a-z]+)+(?:/\{id\})?", endpoint.path), "without /v1, {id} only at the end"
    assert endpoint.kind in get_args(Kind)
    assert endpoint.summary
    assert not endpoint.summary.endswith("."), "it stands in a table"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_completions_have_a_translation_and_nothing_else_has(endpoint: Endpoint) -> None:
    assert isinstance(endpoint.translation, Translation) == (endpoint.kind == "completion")


@pytest.mark.parametrize(("prefix", "reason"), UNSUPPORTED)
def test_what_is_not_served_has_a_reason(prefix: str, reason: str) -> None:
    assert re.fullmatch(r"(?:/[a-z_]+)+", prefix)
    assert re.fullmatch(r"[A-Z].*\.", reason), "a sentence"


def test_what_is_not_served_shadows_nothing() -> None:
    assert [path for path in SERVED if any(covers(prefix, path) for prefix in PREFIXES)] == []
    assert [(a, b) for a in PREFIXES for b in PREFIXES if a != b and covers(a, b)] == [], "the first match would win"


def test_every_path_of_the_official_client_is_served_or_has_a_reason() -> None:
    paths = official_paths()
    assert {"/chat/completions", "/models/{model}", "/embeddings"} <= paths
    known = {re.sub(r"\{.*?\}", "{}", path) for path in SERVED}
    assert [
        path
        for path in sorted(paths)
        if re.sub(r"\{.*?\}", "{}", path) not in known
        and not any(covers(prefix, path) for prefix in PREFIXES)
        and not covers(STORED, path)
    ] == []


def test_hints_name_paths_that_are_served() -> None:
    hinted = {path for _, reason in UNSUPPORTED for path in re.findall(r"(?<![\w.])/v1(/[a-z_/]+[a-z_])", reason)}
    assert hinted
    assert hinted <= set(SERVED)
