import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.settings.faults import (
    ConfigurationError,
    Fault,
    enclosing,
    expect_known,
    nearest,
    path_text,
    plain_path,
    suggest,
)

STEPS = st.one_of(st.integers(0, 99), st.text(min_size=1, max_size=8))


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), ""),
        (("listen", "port"), "listen.port"),
        (("tenants", 0, "keys", 1, "secret"), "tenants[0].keys[1].secret"),
        (("models", "profiles", "zai-org/*", "cap"), 'models.profiles["zai-org/*"].cap'),
        (("models", "aliases", 'a"b\\c'), r'models.aliases["a\"b\\c"]'),
        (("models", "aliases", ""), 'models.aliases[""]'),
        (("logit-bias",), "logit-bias"),
    ],
)
def test_a_location_is_written_as_people_do(location: tuple[str | int, ...], text: str) -> None:
    assert path_text(location) == text


@given(st.tuples(st.text("abc_", min_size=1), STEPS, STEPS, STEPS))
def test_what_encloses_a_path_is_every_shorter_one(location: tuple[str | int, ...]) -> None:
    expected = [path_text(location[:length]) for length in range(len(location), -1, -1)]
    assert list(enclosing(path_text(location))) == expected


def test_what_encloses_something_that_is_no_path_is_the_file() -> None:
    assert list(enclosing('broken"]')) == ['broken"]', ""]


def test_a_plain_name_needs_no_brackets() -> None:
    assert plain_path('models.profiles["a"].quirks["b"]') == "models.profiles.a.quirks.b"
    assert plain_path('models.profiles["a/*"].cap') == 'models.profiles["a/*"].cap'


def test_a_fault_names_place_setting_and_remedy() -> None:
    fault = Fault("listen.port", "must be a number", "8080", source="proxy.yaml", line=3)
    assert str(fault) == "proxy.yaml:3: listen.port: must be a number\n    8080"
    assert str(Fault("listen.port", "must be a number")) == "listen.port: must be a number"
    assert str(Fault("", "is not used", "", "TELNYX_PROXY_X")) == "TELNYX_PROXY_X: is not used"


def test_what_a_terminal_would_act_on_is_not_written() -> None:
    fault = Fault('models.aliases["\x1b[2J"]', "is \u202eodd", "\x9bhint", "\x07file", 3)
    assert str(fault) == '?file:3: models.aliases["?[2J"]: is ?odd\n    ?hint'


def test_an_error_tells_each_fault_once_in_the_order_of_the_file() -> None:
    late, early = Fault("b", "wrong", source="f", line=9), Fault("a", "wrong", source="f", line=2)
    error = ConfigurationError([late, early, late])
    assert error.faults == (early, late)
    assert str(error) == "f:2: a: wrong\nf:9: b: wrong"


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("Streems", ("streams", "limits")) == "streams"
    assert nearest("xyz", ("streams", "limits")) is None
    assert suggest("limit", ("streams", "limits")) == "did you mean 'limits'?"
    assert suggest("xyz", ("streams", "limits")) == "known are: limits, streams"


def test_names_of_other_rooms_are_checked_against_their_tables() -> None:
    found = expect_known("models.profiles", ["a", "cap_tools", "odd name"], {"a", "cap_with_tools"}, "a quirk")
    assert found == [
        Fault("models.profiles.cap_tools", "is not a quirk", "did you mean 'cap_with_tools'?"),
        Fault('models.profiles["odd name"]', "is not a quirk", "known are: a, cap_with_tools"),
    ]
