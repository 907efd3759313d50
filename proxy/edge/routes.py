"""Path and method -> endpoint. Decided on the path alone; nothing a client sends in a header changes a route."""

from urllib.parse import unquote

from proxy.endpoints import ENDPOINTS, UNSUPPORTED, Endpoint
from proxy.errors import MethodNotAllowed, UnknownUrl, UnsupportedEndpoint

_EXACT = {endpoint.path: endpoint for endpoint in ENDPOINTS if "{" not in endpoint.path}
_OPEN = tuple((endpoint.path.partition("{")[0], endpoint) for endpoint in ENDPOINTS if "{" in endpoint.path)


def find(method: str, raw_path: str) -> tuple[Endpoint, str]:
    """The endpoint of a request and what stands for `{id}` (decoded, "" if the path has none).

    `raw_path` is still percent-encoded and has no query. Raises UnknownUrl, UnsupportedEndpoint, MethodNotAllowed.
    """
    path = raw_path[3:] if raw_path.startswith("/v1/") else raw_path
    endpoint, rest = _EXACT.get(path), ""
    if endpoint is None:
        for prefix, candidate in _OPEN:
            if path.startswith(prefix) and len(path) > len(prefix):
                endpoint, rest = candidate, unquote(path[len(prefix) :])
    if endpoint is None:
        raise _unknown(method, path)
    if method != endpoint.method and not (method == "HEAD" and endpoint.method == "GET"):
        raise MethodNotAllowed(
            f"Not allowed to {method} on /v1{endpoint.path} (HINT: use {endpoint.method}).", (endpoint.method,)
        )
    return endpoint, rest


def _unknown(method: str, path: str) -> Exception:
    for prefix, hint in UNSUPPORTED:
        if path == prefix or path.startswith(prefix + "/"):
            return UnsupportedEndpoint(f"/v1{prefix} is not supported here. {hint}")
    shown = "".join(letter if " " <= letter <= "~" else "?" for letter in path[:200])
    return UnknownUrl(f"Unknown request URL: {method} {shown}. Chat completions are at /v1/chat/completions.")
