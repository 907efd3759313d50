from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli.litellm.writing import HEAD, yaml_text
from proxy.settings.document import parse
from tests.trying import examples

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12) | st.sampled_from(
    ["1e3", "on", "null", "~", "010", "12:30", "*", "2026-10-01", "<<", "true"]
)
VALUES = st.recursive(
    st.booleans() | st.none() | st.integers(-(10**12), 10**12) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(lambda name: name != "<<"), inner),
    max_leaves=8,
)


@settings(max_examples=examples(40), deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), VALUES))
def test_our_reader_reads_what_was_written(value: dict[str, Any]) -> None:
    document = parse(yaml_text(value), "made")
    assert document.faults == []
    assert document.value == (value or {})


def test_it_says_where_it_comes_from_and_repeats_what_stands_twice() -> None:
    shared = {"env": "A"}
    text = yaml_text({"a": shared, "b": shared})
    assert text.startswith(HEAD)
    assert "&" not in text
