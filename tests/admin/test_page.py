import re
import threading
from html.parser import HTMLParser
from typing import Any

import pytest

from proxy.admin import table
from proxy.admin.page import page
from tests.admin.listener import Listener

VOID = {"meta", "link", "input"}


class Reader(HTMLParser):
    """What an HTML parser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.foreign: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.foreign.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            self.foreign.append(data)


READ = Reader(page().decode())


def test_the_page_is_well_formed_and_loads_nothing_foreign() -> None:
    assert READ.open == []
    assert READ.foreign == []
    assert {link for link in READ.links if not link.startswith("#")} == {"docs.css", "docs.js", "openapi.json"}


def test_every_operation_has_its_place_and_a_link_to_it() -> None:
    names = [row.id for row in table.operations()]
    assert sorted(set(READ.ids) & set(names)) == sorted(names)
    assert len(READ.ids) == len(set(READ.ids))
    assert {link[1:] for link in READ.links if link.startswith("#")} == set(names)


def test_fields_of_bodies_and_of_lists_are_told() -> None:
    text = re.sub(r"<[^>]+>", " ", page().decode())
    for word in ("grace_seconds", "data[].redacted", "Idempotency-Key", "expires_in_seconds", "list of"):
        assert word in text


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/admin/docs", "text/html"), ("/admin/docs.css", "text/css"), ("/admin/docs.js", "text/javascript")],
)
async def test_it_needs_no_token_and_may_load_its_own_files_alone(admin: Listener, path: str, kind: str) -> None:
    answer = await admin.send("GET", path, token=None)
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await admin.send("HEAD", path, token=None)).status == 200
    assert (await admin.send("POST", path, token=None)).status == 405


@pytest.mark.parametrize("path", ["/admin/docs", "/admin/openapi.json"])
async def test_making_it_holds_up_no_stream(admin: Listener, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    made: list[bool] = []

    def make() -> Any:
        made.append(threading.current_thread() is threading.main_thread())
        return b""

    monkeypatch.setattr("proxy.admin.page.page", make)
    monkeypatch.setattr("proxy.admin.page.document", make)
    await admin.send("GET", path, token=None)
    assert made == [False]


async def test_it_is_readable_in_light_and_dark(admin: Listener) -> None:
    style = (await admin.send("GET", "/admin/docs.css", token=None)).text
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style
