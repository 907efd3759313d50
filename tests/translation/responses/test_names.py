"""Tools in namespaces have one name for the model and two for the client."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.translation.responses.names import LONGEST, Names

short = st.text("ab_", min_size=1, max_size=4)
pairs = st.tuples(short | st.text(max_size=100), short | st.text(max_size=100))


def test_the_name_says_where_the_tool_comes_from() -> None:
    names = Names()
    assert names.flat("crm", "find") == names.flat("crm", "find") == "crm__find"
    assert names.namespaces() == {"crm__find": ("crm", "find")}


@given(st.lists(pairs, max_size=6), st.lists(short, max_size=3))
def test_names_are_short_and_lead_back(both: list[tuple[str, str]], plain: list[str]) -> None:
    names = Names()
    for name in plain:
        names.take(name)
    flat = [names.flat(*pair) for pair in both]
    assert all(len(name) <= LONGEST for name in flat)
    assert [names.namespaces()[name] for name in flat] == both
    assert not set(flat) & set(plain)


def test_a_name_that_is_taken_is_marked_and_so_is_one_that_is_marked_by_chance() -> None:
    first = Names()
    first.take("crm__find")
    marked = first.flat("crm", "find")
    assert marked.startswith("crm__find_")
    second = Names()
    second.take("crm__find")
    second.take(marked)
    assert second.flat("crm", "find") not in {"crm__find", marked}


def test_names_are_the_same_in_the_next_turn() -> None:
    assert Names().flat("a" * 80, "b") == Names().flat("a" * 80, "b")


def test_a_tool_is_found_without_its_namespace_if_there_is_one_such() -> None:
    names = Names()
    names.flat("crm", "find")
    assert names.find("find") == "crm__find"
    names.flat("web", "find")
    assert names.find("find") == "find"
    assert names.find("nowhere") == "nowhere"
    names.take("find")
    assert names.find("find") == "find"
