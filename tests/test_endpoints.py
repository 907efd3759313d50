"""The table of contents: what is served, and what of OpenAI's is not."""

import re
from collections import Counter
from pathlib import Path

import openai
import pytest

from proxy.endpoints import AREAS, ENDPOINTS, UNSUPPORTED, Endpoint

PREFIXES = [prefix for prefix, _ in UNSUPPORTED]
SERVED = [endpoint.path for endpoint in ENDPOINTS]
STORED = "/chat/completions/{completion_id}"
"""Completions that OpenAI keeps. Nothing is kept here, and the answer to an unknown path names the path that works."""
HINT = re.compile(r"(?<![\w.])/v1(/[a-z_/{}]+[a-z_}])")


def plain(path: str) -> str:
    """A path with every name in it as `{}`, which are alike wherever they stand."""
    return re.sub(r"\{.*?\}", "{}", path)


def covers(prefix: str, path: str) -> bool:
    steps, path_steps = plain(prefix).split("/"), plain(path).split("/")
    return len(steps) <= len(path_steps) and all(
        step in {"{}", other} for step, other in zip(steps, path_steps, strict=False)
    )


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
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", endpoint.name)
    assert endpoint.method in {"GET", "POST", "DELETE", "*"}
    assert re.fullmatch(r"(?:/(?:[a-z_]+|\{[a-z]+\}))+(?:/\{[a-z]+\.\.\.\})?", endpoint.path), "without /v1"
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", endpoint.area)
    assert endpoint.name.startswith(endpoint.area), "a key is restricted to the beginning of names"
    assert endpoint.summary
    assert not endpoint.summary.endswith("."), "it stands in a table"


def test_areas_are_those_of_the_rows_in_their_order() -> None:
    assert set(AREAS) == {endpoint.area for endpoint in ENDPOINTS}
    assert len(AREAS) == len(set(AREAS))


def test_answers_without_a_name_are_told_apart_by_their_prefix() -> None:
    prefixes = [endpoint.translation.id_prefix for endpoint in ENDPOINTS if endpoint.translation is not None]
    assert prefixes
    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize(("prefix", "reason"), UNSUPPORTED)
def test_what_is_not_served_has_a_reason(prefix: str, reason: str) -> None:
    assert re.fullmatch(r"(?:/(?:[a-z_]+|\{id\}))+", prefix)
    assert re.fullmatch(r"[A-Z].*\. [A-Z].*\.|[A-Z].*:.*\.|[A-Z].*\.", reason), "sentences"


def test_what_is_not_served_shadows_nothing() -> None:
    assert [path for path in SERVED if any(covers(prefix, path) for prefix in PREFIXES)] == []
    assert [(a, b) for a in PREFIXES for b in PREFIXES if a != b and covers(a, b)] == [], "the first match would win"


def test_every_path_of_the_official_client_is_served_or_has_a_reason() -> None:
    paths = official_paths()
    assert {"/chat/completions", "/models/{model}", "/embeddings"} <= paths
    known = {plain(path) for path in SERVED}
    assert [
        path
        for path in sorted(paths)
        if plain(path) not in known
        and not any(covers(prefix, path) for prefix in PREFIXES)
        and not covers(STORED, path)
    ] == []


def test_hints_name_paths_that_are_served() -> None:
    hinted = {path for _, reason in UNSUPPORTED for path in HINT.findall(reason)}
    assert {"/chat/completions", "/batches/{id}"} <= hinted
    assert hinted <= set(SERVED)
