"""The settings as documentation: one table per section, made from the models."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ByteSize, SecretStr
from pydantic_core import PydanticUndefined

from proxy.settings.model import MIB, Settings
from proxy.settings.overrides import PREFIX, STEP
from proxy.settings.request import Caps, RequestFields
from proxy.settings.secrets import Secret
from proxy.settings.shape import Setting, Shape, walk

LONG = 60
"""Characters of a default beyond which the table points to the file instead."""

HEADS = ("| setting | type | default | environment | meaning |", "|---|---|---|---|---|")

_TYPES: Mapping[Any, str] = types.MappingProxyType(
    {bool: "true or false", int: "whole number", float: "number", ByteSize: "size", SecretStr: "text", Any: "value"}
)


def settings_chapter() -> str:
    """All settings in Markdown, one section of the file after the other."""
    lines = ["## Settings", ""]
    for name, field in Settings.model_fields.items():
        rows = [each for each in walk(Settings, (Secret, Caps)) if _of(each.path, name)]
        model = rows[0].shape.item.model if rows[0].shape.item is not None else rows[0].shape.model
        lines += [f"### {name}", "", (model.__doc__ if model is not None else field.description) or "", "", *HEADS]
        lines += [_row(each) for each in rows if each.path != name or each.shape.kind == "list"]
        lines.append("")
    return "\n".join([*lines, *_secrets(), *_request_fields()])


def _of(path: str, section: str) -> bool:
    return path == section or path.startswith((f"{section}.", f"{section}["))


def _row(setting: Setting) -> str:
    variable = f"`{variable_of(setting.path)}`" if variable_of(setting.path) else "whole map only"
    cells = (
        f"`{setting.path}`",
        type_of(setting.shape),
        default_of(setting),
        variable,
        setting.field.description or "",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def variable_of(path: str) -> str:
    """The environment variable of `tenants[].id`, empty for what is inside a map."""
    if ".*" in path:
        return ""
    variable = PREFIX + path.replace("[]", ".0").replace(".", STEP).upper()
    return variable if STEP in variable.removeprefix(PREFIX) else f"{variable}{STEP}0"


def type_of(shape: Shape) -> str:
    """The type in words."""
    words = _type(shape)
    return f"{words}, or null" if shape.optional else words


def _type(shape: Shape) -> str:
    if shape.model is not None:
        return _MODELS.get(shape.model, "section")
    if shape.item is not None:
        return f"{'list' if shape.kind == 'list' else 'map'} of {_plural(_type(shape.item))}"
    return _plain_type(shape.type)


def _plain_type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in {Union, types.UnionType}:
        return " or ".join(_plain_type(each) for each in get_args(annotation) if each is not types.NoneType)
    return _TYPES.get(annotation, "text")


def _plural(words: str) -> str:
    return f"{words}s" if words in {"text", "section", "number", "value"} else words


_MODELS: Mapping[type[BaseModel], str] = types.MappingProxyType(
    {
        Secret: "[secret](#secrets)",
        RequestFields: "[request fields](#request-fields)",
        Caps: "[numbers](#request-fields)",
    }
)


def default_of(setting: Setting) -> str:
    """The default as it would stand in the file; empty where a value is required, or a section has its own."""
    value = setting.field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) and not isinstance(value, Secret):
        return ""
    text = yaml_text(value)
    return f"`{text}`" if len(text) <= LONG else "see `proxy.yaml`"


def yaml_text(value: Any) -> str:
    """A default on one line of YAML."""
    if isinstance(value, Secret):
        return f"{{env: {value.env}}}"
    if isinstance(value, ByteSize):
        return f"{value // MIB}MiB"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {yaml_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _secrets() -> Iterator[str]:
    yield from ("### Secrets", "", "A secret says where it is found; exactly one of:", "")
    for name, field in Secret.model_fields.items():
        yield f"- `{name}`: {field.description}"
    yield ""


def _request_fields() -> Iterator[str]:
    yield from ("### Request fields", "")
    yield "What `defaults`, `force` and, where numbers are meant, `cap` may hold:"
    yield from ("", "| field | type | cap | meaning |", "|---|---|---|---|")
    for each in walk(RequestFields):
        cap = "yes" if each.path in Caps.model_fields else ""
        yield f"| `{each.path}` | {type_of(each.shape)} | {cap} | {each.field.description} |"
    yield ""
