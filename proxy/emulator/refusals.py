"""What a model refuses although the request fits the schema: the 400s, and the 422 of a region that cannot serve it.

Each row of `REFUSALS` is one doubt: some models, accounts or weeks refuse it and others do not, so a scenario
switches it on.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.emulator import catalogue, failures
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.catalogue import Model
from proxy.emulator.failures import Failure

Request = Mapping[str, Any]


def function_tools(request: Request) -> list[dict[str, Any]]:
    """The `function` objects of the request's function tools."""
    return [tool["function"] for tool in request.get("tools") or () if tool["type"] == "function"]


def cap(request: Request) -> int | None:
    """The output cap that the request sets under either of its names."""
    caps = [request[name] for name in ("max_tokens", "max_completion_tokens") if request.get(name) is not None]
    return min(caps, default=None)


def response_kind(request: Request) -> str:
    """The `response_format.type`, `text` where there is none."""
    return str(request.get("response_format", {}).get("type", "text"))


def _cap_with_tools(request: Request, behaviour: Behaviour) -> str | None:
    if cap(request) is None or not function_tools(request):
        return None
    return "max_completion_tokens (former max_tokens) and function tools cannot be used in the same request."


def _present(name: str) -> Callable[[Request, Behaviour], str | None]:
    def check(request: Request, behaviour: Behaviour) -> str | None:
        return f"Parameter '{name}' is not supported with this model." if request.get(name) is not None else None

    return check


def _effort(request: Request, behaviour: Behaviour) -> str | None:
    effort = request.get("reasoning_effort")
    if effort is None or effort in behaviour.efforts:
        return None
    supported = ", ".join(behaviour.efforts)
    return f"reasoning_effort '{effort}' is not supported with this model. Supported values are: {supported}."


def _json_schema(request: Request, behaviour: Behaviour) -> str | None:
    if response_kind(request) != "json_schema":
        return None
    return "response_format of type 'json_schema' is not supported with this model. Use guided_json instead."


def _tools_with_schema(request: Request, behaviour: Behaviour) -> str | None:
    if not function_tools(request) or (response_kind(request) != "json_schema" and "guided_json" not in request):
        return None
    return "response_format with a schema and tools cannot be used in the same request."


def _system_order(request: Request, behaviour: Behaviour) -> str | None:
    places = [place for place, message in enumerate(request["messages"]) if message["role"] == "system"]
    if places in ([], [0]):
        return None
    return "The system message must be the first message, and there can be only one."


def _several_choices(request: Request, behaviour: Behaviour) -> str | None:
    return "n greater than 1 is not supported with this model." if request.get("n", 1) > 1 else None


REFUSALS: Mapping[str, Callable[[Request, Behaviour], str | None]] = MappingProxyType(
    {
        "cap-with-tools": _cap_with_tools,  # seen for every hosted model in July 2026, no more in August
        "stream-options": _present("stream_options"),
        "enable-thinking": _present("enable_thinking"),
        "logprobs": _present("logprobs"),
        "reasoning-effort": _effort,  # documented: values that a model does not support are refused
        "json-schema": _json_schema,
        "tools-with-schema": _tools_with_schema,
        "system-order": _system_order,  # some chat templates know one leading system message only
        "several-choices": _several_choices,
    }
)


def find_model(request: Request, behaviour: Behaviour) -> Model | None:
    """The model that the request names or the schema's default, None where there is no such model."""
    name = request.get("model", catalogue.DEFAULT_MODEL)
    return catalogue.MODELS.get(name) or (catalogue.stranger(name) if behaviour.any_model else None)


def refusal(request: Request, model: Model, behaviour: Behaviour) -> Failure | None:
    """Why this model does not serve a valid request, None if it does."""
    if not request["messages"]:
        return failures.bad_request("messages must not be empty.", "/messages")
    if model.needs_key and not request.get("api_key_ref"):
        return failures.bad_request(f"{model.owner} API key required. Pass the identifier of an integration secret.")
    if request.get("mode") == "strict" and request.get("region") not in model.regions:
        return failures.detail_text(422, "The model cannot be served from the requested region.")
    for name in behaviour.refuses:
        detail = REFUSALS[name](request, behaviour)
        if detail is not None:
            return failures.bad_request(detail)
    return None
