"""Requests to Telnyx as translation writes them, for properties, and checks for the two schemas they keep to."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
from hypothesis import assume
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.translation.chat import translate
from tests.translation import chat_requests, telnyx_schema
from tests.translation.telnyx_schema import Schema

MODEL = "moonshotai/Kimi-K2.6"


def _canonical(request: dict[str, Any], policy: Any) -> dict[str, Any]:
    try:
        return translate(request, MODEL, policy).body
    except InvalidRequest:
        assume(False)  # noqa: FBT003 - hypothesis' way to ask for another one
        raise


canonical = st.builds(_canonical, chat_requests.likely_requests(), chat_requests.policies)
"""Bodies in the newest dialect, with what clients and operators put there."""


def _newest() -> Schema:
    schema = telnyx_schema.accepted()
    part = schema["properties"]["messages"]["items"]["properties"]["content"]["oneOf"][1]["items"]["properties"]
    part["image_url"] = {"oneOf": [part["image_url"], {"type": "string"}]}
    schema["properties"]["max_completion_tokens"] = {"type": "integer"}
    return schema


NEWEST = jsonschema.Draft202012Validator(_newest())
"""Checks for the newest published schema, the listed exceptions, and what repairs and the configuration make of it."""


def _earlier() -> Schema:
    """2026-06, as far as it differs: https://developers.telnyx.com, the chat request published in June 2026."""
    schema = telnyx_schema.accepted(without=("image_url",))
    fields = schema["properties"]
    for name in ("service_tier", "region", "mode", "reasoning_effort"):
        del fields[name]
    fields["response_format"]["oneOf"].pop()  # json_schema
    return schema


EARLIER = jsonschema.Draft202012Validator(_earlier())
"""Checks for the earlier published schema and the listed exceptions."""
