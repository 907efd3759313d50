"""`model_list`: names that apps use, and the deployments behind them.

A deployment at Telnyx becomes an alias, with what it sets as the profile of its model. One elsewhere becomes an alias
for what serves such names here by default, which somebody should look at. Rates belong to a deployment there and to
the tenant with that model here, which is the same as long as there is one tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from proxy.cli.litellm.draft import Draft, acceptable
from proxy.cli.litellm.references import variable
from proxy.cli.litellm.report import Place
from proxy.settings.aliases import ALIASES, EMBEDDING, GENERAL, SPEECH, TRANSCRIPTION
from proxy.settings.bounds import DECIMALS, Bounds, Prices
from proxy.settings.model import Upstream
from proxy.settings.request import RequestFields
from proxy.settings.tenants import Credential
from proxy.translation.models import Aliases

TELNYX = (".telnyx.com", ".telnyx.eu", ".telnyx.com.au")
COMPATIBLE = ("openai/", "custom_openai/", "openai_like/", "hosted_vllm/", "litellm_proxy/", "text-completion-openai/")
"""What LiteLLM writes before the model of a server that speaks OpenAI's API."""
MODES: Mapping[str, str | None] = {
    "chat": GENERAL,
    "completion": GENERAL,
    "responses": GENERAL,
    "embedding": EMBEDDING,
    "audio_transcription": TRANSCRIPTION,
    "audio_speech": SPEECH,
}
"""`model_info.mode` -> what serves it here where nothing better is known; the others have no equal."""
RATES: Mapping[str, str] = {
    "rpm": "requests_per_minute",
    "tpm": "tokens_per_minute",
    "max_parallel_requests": "concurrent",
}
PRICES: Mapping[str, str] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
}
"""Dollars for a token there, for a million of them here."""
RENAMED: Mapping[str, str] = {"max_completion_tokens": "max_tokens"}
LOST: Mapping[str, str] = {
    "api_version": "it belongs to Azure",
    "organization": "it belongs to OpenAI",
    "timeout": "timeouts are set for all models together: upstream.timeouts",
    "stream_timeout": "timeouts are set for all models together: upstream.timeouts",
    "max_retries": "client libraries retry by themselves; what is sent to Telnyx is repaired, not repeated",
    "num_retries": "client libraries retry by themselves; what is sent to Telnyx is repaired, not repeated",
    "extra_headers": "requests to Telnyx carry no headers of the configuration",
    "headers": "requests to Telnyx carry no headers of the configuration",
    "drop_params": "translation.unsupported is set for all models of a tenant together",
    "weight": "it chooses among deployments, and here is one for each name",
    "order": "it chooses among deployments, and here is one for each name",
    "mock_response": "`telnyx-proxy demo` answers without Telnyx",
    "litellm_credential_name": "credentials are not named here: upstream.api_key, tenants[].credentials",
    "tags": "requests are not routed by tags",
}
INFO: Mapping[str, str] = {
    "id": "deployments have no ids here",
    "base_model": "Telnyx's model list knows its models",
    "max_tokens": "Telnyx's model list knows its models",
    "max_input_tokens": "Telnyx's model list knows its models",
    "max_output_tokens": "models.profiles[].cap.max_tokens bounds what is asked for",
    "access_groups": "keys and tenants name models by patterns",
    "team_id": "tenants name their models under tenants[].models",
}


