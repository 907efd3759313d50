"""The two published forms of Telnyx's chat request, and the way from one to the other.

Translation writes the newer one, 2026-10. The earlier, 2026-06, has `guided_json` where the newer has `json_schema`,
no `reasoning_effort`, `service_tier`, `region` or `mode`, and gives an image's address as a string.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.translation.changes import Change

Body = dict[str, Any]
Adapted = tuple[Body, list[Change]]

NEWEST = "2026-10"
EARLIER = "2026-06"
ONLY_IN_NEWEST = ("reasoning_effort", "service_tier", "region", "mode")
THOUGHTLESS = frozenset({"none", "minimal"})
"""Values of `reasoning_effort` that mean `enable_thinking: false`."""


def speak_earlier(body: Body) -> Adapted:
    """The same request in dialect 2026-06. The input is not changed."""
    changes: list[Change] = []
    for step in (guide_by_schema, think_or_not, images_as_strings):
        body, done = step(body)
        changes += done
    for name in ("service_tier", "region", "mode"):
        if name in body:
            body = without(body, name)
            changes.append(Change("lossy", name, reason="the dialect 2026-06 of Telnyx has no such field"))
    return body, changes


def schema_of(body: Body) -> Any:
    """The schema in `response_format: json_schema`, None if there is none."""
    form = body.get("response_format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    described = form.get("json_schema")
    return described.get("schema") if isinstance(described, dict) else None


def guide_by_schema(body: Body) -> Adapted:
    """`response_format: json_schema` -> `guided_json`."""
    schema = schema_of(body)
    if schema is None:
        return body, []
    body = without(body, "response_format")
    body["guided_json"] = schema
    return body, [Change("converted", "response_format", reason="the schema goes to Telnyx as guided_json")]


def think_or_not(body: Body) -> Adapted:
    """`reasoning_effort` -> `enable_thinking`, which stays as it is where the request has both."""
    if "reasoning_effort" not in body:
        return body, []
    effort = body["reasoning_effort"]
    body = without(body, "reasoning_effort")
    thinks = body.setdefault("enable_thinking", effort not in THOUGHTLESS)
    kind = "converted" if effort in THOUGHTLESS and not thinks else "lossy"
    reason = "this dialect only knows enable_thinking: on or off, not how much"
    return body, [Change(kind, "reasoning_effort", reason=reason)]


def images_as_strings(body: Body) -> Adapted:
    """`image_url: {"url": ...}` -> `image_url: "..."`."""
    return _images(body, lambda image: image["url"] if isinstance(image, dict) else image)


def images_as_objects(body: Body) -> Adapted:
    """`image_url: "..."` -> `image_url: {"url": ...}`."""
    return _images(body, lambda image: {"url": image} if isinstance(image, str) else image)


def has_images(body: Mapping[str, Any], kind: type) -> bool:
    """Whether a message carries an image whose address is given as `kind` (str or dict)."""
    return any(
        isinstance(part.get("image_url"), kind)
        for message in body.get("messages", ())
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )


def _images(body: Body, shape: Callable[[Any], Any]) -> Adapted:
    messages, changed = [], False
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            parts = [
                {**part, "image_url": shape(part["image_url"])} if "image_url" in part else part for part in content
            ]
            if parts != content:
                message, changed = {**message, "content": parts}, True  # noqa: PLW2901 - the message as it will be sent
        messages.append(message)
    if not changed:
        return body, []
    return {**body, "messages": messages}, [Change("converted", "image_url", reason="the shape this model takes")]


def without(body: Body, *names: str) -> Body:
    """A copy that lacks some fields."""
    return {key: value for key, value in body.items() if key not in names}
