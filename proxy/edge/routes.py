"""Path and method -> endpoint. Decided on the path alone; nothing a client sends in a header changes a route."""

from urllib.parse import unquote

from proxy.endpoints import ENDPOINTS, UNSUPPORTED, Endpoint
from proxy.errors import MethodNotAllowed, UnknownUrl, UnsupportedEndpoint

_EXACT = {version + row.path: (row, "") for row in ENDPOINTS if "{" not in row.path for version in ("/v1", "")}
_OPEN = tuple((endpoint.path.partition("{")[0], endpoint) for endpoint in ENDPOINTS if "{" in endpoint.path)


def look_up(raw_path: str) -> tuple[Endpoint | None, str]:
    """The endpoint of a path, None if there is none, and what stands for `{id}` (decoded, "" if the path has none).

    `raw_path` is still percent-encoded and has no query.
    """
    found = _EXACT.get(raw_path)
    if found is not None:
        return found
    path = _without_version(raw_path)
    for prefix, candidate in _OPEN:
        if path.startswith(prefix) and len(path) > len(prefix):
            return candidate, unquote(path[len(prefix) :])
    return None, ""


def expect_method(endpoint: Endpoint, method: str) -> None:
    """Raises MethodNotAllowed where the path is right and the method is not."""
    if method != endpoint.method and not (method == "HEAD" and endpoint.method == "GET"):
        raise MethodNotAllowed(
            f"Not allowed to {method} on /v1{endpoint.path} (HINT: use {endpoint.method}).", (endpoint.method,)
        )


def unknown(method: str, raw_path: str) -> UnknownUrl | UnsupportedEndpoint:
    """The error for a path without an endpoint."""
    path = _without_version(raw_path)
    for prefix, hint in UNSUPPORTED:
        if path == prefix or path.startswith(prefix + "/"):
            return UnsupportedEndpoint(f"/v1{prefix} is not supported here. {hint}")
    shown = "".join(letter if " " <= letter <= "~" else "?" for letter in raw_path[:200])
    return UnknownUrl(f"Unknown request URL: {method} {shown}. Chat completions are at /v1/chat/completions.")


def _without_version(raw_path: str) -> str:
    return raw_path[3:] if raw_path.startswith("/v1/") else raw_path