ELSEWHERE = "it was set for another provider's model"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One element of `model_list`.

    Attributes:
        place: where it stands; params, info: its litellm_params and model_info.
        name: what apps call it; model: what LiteLLM calls it.
        target: the Telnyx id that is to serve it, None where none can be told.
        telnyx: whether it is at Telnyx already.
    """

    place: Place
    params: Mapping[str, Any]
    info: Mapping[str, Any]
    name: str
    model: str
    target: str | None
    telnyx: bool


def read_models(draft: Draft, given: Any, place: Place) -> None:
    """Every deployment of `model_list`."""
    for index, each in enumerate(given if isinstance(given, list) else []):
        found = _deployment(each, (*place, index))
        if found is None:
            draft.report.lost((*place, index), "it is no deployment: model_name and litellm_params.model are expected")
        else:
            _read(draft, found, each)


def _deployment(given: Any, place: Place) -> Deployment | None:
    params = given.get("litellm_params") if isinstance(given, dict) else None
    if not isinstance(params, dict) or not isinstance(params.get("model"), str) or not given.get("model_name"):
        return None
    info = given["model_info"] if isinstance(given.get("model_info"), dict) else {}
    name, model = str(given["model_name"]), params["model"]
    telnyx = _host(params).endswith(TELNYX)
    target = _bare(model) if telnyx else _candidate(name, model, info.get("mode"))
    return Deployment(place, params, info, name, model, target, telnyx)


def _host(params: Mapping[str, Any]) -> str:
    try:
        return urlsplit(str(params.get("api_base") or params.get("base_url") or "")).hostname or ""
    except ValueError:
        return ""


def _bare(model: str) -> str:
    """The model as its server calls it."""
    prefix = next((prefix for prefix in COMPATIBLE if model.startswith(prefix)), "")
    return model[len(prefix) :]


def _candidate(name: str, model: str, mode: Any) -> str | None:
    """What could serve a model of another provider's: what serves its name by default, or others of its kind."""
    if "*" in name or "*" in model:
        return None
    known = Aliases(ALIASES)
    return known.target(name) or known.target(model.rpartition("/")[2]) or MODES.get(str(mode or "chat"))


def _read(draft: Draft, one: Deployment, given: Mapping[str, Any]) -> None:
    _alias(draft, one)
    for name, value in one.params.items():
        if name != "model":
            _param(draft, one, ("litellm_params", name), value)
    for name in RATES:
        if name in given:
            _param(draft, one, (name,), given[name])
    for name, value in one.info.items():
        if name in PRICES:
            _param(draft, one, ("model_info", name), value)
        elif name == "mode":
            draft.report.mapped((*one.place, "model_info", name), "its endpoint says what a model is asked for")
        else:
            draft.report.lost((*one.place, "model_info", name), INFO.get(name, "Telnyx's model list knows its models"))
    _price(draft, one)


def _alias(draft: Draft, one: Deployment) -> None:
    place, report = (*one.place, "model_name"), draft.report
    model = (*one.place, "litellm_params", "model")
    wild = "*" in one.name or "*" in one.model
    if wild and one.telnyx:
        report.mapped(place, "Telnyx's model ids may be asked for by themselves")
        report.mapped(model, "Telnyx's model ids may be asked for by themselves")
    elif one.target is None:
        why = "a pattern of another provider's models" if wild else "Telnyx serves no model of this kind here"
        report.lost(place, why)
        report.lost(model, why)
    elif draft.names.setdefault(one.name, one.target) != one.target:
        report.lost(place, f"the name stands for {draft.names[one.name]} already; a name has one model here")
        report.lost(model, "a name has one model here; there is no balancing among several")
    else:
        _serve(draft, one, one.target)


def _serve(draft: Draft, one: Deployment, target: str) -> None:
    place, model = (*one.place, "model_name"), (*one.place, "litellm_params", "model")
    if one.name != target:
        draft.aliases[one.name] = target
    if one.telnyx:
        draft.report.mapped(
            place, f"models.aliases: {one.name}" if one.name != target else "the id itself is asked for"
        )
        draft.report.mapped(model, f"served by {target}")
        return
    draft.report.check(place, f"models.aliases: {one.name}, a candidate")
    draft.report.check(
        model, f"{_shown(one.model)} is not known to be at Telnyx; {target} serves it now. Choose what suits"
    )


def _shown(model: str) -> str:
    """A name, not a text of any length that stands where a name should."""
    return model[:100] if variable(model) is None else "a model named by a variable"


def _param(draft: Draft, one: Deployment, step: tuple[str, ...], value: Any) -> None:
    """One setting of a deployment."""
    place, name = (*one.place, *step), step[-1]
    special = _SPECIAL.get(name)
    if name in PRICES and one.telnyx:
        return  # they are read together
    if special is not None:
        special(draft, one, place, value)
    elif name in LOST:
        draft.report.lost(place, LOST[name])
    elif not one.telnyx or one.target is None or "*" in one.target:
        draft.report.lost(place, ELSEWHERE)
    elif name in RATES:
        _rate(draft, one, place, value)
    else:
        _default(draft, one, place, value)


