"""Every endpoint takes a way, and every way is some endpoint's."""

import inspect

from proxy.edge.completing import complete
from proxy.edge.ways import WAYS
from proxy.endpoints import ENDPOINTS


def test_every_row_of_the_table_of_contents_has_a_way_and_the_reverse() -> None:
    assert list(WAYS) == [endpoint.name for endpoint in ENDPOINTS], "in one order"


def test_what_takes_the_common_way_has_a_translation() -> None:
    assert WAYS["chat.completions"] is complete
    assert [row.name for row in ENDPOINTS if WAYS[row.name] is complete and row.translation is None] == []


def test_every_way_can_be_waited_for_and_says_what_it_is() -> None:
    assert [name for name, way in WAYS.items() if not inspect.iscoroutinefunction(way)] == []


def test_nobody_adds_a_way_later() -> None:
    assert not hasattr(WAYS, "__setitem__")
