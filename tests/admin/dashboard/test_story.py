from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from proxy.admin.dashboard.story import SCALE, parts, story
from tests.admin.dashboard.records import request


def row(**values: Any) -> dict[str, Any]:
    return request(**values)._asdict()


FIGURES = {"input": 600_000, "cached_input": 150_000, "output": 2_500_000, "source": "telnyx"}


@given(some.lists(some.integers(0, 10**10), min_size=1, max_size=4))
def test_a_bar_is_full_and_shows_whatever_took_time(durations: list[int]) -> None:
    made = parts(*((str(at), "", us) for at, us in enumerate(durations)))
    assert sum(part.width for part in made) == (SCALE if any(durations) else 0)
    assert [part.at for part in made] == [sum(each.width for each in made[:at]) for at in range(len(made))]
    assert all((part.width > 0) == (part.us > 0) for part in made)


def test_where_the_time_went() -> None:
    told = story(row(duration_us=2_000_000, overhead_us=500_000, first_token_us=1_000_000))
    assert [(part.name, part.us, part.percent) for part in told.spent] == [
        ("waiting", 1_500_000, 75),
        ("here", 500_000, 25),
    ]
    assert [(part.name, part.us) for part in told.streamed] == [("first", 1_000_000), ("rest", 1_000_000)]
    assert story(row()).streamed == ()


def test_figures_that_contradict_each_other_make_no_bar_that_sticks_out() -> None:
    told = story(row(duration_us=100, overhead_us=900, first_token_us=500))
    assert [part.width for part in (*told.spent, *told.streamed)] == [0, SCALE, SCALE, 0]


def test_a_cost_adds_up() -> None:
    told = story(row(input_tokens=1000, cached_input_tokens=400, output_tokens=101, cost_micros=673), FIGURES)
    assert told.bill is not None
    assert [(item.what, item.amount, item.price, item.micros) for item in told.bill.items] == [
        ("Input", 600, 600_000, 360),
        ("Input from the cache", 400, 150_000, 60),
        ("Output", 101, 2_500_000, 252.5),
    ]
    assert told.bill.whole
    assert told.bill.origin == "telnyx"


def test_a_cost_of_speech_adds_up() -> None:
    heard = row(endpoint="audio.transcriptions", input_tokens=0, output_tokens=0, audio_ms=3010, cost_micros=302)
    told = story(heard | {"source": "estimated"}, {"audio": 6000})
    assert told.bill is not None
    assert [(item.what, item.amount, item.price, item.micros) for item in told.bill.items] == [
        ("Audio", 3010, 6000, 301)
    ]
    assert not told.bill.whole
    assert told.source.startswith("told by the head of the recording")
    spoken = row(endpoint="audio.speech", input_tokens=0, output_tokens=0, characters=25, cost_micros=375)
    told = story(spoken | {"source": "estimated"}, {"characters": 15_000_000})
    assert told.bill is not None
    assert [(item.what, item.micros) for item in told.bill.items] == [("Characters", 375)]
    assert told.bill.whole
    assert told.source.startswith("those of the text")


def test_the_reason_of_a_change_is_that_of_its_endpoint() -> None:
    changed = {"changes": (("input", "renamed"), ("instructions", "lossy"))}
    told = story(row(endpoint="audio.speech", **changed))
    assert [each.why for each in told.changes] == [
        "Telnyx's name for it.",
        "Telnyx's voices are not told how to speak.",
    ]
    assert [each.why for each in story(row(endpoint="models.list", **changed)).changes] == ["", ""]


def test_a_bill_says_when_it_is_not_the_whole_cost() -> None:
    told = story(row(input_tokens=10, output_tokens=0, cost_micros=1_000_000), FIGURES)
    assert told.bill is not None
    assert not told.bill.whole


@pytest.mark.parametrize(
    ("values", "figures"),
    [({"cost_micros": None}, FIGURES), ({"source": "none"}, FIGURES), ({}, None)],
    ids=["no price", "nothing used", "figures not kept"],
)
def test_there_is_no_bill_without_a_price(values: dict[str, Any], figures: dict[str, Any] | None) -> None:
    assert story(row(**values), figures).bill is None


def test_figures_of_another_version_are_left_out() -> None:
    told = story(row(), {"input": "0.6", "seconds": 3})
    assert told.bill is not None
    assert told.bill.items == ()


@pytest.mark.parametrize(
    ("values", "reached"),
    [
        ({"source": "none"}, False),
        ({"source": "none", "upstream_request_id": "x"}, True),
        ({"source": "none", "repairs": ("dialect",)}, True),
        ({"source": "none", "status": 504, "error_code": "upstream_timeout"}, True),
        ({"source": "none", "status": 429, "error_code": "rate_limit_exceeded"}, False),
        ({"source": "estimated"}, True),
    ],
)
def test_whether_telnyx_was_asked(values: dict[str, Any], *, reached: bool) -> None:
    assert story(row(**values)).reached == reached


def test_what_was_done_and_why() -> None:
    changes = (("logit_bias", "lossy"), ("user", "dropped"), ("dialect", "repaired"), ("cap_with_tools", "repaired"))
    told = story(row(changes=changes, repairs=("cap_with_tools",)))
    assert [(each.field, each.kind, each.loss) for each in told.changes] == [
        ("logit_bias", "lossy", True),
        ("user", "dropped", False),
        ("dialect", "repaired", False),  # known before, so it was no refusal of this request
    ]
    assert all(each.done and each.why for each in told.changes)
    assert [name for name, _ in told.repairs] == ["cap_with_tools"]
    assert story(row(changes=(("x", "a kind of another version"),))).changes[0].done == "Changed."


def test_ids_are_told_where_there_are_any() -> None:
    told = story(row(upstream_request_id="up", trace_id="4bf9"))
    assert [(sign.name, sign.value) for sign in told.signs] == [
        ("Request id", "req_1"),
        ("Telnyx's request id", "up"),
        ("Trace id", "4bf9"),
    ]


def test_an_error_is_explained() -> None:
    assert story(row()).error is None
    told = story(row(status=504, error_code="upstream_timeout"))
    assert told.error is not None
    assert told.error.whose == "telnyx"
    assert told.outcome.word == "failed"


def test_where_the_figures_are_from() -> None:
    assert story(row(source="estimated")).source.startswith("estimated")
    assert story(row(source="somewhere")).source == "somewhere"
