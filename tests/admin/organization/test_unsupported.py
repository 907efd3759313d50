import re
from pathlib import Path

import openai
import pytest

from proxy.admin import table
from proxy.admin.organization.unsupported import REASONS, refusal
from proxy.errors import UnknownUrl, UnsupportedEndpoint
from tests.admin.organization.official import Official, refused

SDK = Path(openai.__file__).parent / "resources" / "admin"


def sdk_paths() -> list[str]:
    """Every path that the official SDK calls."""
    found = {path for file in SDK.rglob("*.py") for path in re.findall(r'"(/organization/[^"]*)"', file.read_text())}
    assert len(found) > 60
    return sorted(found)


@pytest.mark.parametrize("path", sdk_paths())
def test_every_path_of_the_sdk_is_served_or_refused_with_a_reason(path: str) -> None:
    given = "/v1" + re.sub(r"\{\w+\}", "some-id", path)
    assert list(table.methods(given)) or isinstance(refusal(given), UnsupportedEndpoint)


def test_no_reason_is_left_over() -> None:
    refused = {part for path in sdk_paths() for part in path.split("/")}
    assert set(REASONS) <= refused


@pytest.mark.parametrize("path", ["/v1/organization/nothing", "/v1/organization/projects/a/nothing"])
def test_a_path_that_nobody_has_is_unknown(path: str) -> None:
    assert isinstance(refusal(path), UnknownUrl)


@pytest.mark.parametrize("path", ["/admin/v1/users", "/v1/organization"])
def test_other_paths_are_none_of_its_business(path: str) -> None:
    assert refusal(path) is None


async def test_clients_are_told_why(api: Official) -> None:
    project = await api.project()
    organization = api.organization
    text = await refused(organization.users.list(), 404, "unsupported_endpoint")
    assert "accounts of people" in text
    for call in (
        organization.invites.list(),
        organization.certificates.list(),
        organization.groups.list(),
        organization.projects.users.list(project),
    ):
        await refused(call, 404, "unsupported_endpoint")
