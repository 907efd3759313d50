"""Loading a configuration that a test writes down as text."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from proxy.settings import ConfigurationError, Fault, Settings, load


def settings_of(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True) -> Settings:
    """The settings of a text, written to `proxy.yaml` in the folder."""
    path = folder / "proxy.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return load(path, environ or {}, secrets=secrets)


def faults_of(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True
) -> tuple[Fault, ...]:
    """Every fault of a text; fails if there is none."""
    with pytest.raises(ConfigurationError) as caught:
        settings_of(folder, text, environ, secrets=secrets)
    return caught.value.faults


def only_fault(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True) -> Fault:
    """The one fault of a text; fails if there are others."""
    (fault,) = faults_of(folder, text, environ, secrets=secrets)
    return fault
