import pytest

from proxy.emulator.failures import Refused
from proxy.emulator.paging import page


def test_pages_follow_one_another_and_the_last_one_is_short() -> None:
    rows = list(range(45))
    first = page(rows, {}, 500)
    assert (first["data"], first["meta"]) == (
        list(range(20)),
        {"page_number": 1, "page_size": 20, "total_pages": 3, "total_results": 45},
    )
    assert page(rows, {"page[number]": "3"}, 500)["data"] == list(range(40, 45))
    assert page(rows, {"page[number]": "4"}, 500)["data"] == []
    assert len(page(rows, {"page[size]": "40"}, 30)["data"]) == 30


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1000000", "\N{SUPERSCRIPT TWO}"])
@pytest.mark.parametrize("name", ["page[number]", "page[size]"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(Refused):
        page([], {name: value}, 10)
