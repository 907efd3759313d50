from pathlib import Path

import pytest

from proxy.settings import Settings
from proxy.settings.reference import default_of, settings_chapter, type_of, variable_of
from proxy.settings.request import Caps, RequestFields
from proxy.settings.secrets import Secret
from proxy.settings.shape import walk

SETTINGS = {each.path: each for each in walk(Settings, (Secret, Caps))}
CHAPTER = settings_chapter()


def row(path: str) -> list[str]:
    (line,) = [line for line in CHAPTER.splitlines() if line.startswith(f"| `{path}` |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("path", [path for path in SETTINGS if path not in Settings.model_fields])
def test_every_setting_has_one_row(path: str) -> None:
    cells = row(path)
    assert len(cells) == 5
    assert all(cells[index] for index in (0, 1, 3, 4))
    assert SETTINGS[path].field.description == cells[4]


@pytest.mark.parametrize("name", [*RequestFields.model_fields])
def test_every_request_field_has_one_row(name: str) -> None:
    (line,) = [line for line in CHAPTER.splitlines() if line.startswith(f"| `{name}` |")]
    assert ("| yes |" in line) == (name in Caps.model_fields)


@pytest.mark.parametrize(
    ("path", "words", "default", "variable"),
    [
        ("listen.port", "whole number", "`8080`", "TELNYX_PROXY_LISTEN__PORT"),
        ("listen.reuse_port", "true or false", "`false`", "TELNYX_PROXY_LISTEN__REUSE_PORT"),
        ("server.workers", "`auto` or whole number", "`1`", "TELNYX_PROXY_SERVER__WORKERS"),
        ("upstream.dialect", "`auto` or `2026-10` or `2026-06`", "`auto`", "TELNYX_PROXY_UPSTREAM__DIALECT"),
        ("upstream.timeouts", "section", "", "TELNYX_PROXY_UPSTREAM__TIMEOUTS"),
        ("upstream.ca_file", "text, or null", "`null`", "TELNYX_PROXY_UPSTREAM__CA_FILE"),
        (
            "admin.token",
            "[secret](#secrets), or null",
            "`{env: TELNYX_PROXY_ADMIN_TOKEN}`",
            "TELNYX_PROXY_ADMIN__TOKEN",
        ),
        ("limits.body", "size", "`32MiB`", "TELNYX_PROXY_LIMITS__BODY"),
        ("models.aliases", "map of texts", "see `proxy.yaml`", "TELNYX_PROXY_MODELS__ALIASES"),
        ("models.profiles.*.quirks", "map of true or false", "`{}`", ""),
        ("tenants", "list of sections", "`[]`", "TELNYX_PROXY_TENANTS__0"),
        ("tenants[].id", "text", "required", "TELNYX_PROXY_TENANTS__0__ID"),
        ("tenants[].models", "list of texts", '`["*"]`', "TELNYX_PROXY_TENANTS__0__MODELS"),
        ("tenants[].cap", "[numbers](#request-fields)", "`{}`", "TELNYX_PROXY_TENANTS__0__CAP"),
    ],
)
def test_a_row_tells_type_default_and_variable(path: str, words: str, default: str, variable: str) -> None:
    setting = SETTINGS[path]
    assert (type_of(setting.shape), default_of(setting), variable_of(path)) == (words, default, variable)


def test_every_section_has_its_table() -> None:
    for name in (*Settings.model_fields, "Secrets", "Request fields"):
        assert f"\n### {name}\n" in CHAPTER


def test_tables_are_whole() -> None:
    """A stray bar or line break in a description would tear a row apart."""
    for line in CHAPTER.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in {5, 6}
            assert line.endswith("|")


def test_the_chapter_is_the_same_every_time() -> None:
    assert settings_chapter() == CHAPTER
    assert str(Path.cwd()) not in CHAPTER
