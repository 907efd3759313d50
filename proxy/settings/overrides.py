"""Settings from the environment: `TELNYX_PROXY_<SECTION>__<NAME>[__...]=value`, laid over the file.

Two underscores lead one step further in, so only names that contain two are overrides. That leaves alone what
Kubernetes puts into every container beside a service called `telnyx-proxy`: TELNYX_PROXY_PORT=tcp://10.0.0.1:80 and
the like (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from proxy.settings.document import Document, Origin, scalar
from proxy.settings.faults import ConfigurationError, Fault, Location, nearest, path_text
from proxy.settings.request import Caps
from proxy.settings.secrets import Secret
from proxy.settings.shape import Shape, find, section, walk

PREFIX = "TELNYX_PROXY_"
STEP = "__"

SECRETS = frozenset({"TELNYX_PROXY_ADMIN_TOKEN"})
"""Names that hold secrets by default and would otherwise look like a setting with an underscore too few."""

SLIP = 0.85
"""How alike a name and a setting must be to be taken for a slip: below it, it may be somebody else's variable."""

_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")
"""How the values of Kubernetes' service variables begin."""
_ITEM = re.compile(r"([0-9]+)(?:_|\Z)")


def variable(location: Location) -> str:
    """The environment variable of a setting: `("tenants", 0, "id")` -> TELNYX_PROXY_TENANTS__0__ID."""
    return PREFIX + STEP.join(str(step).upper() for step in location)


def overlay(document: Document, environ: Mapping[str, str], model: type[BaseModel]) -> list[Fault]:
    """Lay the environment over a document, in place. Returns a fault for each variable that cannot be used."""
    root = section(model)
    faults: list[Fault] = []
    found: dict[Location, str] = {}
    for name in environ:
        if name.startswith(PREFIX) and STEP in name[len(PREFIX) :]:
            located = locate(name, root)
            if isinstance(located, Fault):
                faults.append(located)
            else:
                found[located] = name
    # a whole section before its parts, the items of a list in their order
    for location in sorted(found, key=_order):
        fault = _lay(document, location, (found[location], environ[found[location]]), root)
        faults.extend([fault] if fault is not None else [])
    return faults + list(_slips(document.value, environ, model))


def locate(name: str, root: Shape) -> Location | Fault:
    """The setting that a variable with double underscores names, or what is wrong with the name."""
    location: Location = ()
    here: Shape | None = root
    for step in name[len(PREFIX) :].lower().split(STEP):
        if here is None or here.kind in {"text", "value"}:
            return Fault("", "goes deeper than there are settings", f"the setting is {variable(location)}", name)
        if here.kind == "map":
            hint = f"names are upper case here; give the whole map: {variable(location)}='{{name: value}}'"
            return Fault("", "is a name inside a map", hint, name)
        if here.kind == "list":
            if not step.isdecimal():
                return Fault("", "lacks the number of an item", f"the first is {variable((*location, 0))}", name)
            location = (*location, int(step))
        elif step in here.names():
            location = (*location, step)
        else:
            return Fault("", "is not a setting", _nearest_variable(location, step, here), name)
        here = here.child(location[-1])
    return location


def _nearest_variable(location: Location, step: str, here: Shape) -> str:
    close = nearest(step, here.names())
    if close is not None:
        return f"did you mean {variable((*location, close))}?"
    return "known are: " + ", ".join(variable((*location, each)) for each in here.names())


def _order(location: Location) -> list[tuple[str, int]]:
    return [("", step) if isinstance(step, int) else (step, 0) for step in location]


def _lay(document: Document, location: Location, given: tuple[str, str], root: Shape) -> Fault | None:
    """Put one value in its place, and make the sections around it where they are missing."""
    name, text = given
    target = find(root, location)
    try:
        value = text_value(text, target) if target is not None and target.kind == "text" else scalar(text)
    except ConfigurationError:
        return Fault(path_text(location), "is not a value as YAML has it", "[one, two] or {name: value}", name)
    here = document.value
    for depth, step in enumerate(location):
        if isinstance(step, int) and isinstance(here, list) and step > len(here):
            hint = f"the next one is {variable((*location[:depth], len(here)))}"
            return Fault(path_text(location[: depth + 1]), "skips items of the list", hint, name)
        if not isinstance(here, list if isinstance(step, int) else dict):
            return None  # the file has something else there, which validation will say
        last = depth == len(location) - 1
        document.origins[location[: depth + 1]] = _origin(document, location[: depth + 1], name, replaced=last)
        if last and (around := find(root, location[:-1])) is not None and around.model is Secret:
            here.clear()  # one place of a secret stands for all
            document.origins[location[:-1]] = Origin(name)
        here = _put(here, step, value) if last else _enter(here, step, location[depth + 1])
    return None


def text_value(text: str, shape: Shape) -> str | None:
    """What is text is taken as it stands, whatever YAML would make of it; empty or `null` where null is allowed."""
    return None if shape.optional and text in {"", "null", "~"} else text


def _origin(document: Document, location: Location, name: str, *, replaced: bool) -> Origin:
    if not replaced:
        return document.origins.get(location, Origin(name))
    for inner in [each for each in document.origins if each[: len(location)] == location]:
        del document.origins[inner]
    return Origin(name)


def _put(container: Any, step: str | int, value: Any) -> Any:
    if isinstance(step, int) and step == len(container):
        container.append(value)
    else:
        container[step] = value
    return value


def _enter(container: Any, step: str | int, following: str | int) -> Any:
    """What stands at a step; an empty section or list is put where nothing does."""
    missing = step == len(container) if isinstance(step, int) else container.get(step) is None
    if missing or container[step] is None:
        return _put(container, step, [] if isinstance(following, int) else {})
    return container[step]


def _slips(value: Any, environ: Mapping[str, str], model: type[BaseModel]) -> Iterator[Fault]:
    """Variables that nearly are overrides: TELNYX_PROXY_UPSTREAM_BASE_URL, with one underscore too few."""
    used = SECRETS | set(_variables(value))
    flat = {each.path.replace(".", "_"): each.path for each in walk(model, (Secret, Caps))}
    for name, text in environ.items():
        rest = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or STEP in rest or name in used or _ADDRESS.match(text):
            continue
        location = _respell(rest, section(model)) or None
        if location is None and (close := difflib.get_close_matches(rest, flat, n=1, cutoff=SLIP)):
            location = tuple(flat[close[0]].split("."))
        if location is not None:
            known = variable(location) if len(location) > 1 else f"{variable(location)}__<NAME>"
            yield Fault("", "is not used", f"write {known} (two underscores) or unset it", name)


def _respell(rest: str, here: Shape) -> Location | None:
    """The setting whose name this is when every step is joined with one underscore."""
    if not rest:
        return ()
    for step, length in _first_steps(rest, here):
        child = here.child(step)
        inner = _respell(rest[length + 1 :], child) if child is not None else None
        if inner is not None:
            return (step, *inner)
    return None


def _first_steps(rest: str, here: Shape) -> Iterator[tuple[str | int, int]]:
    """The steps that a name can begin with, and their length in characters."""
    if here.kind == "list" and (item := _ITEM.match(rest)):
        yield int(item[1]), len(item[1])
    for name in here.names():
        if rest == name or rest.startswith(f"{name}_"):
            yield name, len(name)


def _variables(value: Any) -> Iterator[str]:
    """The variables that the secrets of a document name."""
    if isinstance(value, dict):
        if isinstance(value.get("env"), str):
            yield value["env"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
