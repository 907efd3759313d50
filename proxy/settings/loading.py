"""From a file and the environment to Settings, or to every fault at once."""

import contextlib
import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from proxy.settings import document as yaml
from proxy.settings.checks import Readable, check
from proxy.settings.document import Document, Origin
from proxy.settings.faults import ConfigurationError, Fault, Location, enclosing, path_text, plain_path
from proxy.settings.model import Settings
from proxy.settings.overrides import overlay
from proxy.settings.secrets import BELOW_THE_FILE, Surroundings, resolve_if_there
from proxy.settings.section import Section
from proxy.settings.storage import Storage
from proxy.settings.tenants import Key, Tenant
from proxy.settings.wording import explain, location_of

Check = Callable[[Settings], Iterable[Fault]]
"""A further look at valid settings, from a room that settings cannot see (are these names fields, quirks, ...?)."""


def environment() -> Mapping[str, str]:
    """The environment of this process. Nothing else reads it."""
    return os.environ


def load(
    path: Path | None, environ: Mapping[str, str], *, secrets: bool = True, checks: Iterable[Check] = ()
) -> Settings:
    """The settings of a file (None: all defaults) with the environment laid over it.

    `secrets=False` leaves secrets and other files that settings name alone. `checks` see valid settings only, or the
    valid part without tenants; their faults get their line like all others. Raises ConfigurationError with every fault.
    """
    source = str(path) if path is not None else ""
    folder = path.parent if path is not None else Path()
    document = yaml.read(path) if path is not None else Document()
    if document.value is None:
        document.value = {}
    if not isinstance(document.value, dict):
        raise ConfigurationError([Fault("", "must be names and values", "listen: {port: 8080}", source, 1)])
    faults = [*document.faults, *overlay(document, environ, Settings), *_lay_profiles(document, folder)]
    for name in NEVER_ABSENT:
        document.value.setdefault(name, {})
    settings, found = _validate(document.value, Surroundings(environ, folder, resolve=secrets))
    faults += found
    faults += [fault for look in checks for fault in look(settings)]
    if faults:
        raise ConfigurationError(_placed(faults, document.origins, source))
    return settings


def load_stored(path: Path | None, environ: Mapping[str, str], *, checks: Iterable[Check] = ()) -> Settings:
    """The same for whoever works on the store beside a server: of all secrets only those of `storage` are looked up.

    An operator at a terminal does not have the Telnyx keys in the environment, and needs none. Raises
    ConfigurationError with every fault.
    """
    settings = load(path, environ, secrets=False, checks=checks)
    document = yaml.read(path) if path is not None else Document()
    document.value = document.value or {}
    overlay(document, environ, Settings)
    folder = path.parent if path is not None else Path()
    try:
        storage = Storage.model_validate(
            document.value.get("storage") or {}, context=Surroundings(environ, folder, resolve=True)
        )
    except ValidationError as error:
        faults = [replace(fault, path=f"storage.{fault.path}") for fault in explain(error, Storage)]
        source = str(path) if path is not None else ""
        raise ConfigurationError(_placed(faults, document.origins, source)) from None
    batches = settings.batches  # its folder belongs to the store, and has no secret to look up
    batches = batches.model_copy(update={"folder": str((folder / batches.folder).absolute())})
    return settings.model_copy(update={"storage": storage, "batches": batches})


def with_telnyx_keys(settings: Settings, folder: Path, environ: Mapping[str, str]) -> Settings:
    """Settings that were loaded without secrets, with the Telnyx keys that are there. `folder`: of the file."""
    around = Surroundings(environ, folder, resolve=True)

    def found(section: Section, name: str) -> Any:
        return section.model_copy(update={name: resolve_if_there(getattr(section, name), around)})

    tenants = [
        found(tenant, "upstream_api_key").model_copy(
            update={"credentials": tuple(found(each, "api_key") for each in tenant.credentials)}
        )
        for tenant in settings.tenants
    ]
    return settings.model_copy(update={"upstream": found(settings.upstream, "api_key"), "tenants": tuple(tenants)})


NEVER_ABSENT = ("admin", "upstream", "storage", "ledger")
"""Sections with secrets or paths by default, which are looked up only where the section is validated."""


def _validate(value: dict[str, Any], around: Surroundings) -> tuple[Settings, list[Fault]]:
    """The settings and no fault, or what could be saved of them and every fault."""
    wrong: list[Location] = []
    faults: list[Fault] = []
    try:
        settings = Settings.model_validate(value, context=around)
    except ValidationError as error:
        faults = explain(error, Settings)
        wrong = [location_of(each) for each in error.errors()]
        settings = _salvage({**copy.deepcopy(value), "tenants": []}, around)
    return settings, faults + check(_readable(settings, value, wrong, around))


