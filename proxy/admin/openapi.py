"""The OpenAPI document of the admin API (3.1), made from the table of operations and its pydantic models."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import proxy
from proxy.admin import table
from proxy.admin.exchange import REPLAYED, WARNINGS
from proxy.admin.idempotency import HEADER
from proxy.admin.listing import DEFAULT, DIGITS, LONGEST, MOST
from proxy.admin.operations import Operation

Schema = dict[str, Any]

JSON = "application/json"
ABOUT = """Tenants, keys, limits, budgets and usage of telnyx-openai-proxy.

Every change is one transaction with its entry in the audit log. A changed object can be protected by `If-Match` with
the `ETag` it was read with; a POST can be repeated safely with an `Idempotency-Key`. Times are Unix seconds. Objects
with `"declared": true` stand in the configuration file and are changed there.
"""

_SWITCH: Schema = {"type": "string", "enum": ["true", "false"]}
_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 10**DIGITS - 1}
_TEXT: Schema = {"type": "string", "maxLength": LONGEST, "pattern": r"^[^\x00]*$"}
PARAMETERS: Mapping[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
    **dict.fromkeys(("archived", "disabled", "revoked", "force", "include_archived"), _SWITCH),
    **dict.fromkeys(("since", "until", *(f"effective_at[{each}]" for each in ("gt", "gte", "lt", "lte"))), _NUMBER),
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "owner_project_access": {"type": "string", "enum": ["active", "inactive", "any"]},
}
"""What query parameters look like, by name; the others are text."""
_BY_OPERATION: Mapping[tuple[str, str], Schema] = {("audit.list", "after"): _NUMBER}

FAULTS: Mapping[int, str] = {
    400: "The request is wrong; `param` says where",
    401: "No admin token, or none that is good",
    403: "The role of the token does not cover it",
    404: "There is no such object, or it is not for the caller to see",
    405: "The path has no such method",
    408: "The body did not arrive in time",
    409: "It is there already, in use, or declared in the configuration file",
    412: "`If-Match` names an older revision",
    413: "The body is larger than 1 MiB",
    500: "A bug; the log says more under the request's id",
    503: "The database does not answer",
}
_OF_READING = (400, 401, 403, 404, 405, 408, 413, 500, 503)
_OF_CHANGING = tuple(FAULTS)
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}

_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "where it is: `keys[3].name`"},
                "code": {"type": ["string", "null"], "description": "for programs"},
            },
        }
    },
    "examples": [
        {
            "error": {
                "message": "There is no key 'key_1'.",
                "type": "invalid_request_error",
                "param": None,
                "code": "not_found",
            }
        }
    ],
}
_DELETED: Schema = {
    "type": "object",
    "required": ["object", "id", "deleted"],
    "properties": {"object": {"type": "string"}, "id": {"type": "string"}, "deleted": {"const": True}},
}
_WARNINGS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": "what is allowed and looks like a slip; absent where there is nothing",
}


@cache
def document() -> Schema:
    """The document. It is the same for the life of the process."""
    rows = table.operations()
    return {
        "openapi": "3.1.0",
        "info": {"title": "telnyx-openai-proxy admin API", "version": proxy.__version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"admin_token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(row) for row in rows)],
        "paths": _paths(rows),
        "components": {
            "securitySchemes": {
                "admin_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`admin.token` of the configuration, or a token made with `tokens create`",
                }
            },
            "schemas": {**_schemas(rows), "Error": _ERROR},
            "responses": {f"E{status}": _fault(status, text) for status, text in FAULTS.items()},
        },
    }


def _tag(row: Operation) -> str:
    return row.id.rsplit(".", 1)[0]


def _paths(rows: tuple[Operation, ...]) -> Schema:
    paths: Schema = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return paths


def _operation(row: Operation) -> Schema:
    roles = ", ".join(sorted(row.roles))
    found: Schema = {
        "operationId": row.id,
        "tags": [_tag(row)],
        "summary": row.summary,
        "description": f"Roles: {roles}.",
        "x-roles": sorted(row.roles),
        "parameters": list(_parameters(row)),
        "responses": {str(row.status): _success(row), **_faults(row)},
    }
    if row.body is not None:
        required = any(field.is_required() for field in row.body.model_fields.values())
        found["requestBody"] = {"required": required, "content": {JSON: {"schema": _reference(row.body)}}}
    return found


def _parameters(row: Operation) -> Iterator[Schema]:
    for part in row.path.split("/"):
        if part.startswith("{"):
            yield {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for name, text in row.query.items():
        schema = row.forms.get(name) or _BY_OPERATION.get((row.id, name)) or PARAMETERS.get(name, _TEXT)
        needed = {"required": True} if name in row.needed else {}
        yield {"name": name, "in": "query", "description": text, "schema": schema, **needed}
    if row.method == "POST":
        text = "names this request: sent again within a day, it gets the same answer and does nothing"
        yield _header(HEADER, text, {"type": "string", "pattern": "^[!-~]{1,255}$"})
    if row.method != "GET" and "{" in row.path:
        schema = {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,9}")$', "examples": ['"3"']}
        yield _header("If-Match", "`ETag` of the object as it was read", schema)


def _header(name: str, text: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "description": text, "schema": schema}


def _success(row: Operation) -> Schema:
    headers: Schema = {
        "x-request-id": {"schema": {"type": "string"}},
        "etag": {"description": "the revision", "schema": {"type": "string"}},
    }
    if row.method != "GET":
        headers[WARNINGS] = {"description": "warnings, percent-encoded", "schema": {"type": "string"}}
    if row.method == "POST":
        headers[REPLAYED] = {"description": "`true`: nothing was done this time", "schema": {"type": "string"}}
    schema = _DELETED if row.view is None else _list(row.view) if row.listed else _reference(row.view)
    return {
        "description": "Done" if row.method != "GET" else "Found",
        "headers": headers,
        "content": {JSON: {"schema": schema}},
    }


def _list(view: type[BaseModel]) -> Schema:
    identity = {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": ["object", "data", "first_id", "last_id", "has_more"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": _reference(view)},
            "first_id": identity,
            "last_id": identity,
            "has_more": {"type": "boolean"},
        },
    }


def _faults(row: Operation) -> Schema:
    statuses = _OF_READING if row.method == "GET" else _OF_CHANGING
    return {str(status): {"$ref": f"#/components/responses/E{status}"} for status in statuses}


def _fault(status: int, text: str) -> Schema:
    return {"description": text, "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas(rows: tuple[Operation, ...]) -> Schema:
    """The models by their names, which are therefore unique among all operations."""
    bodies = {row.body for row in rows if row.body is not None}
    views = {row.view for row in rows if row.view is not None}
    wanted: list[Any] = [(model, "validation") for model in bodies] + [(model, "serialization") for model in views]
    wanted.sort(key=lambda each: each[0].__name__)
    _, schema = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    found: Schema = schema.get("$defs", {})
    for view in views:
        found[view.__name__].setdefault("properties", {}).setdefault("warnings", _WARNINGS)
    return {name: _plain(found[name]) for name in sorted(found)}


def _plain(schema: Any) -> Any:
    """Without what only repeats names, and with JSON Schema's words for bounds that pydantic left in its own."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    titled = "title" in schema and isinstance(schema["title"], str)
    return {_BOUNDS.get(name, name): _plain(each) for name, each in schema.items() if not (titled and name == "title")}
