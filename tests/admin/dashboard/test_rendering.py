import re

import pytest
from jinja2 import UndefinedError

from proxy.admin.dashboard import rendering
from proxy.admin.dashboard.rendering import FOLDER, data, html, link
from proxy.errors import NotFound

HOSTILE = "</script><script>alert(1)</script>'\"&"


def test_every_value_is_escaped() -> None:
    page = html("fault.html", {"title": HOSTILE, "visit": None, "fault": NotFound(HOSTILE)}).decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") == 3


def test_a_name_that_is_not_known_is_a_fault() -> None:
    with pytest.raises(UndefinedError):
        html("fault.html", {"title": "x", "visit": None})


def test_data_cannot_end_its_block() -> None:
    text = data({"name": HOSTILE})
    assert not set("<>&") & set(text)
    assert "\\u003c/script\\u003e" in text


def test_links() -> None:
    assert link("/dashboard") == "/dashboard"
    assert link("/dashboard", {"range": "1h", "none": None}, model="a/b c&d") == "/dashboard?range=1h&model=a%2Fb+c%26d"


@pytest.mark.parametrize("name", sorted(each.name for each in FOLDER.iterdir()))
def test_no_template_has_a_style_or_a_script_of_its_own(name: str) -> None:
    """The policy forbids both; and nobody switches the escaping off."""
    text = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son(?!ce=)[a-z]+=", text)
    assert "|safe" not in text
    assert "autoescape" not in text
    for each in re.findall(r"<script[^>]*>", text):
        assert 'src="{{ asset(' in each or 'type="application/json"' in each


def test_the_environment_is_made_once() -> None:
    assert rendering._environment() is rendering._environment()
