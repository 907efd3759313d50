"""A LiteLLM configuration, read as plain data, as ours."""

from collections.abc import Mapping
from typing import Any

from proxy.cli.litellm.draft import Draft
from proxy.cli.litellm.models import read_models
from proxy.cli.litellm.sections import read_sections


def convert(given: Mapping[str, Any]) -> Draft:
    """What can be had of it. `configuration()` is the outcome, `report` has a line about everything in it."""
    draft = Draft()
    read_models(draft, given.get("model_list"), ("model_list",))
    read_sections(draft, given)
    draft.report.cover(dict(given))
    return draft