def _salvage(value: dict[str, Any], around: Surroundings) -> Settings:
    """The settings with defaults where something is wrong. Nothing outside tenants is required, so it ends."""
    while True:
        try:
            return Settings.model_validate(value, context=around)
        except ValidationError as error:
            for each in error.errors():
                _cut(value, location_of(each))


def _cut(value: dict[str, Any], location: Location) -> None:
    """Remove the innermost named thing that a location leads to."""
    inside: Any = value
    holder, name = value, location[0]
    for step in location:
        if not isinstance(inside, dict) or step not in inside:
            break
        holder, name, inside = inside, step, inside[step]
    holder.pop(str(name), None)


def _readable(settings: Settings, value: Mapping[str, Any], wrong: list[Location], around: Surroundings) -> Readable:
    tenants = dict(_sections(value.get("tenants")))
    keys = [(i, j, key) for i, each in tenants.items() for j, key in _sections(each.get("keys"))]
    return Readable(
        settings=settings,
        ids={i: each["id"] for i, each in tenants.items() if isinstance(each.get("id"), str)},
        names={(i, j): key["name"] for i, j, key in keys if isinstance(key.get("name"), str)},
        keys=dict(_valid(keys, around)),
        borrowers=tuple(
            i
            for i, each in tenants.items()
            # a name that is not known may be a misspelt upstream_api_key
            if each.get("upstream_api_key") is None
            and not each.get("credentials")
            and each.keys() <= Tenant.model_fields.keys()
        ),
        upstream_key=not any(each[0] == "upstream" or len(each) == 1 for each in wrong),
        token=("admin", "token") not in [each[:2] for each in wrong],
        resolved=around.resolve,
    )


def _sections(given: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a list that are sections, with their index."""
    if isinstance(given, list):
        yield from ((index, each) for index, each in enumerate(given) if isinstance(each, dict))


def _valid(
    keys: Iterable[tuple[int, int, dict[str, Any]]], around: Surroundings
) -> Iterator[tuple[tuple[int, int], Key]]:
    """The keys that are valid by themselves."""
    for tenant, index, key in keys:
        with contextlib.suppress(ValidationError):
            yield (tenant, index), Key.model_validate(key, context=around)


def _lay_profiles(document: Document, folder: Path) -> list[Fault]:
    """Lay the profiles of `models.file` under those of the document, in place. Returns what is wrong with that file."""
    models = document.value.get("models")
    name = models.get("file") if isinstance(models, dict) else None
    if not isinstance(models, dict) or not isinstance(name, str) or not name:
        return []
    try:
        further = yaml.read(folder / name)
    except ConfigurationError as error:
        return [each if each.line else Fault("models.file", each.message, BELOW_THE_FILE) for each in error.faults]
    value = further.value if further.value is not None else {}
    if not isinstance(value, dict) or not isinstance(value.get("profiles") or {}, dict):
        return [Fault("profiles", "must be a section", 'profiles: {"zai-org/*": {}}', str(folder / name))]
    faults = list(further.faults)
    for other in sorted(set(value) - {"profiles"}):
        place = further.origins.get((other,), Origin(str(folder / name)))
        faults.append(Fault(path_text((other,)), "is not a setting here", "only profiles: can stand here", *_at(place)))
    if models.get("profiles") is None:
        models["profiles"] = {}
    if isinstance(models["profiles"], dict):
        kept = {("models", *where): origin for where, origin in further.origins.items() if where[:1] == ("profiles",)}
        document.origins.update({where: origin for where, origin in kept.items() if where not in document.origins})
        _lay_under(models["profiles"], value.get("profiles") or {})
    return faults


def _at(place: Origin) -> tuple[str, int | None]:
    return place.source, place.line


def _lay_under(over: dict[str, Any], under: Mapping[str, Any]) -> None:
    """Take from `under` what `over` does not have, section by section; figures of a price belong together."""
    for name, value in under.items():
        if name not in over or (over[name] is None and isinstance(value, dict)):
            over[name] = value
        elif isinstance(over[name], dict) and isinstance(value, dict) and name != "price":
            _lay_under(over[name], value)


def _placed(faults: Iterable[Fault], origins: Mapping[Location, Origin], source: str) -> Iterator[Fault]:
    """The faults with file and line, or the variable, of the innermost thing around them that was given."""
    index = {path_text(location): origin for location, origin in origins.items() if location}
    for fault in faults:
        if fault.source:
            yield fault
            continue
        known = plain_path(fault.path)
        place = next((index[path] for path in enclosing(known) if path in index), Origin(source))
        yield replace(fault, path=known, source=place.source, line=place.line)
