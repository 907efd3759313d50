"""Path and method -> endpoint. Decided on these alone; nothing a client sends in a header changes a route."""

from collections.abc import Mapping
from urllib.parse import unquote

from proxy.endpoints import ENDPOINTS, UNSUPPORTED, Endpoint
from proxy.errors import MethodNotAllowed, UnknownUrl, UnsupportedEndpoint

ANY = "*"
"""In place of a method: all of them."""
Methods = Mapping[str, Endpoint]
"""The endpoints of one path by their methods."""

_BY_PATH: dict[str, dict[str, Endpoint]] = {}
for _row in ENDPOINTS:
    _BY_PATH.setdefault(_row.path, {})[_row.method] = _row
_EXACT = {version + path: (rows, ()) for path, rows in _BY_PATH.items() if "{" not in path for version in ("/v1", "")}
_OPEN = tuple((path.split("/")[1:], rows) for path, rows in _BY_PATH.items() if "{" in path)


ANTHROPIC = "/messages"
"""Where Anthropic's API begins: errors are told in its words there, whatever is wrong."""


def speaks_anthropic(raw_path: str) -> bool:
    """Whether a path is one of Anthropic's API. Paths come encoded."""
    path = _without_version(raw_path)
    return path.startswith(ANTHROPIC) and path[len(ANTHROPIC) :][:1] in {"", "/"}


def look_up(raw_path: str) -> tuple[Methods | None, tuple[str, ...]]:
    """What a path offers by method, None if nothing, and what stands for the names in braces, decoded.

    `raw_path` is still percent-encoded and has no query.
    """
    found = _EXACT.get(raw_path)
    if found is not None:
        return found
    segments = _without_version(raw_path).split("/")[1:]
    for pattern, rows in _OPEN:
        names = _match(pattern, segments)
        if names is not None:
            return rows, names
    return None, ()


def _match(pattern: list[str], segments: list[str]) -> tuple[str, ...] | None:
    """What stands for the names of a pattern; None for another path. No name stands for nothing."""
    names: list[str] = []
    for place, step in enumerate(pattern):
        if place >= len(segments):
            return None
        if step.endswith("...}"):
            rest = unquote("/".join(segments[place:]))
            return (*names, rest) if rest else None
        if step.startswith("{"):
            names.append(unquote(segments[place]))
        elif step != segments[place]:
            return None
    return tuple(names) if len(pattern) == len(segments) and all(names) else None


def expect_method(methods: Methods, method: str) -> Endpoint:
    """The endpoint. Raises MethodNotAllowed where the path is right and the method is not."""
    found = methods.get(method) or methods.get(ANY) or (methods.get("GET") if method == "HEAD" else None)
    if found is None:
        path = next(iter(methods.values())).path.replace("...}", "}")
        allowed = tuple(methods)
        hint = " or ".join(allowed)
        raise MethodNotAllowed(f"Not allowed to {method} on /v1{path} (HINT: use {hint}).", allowed)
    return found


def unknown(method: str, raw_path: str) -> UnknownUrl | UnsupportedEndpoint:
    """The error for a path without an endpoint."""
    path = _without_version(raw_path)
    segments = path.split("/")
    for prefix, hint in UNSUPPORTED:
        if _covers(prefix.split("/"), segments):
            return UnsupportedEndpoint(f"/v1{prefix} is not supported here. {hint}")
    shown = "".join(letter if " " <= letter <= "~" else "?" for letter in raw_path[:200])
    return UnknownUrl(f"Unknown request URL: {method} {shown}. Chat completions are at /v1/chat/completions.")


def _covers(prefix: list[str], segments: list[str]) -> bool:
    """Whether a path begins with a prefix, in which `{id}` is any segment."""
    return len(prefix) <= len(segments) and all(
        step in {"{id}", segment} for step, segment in zip(prefix, segments, strict=False)
    )


def _without_version(raw_path: str) -> str:
    return raw_path[3:] if raw_path.startswith("/v1/") else raw_path
