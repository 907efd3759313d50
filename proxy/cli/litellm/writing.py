"""Our configuration as a YAML text that our own reader reads back as it was."""

from collections.abc import Mapping
from typing import Any

import yaml

from proxy.settings import ConfigurationError
from proxy.settings.document import scalar

HEAD = """\
# Made from a LiteLLM configuration by `telnyx-proxy import litellm`. What is not here is at its default.
# Secrets are not copied: each {env: NAME} says which variable has to hold it.
"""
WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """Quotes what our reader, which follows YAML 1.2, would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """The same value twice is written twice."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if _plain(value) else '"')


def _plain(value: str) -> bool:
    try:
        return bool(scalar(value) == value)
    except ConfigurationError:
        return False


_Dumper.add_representer(str, _text)


def yaml_text(configuration: Mapping[str, Any]) -> str:
    """The text of a file."""
    body = yaml.dump(dict(configuration), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return HEAD + body
