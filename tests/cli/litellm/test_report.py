from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.litellm.report import Report, dotted, leaves

TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(TREES)
def test_every_leaf_has_one_place(tree: Any) -> None:
    found = list(leaves(tree))
    assert len(set(found)) == len(found) >= 1
    for place in found:
        value = tree
        for step in place:
            value = value[step]
        assert not isinstance(value, dict | list) or not value


def test_what_nobody_told_of_is_told_as_lost() -> None:
    report = Report()
    report.mapped(("a", 0), "here")
    report.check(("b",), "look")
    report.cover({"a": [{"x": 1}, 2], "b": {"c": {}}, "d": []})
    assert [(line.path, line.kind) for line in report.lines] == [
        ("a[0]", "mapped"),
        ("b", "check"),
        ("a[1]", "lost"),
        ("d", "lost"),
    ]


def test_people_see_first_what_needs_a_look() -> None:
    report = Report()
    report.mapped(("a",), "here")
    report.lost(("b",), "gone")
    report.check(("c",), "look")
    expected = ["Mapped, but look at it:", "  c: look", "Not mapped:", "  b: gone", "Mapped:", "  a: here"]
    assert report.text().splitlines() == expected
    assert report.value()[1] == {"path": "b", "kind": "lost", "text": "gone"}
    assert Report().text() == ""


def test_what_a_terminal_would_act_on_is_not_written() -> None:
    report = Report()
    report.lost(("\x1b[2J",), "\u202eodd\x07")
    assert report.text() == "Not mapped:\n  ?[2J: ?odd?"


def test_places() -> None:
    assert dotted(("model_list", 0, "litellm_params", "rpm")) == "model_list[0].litellm_params.rpm"
    assert dotted(("x" * 200,)) == "x" * 100
