"""`/admin/openapi.json`, and the same for people at `/admin/docs`: written here, whole without JavaScript.

Style and script are files of this very server, and the policy forbids everything else, so that nothing on the page
can load or run what somebody else wrote.
"""

import asyncio
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from proxy import codec
from proxy.admin.openapi import document

FOLDER = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
FILES: Mapping[str, str] = {"docs.css": "text/css", "docs.js": "text/javascript"}


def add_routes(router: web.UrlDispatcher) -> None:
    """The document, the page and its files. Making the first takes tenths of a second that no stream shall wait."""

    async def get_document(_request: web.Request) -> web.Response:
        return _answer(codec.encode(await asyncio.to_thread(document)), "application/json")

    async def get_page(_request: web.Request) -> web.Response:
        return _answer(await asyncio.to_thread(page), "text/html")

    router.add_get("/admin/openapi.json", get_document)
    router.add_get("/admin/docs", get_page)
    for name, kind in FILES.items():
        router.add_get(f"/admin/{name}", _file((FOLDER / name).read_bytes(), kind))


def _file(data: bytes, kind: str) -> Any:
    async def get_file(_request: web.Request) -> web.Response:
        return _answer(data, kind)

    return get_file


def _answer(body: bytes, kind: str) -> web.Response:
    charset = "utf-8" if kind.startswith("text/") else None
    return web.Response(body=body, content_type=kind, charset=charset, headers=HEADERS)


@cache
def page() -> bytes:
    """The whole page."""
    whole = document()
    title = escape(whole["info"]["title"])
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}</title><link rel="stylesheet" href="docs.css">',
            '<script src="docs.js" defer></script></head>',
            f"<body><header><h1>{title}</h1><p>Version {escape(whole['info']['version'])} · ",
            '<a href="openapi.json">openapi.json</a></p></header>',
            *_contents(whole),
            "<main>",
            *(f"<p>{_words(text)}</p>" for text in whole["info"]["description"].split("\n\n")),
            "<h2>Who asks</h2><p>Send <code>Authorization: Bearer TOKEN</code>: ",
            f"{_words(whole['components']['securitySchemes']['admin_token']['description'])}.</p>",
            *_operations(whole),
            *_faults(whole),
            "</main></body></html>",
        ]
    ).encode()


def _rows(whole: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in whole["paths"].items():
        for method, row in methods.items():
            yield method.upper(), path, row


def _contents(whole: Mapping[str, Any]) -> Iterator[str]:
    yield '<nav aria-label="Operations"><p id="search" hidden><label>Find <input type="search"></label></p><ul>'
    for method, path, row in _rows(whole):
        name = escape(row["operationId"])
        words = escape(f"{method} {path} {row['summary']}".lower())
        yield f'<li data-words="{words}"><a href="#{name}">{name}</a></li>'
    yield "</ul></nav>"


def _operations(whole: Mapping[str, Any]) -> Iterator[str]:
    for method, path, row in _rows(whole):
        yield f'<section id="{escape(row["operationId"])}"><h2>{escape(row["summary"])}</h2>'
        yield f'<p class="call"><b class="{method.lower()}">{method}</b> <code>{escape(path)}</code></p>'
        yield f"<p>Roles: {escape(', '.join(row['x-roles']))}</p>"
        yield from _table("Parameters", [_parameter(each) for each in row["parameters"]])
        if "requestBody" in row:
            yield from _table("Body", _fields(whole, _schema(row["requestBody"])))
        status, answer = next(iter(row["responses"].items()))
        yield from _table(f"Answer {status}", _fields(whole, _schema(answer)))
        faults = ", ".join(each for each in row["responses"] if each != status)
        yield f"<p>Errors: {faults}</p></section>"


def _faults(whole: Mapping[str, Any]) -> Iterator[str]:
    rows = [(name[1:], "", each["description"]) for name, each in whole["components"]["responses"].items()]
    yield '<section id="errors"><h2>Errors</h2>'
    yield from _table("The body is OpenAI's: error.message, type, param, code", rows)
    yield "</section>"


def _parameter(each: Mapping[str, Any]) -> tuple[str, str, str]:
    return each["name"], f"{each['in']}, {_kind(each['schema'])}", each.get("description", "")


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = content["content"]["application/json"]["schema"]
    return found


def _fields(whole: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, kind and meaning of each field of an object; of a list's elements, below `data`."""
    found = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    required = found.get("required", ())
    rows = []
    for name, each in found.get("properties", {}).items():
        needed = ", required" if name in required and "additionalProperties" in found else ""
        rows.append((name, _kind(each) + needed, each.get("description", "")))
        if name == "data" and "$ref" not in schema and "$ref" in each.get("items", {}):
            rows += [(f"data[].{inner}", kind, text) for inner, kind, text in _fields(whole, each["items"])]
    return rows


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _table(title: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if rows:
        yield f'<div class="wide"><table><caption>{escape(title)}</caption>'
        for name, kind, text in rows:
            yield f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{escape(kind)}</td>'
            yield f"<td>{_words(text)}</td></tr>"
        yield "</table></div>"


def _words(text: str) -> str:
    """Text for HTML; what stands between backticks is code."""
    parts = escape(text.strip()).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