def _rate(draft: Draft, one: Deployment, place: Place, value: Any) -> None:
    name, model = RATES[str(place[-1])], str(one.target)
    bounds = draft.limits.setdefault(model, {})
    # each deployment has its own, and all of them serve the one name
    total = bounds.get(name, 0) + value if isinstance(value, int) and not isinstance(value, bool) else value
    if acceptable(Bounds, **{name: total}):
        bounds[name] = total
        draft.report.mapped(place, f"tenants[].limits with model {model}: {name}")
    else:
        draft.report.lost(place, f"{name} takes no such value")
    if not bounds:
        del draft.limits[model]


def _default(draft: Draft, one: Deployment, place: Place, value: Any) -> None:
    name, model = RENAMED.get(str(place[-1]), str(place[-1])), str(one.target)
    if name not in RequestFields.model_fields:
        draft.report.lost(place, "it is no field of a request to Telnyx")
    elif not acceptable(RequestFields, **{name: value}):
        draft.report.lost(place, f"{name} takes no such value")
    elif draft.profiles.setdefault(model, {}).setdefault("defaults", {}).setdefault(name, value) != value:
        draft.report.lost(place, f"{model} has another {name} already")
    else:
        draft.report.mapped(place, f"models.profiles, {model}: defaults.{name}")


def _price(draft: Draft, one: Deployment) -> None:
    """What budgets count with. Input and output belong together, so they are read at the end."""
    places = {name: (*one.place, part, name) for part in ("litellm_params", "model_info") for name in PRICES
              if name in (one.params if part == "litellm_params" else one.info)}  # fmt: skip
    if not one.telnyx or not places:
        return
    price = {PRICES[name]: _per_million((one.params | one.info).get(name)) for name in places}  # type: ignore[operator]
    whole = price.get("input") is not None and price.get("output") is not None
    good = whole and acceptable(Prices, **price) and one.target is not None and "*" not in one.target
    for place in places.values():
        if good:
            draft.report.mapped(place, f"models.profiles, {one.target}: price")
        else:
            draft.report.lost(place, "a price needs dollars for both input and output, at most 0.000001 for a million")
    if good:
        draft.profiles.setdefault(str(one.target), {})["price"] = price


def _per_million(value: Any) -> float | int | None:
    try:
        exact = round(Decimal(str(value)) * 1_000_000, DECIMALS)
    except ArithmeticError:
        return None
    return int(exact) if exact == int(exact) else float(exact)


def _base(draft: Draft, one: Deployment, place: Place, value: Any) -> None:
    if not one.telnyx:
        unknown = variable(value) is not None
        told = "what the variable holds is not known here; if it is Telnyx, set upstream.base_url"
        draft.report.lost(place, told if unknown else "only Telnyx is called from here")
        return
    address, _, _ = str(value).partition("/ai")
    address = address.rstrip("/")
    upstream = draft.section("upstream")
    if not acceptable(Upstream, base_url=address, api_key=None):
        draft.report.lost(place, "it is no address that upstream.base_url takes")
    elif upstream.setdefault("base_url", address) != address:
        draft.report.lost(place, f"upstream.base_url is {upstream['base_url']} already; there is one")
    else:
        draft.report.mapped(place, "upstream.base_url")
    draft.sections = {name: section for name, section in draft.sections.items() if section}


def _key(draft: Draft, one: Deployment, place: Place, value: Any) -> None:
    if not one.telnyx:
        text = "a key of another provider; Telnyx keeps such keys: see `secrets sync` and tenants[].api_key_refs"
        draft.report.lost(place, text)
        return
    reference, told = draft.secrets.reference(value, "TELNYX_API_KEY")
    draft.section("upstream").setdefault("api_key", reference)
    if all(reference != each["api_key"] for each in draft.credentials):
        weight = one.params.get("weight", 1)
        fair = weight if acceptable(Credential, name="a", api_key=reference, weight=weight) else 1
        name = f"key-{len(draft.credentials) + 1}"
        draft.credentials.append({"name": name, "api_key": reference, "weight": fair})
    draft.report.mapped(place, f"the Telnyx API key; {told}")


_SPECIAL = {"api_base": _base, "base_url": _base, "api_key": _key}
