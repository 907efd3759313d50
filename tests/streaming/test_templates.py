"""Templates: they change nothing but the time it takes. With them and without, every stream is the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.streaming import templates
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.meter import HELD_LIMIT, Meter
from proxy.streaming.templates import AS_IT_CAME, LESSONS, LIMIT, LINE_FEEDS, SAMPLE, Around, Repertoire, Template
from proxy.translation.rules import Expectation
from tests.streaming import transcripts
from tests.streaming.events_of_chunks import (
    DONE,
    HI,
    NAMES,
    PIECES,
    ROLE,
    chunk,
    event,
    learned,
    open_stream,
    taken,
    taught,
    told,
    with_usage_key,
)
from tests.trying import examples

FRAMES = [(b"data: ", LINE_FEEDS), (b"data:", LINE_FEEDS), (b"data: ", templates.CARRIAGE_RETURNS)]


# Streams of many chunks that differ little, and of a few that differ in an odd way.

TRAPS = ["<think>", "</think>", '"},"finish_reason":null}]}', "data: ", SAMPLE, '"content":"x"', ",", " "]
texts = st.sampled_from(PIECES) | st.sampled_from(PIECES + TRAPS) | st.text(max_size=3)
KINDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "content": lambda text: {"content": text},
    "reasoning": lambda text: {"reasoning_content": text},
    "newer": lambda text: {"reasoning": text},
    "role": lambda text: {"role": "assistant", "content": text},
    "nulls": lambda text: {"role": None, "content": text, "reasoning_content": None, "tool_calls": None},
    "thought": lambda text: {"content": None, "reasoning_content": text, "tool_calls": None},
    "empty": lambda text: {"content": "", "reasoning": text},
    "two": lambda text: {"content": text, "reasoning_content": text},
    "list": lambda text: {"content": text, "tool_calls": []},
    "odd": lambda text: {"reasoning": text, "content": {}},
    "call": lambda text: {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": text}}]},
}  # fmt: skip
MORE: list[dict[str, Any]] = [
    {}, {}, {"usage": None}, {"id": "other"}, {"created": 1.5}, {"error": None}, {"system_fingerprint": "fp"},
    {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}, {"note": SAMPLE}, {"note": {"content": "x"}},
]  # fmt: skip
SPELLINGS: list[dict[str, Any]] = [{}, {"ensure_ascii": False}, {"separators": (", ", ": ")}]
RAW = [
    b"\\", b'"', b"\xff", b"\xe2\x82", b"\xac", b"\x01", b"\n", b"\n\n", b"\r", b"\\ud83d", b"\\ude00", b"\\u12", b"n",
    b'","', b"\\n", b"\\/", b'"},"finish_reason":null}]}\n\ndata: ', b"x" * 700,
]  # fmt: skip
OTHERS = [
    b": ping\n\n", b": ping\n", b"event: ping\ndata: x\n\n", b"id: 1\n", DONE, b"data: \n\n", b"data: oops\n\n",
    b"event: message\n", b"\n", b"\xef\xbb\xbf", b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n',
]  # fmt: skip


@st.composite
def runs(draw: st.DrawFn) -> bytes:
    """Chunks of one kind, some with rubbish for their text."""
    kind, more = draw(st.sampled_from(sorted(KINDS))), draw(st.sampled_from(MORE))
    spelling, index = draw(st.sampled_from(SPELLINGS)), draw(st.sampled_from([0, 0, 0, 1]))
    lead, blank = draw(st.sampled_from([*FRAMES, FRAMES[0], (b"data:  ", b"\r\r"), (b"data: ", b"\n\r\n")]))
    choices_first = draw(st.booleans())  # so that what stands before a text is shorter than what stands after it
    made = b""
    for text in draw(st.lists(texts | texts | st.sampled_from(RAW), min_size=1, max_size=6)):
        value = chunk(KINDS[kind](text if isinstance(text, str) else "@"), index=index, **more)
        value = {"choices": value.pop("choices"), **value} if choices_first else value
        data = json.dumps(value, **{"separators": (",", ":"), **spelling}).encode()
        made += lead + (data if isinstance(text, str) else data.replace(b"@", text)) + blank
    return made


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    start = draw(st.sampled_from([event(chunk({"role": "assistant", "content": ""})), b"", b"\xef\xbb\xbf"]))
    other = st.sampled_from([*OTHERS, event(chunk({}, "stop")), event(chunk({}, "", index=1)), event(chunk({}, ""))])
    parts = draw(st.lists(runs() | runs() | runs() | other, max_size=6))
    pieces = [start, *parts, draw(st.sampled_from([b"", event(chunk({}, "stop")) + DONE]))]
    upstream = b"".join(pieces)
    cut = transcripts.cuts_of(upstream).map(lambda cuts: list(transcripts.sliced(upstream, cuts)))
    return draw(st.sampled_from([pieces, [upstream], upstream.splitlines(keepends=True)]) | cut)


wishes = st.fixed_dictionaries({
    "include_usage": st.booleans(), "hide_reasoning": st.booleans(), "json_text": st.booleans(),
    "legacy_functions": st.booleans(), "schema": st.sampled_from([None, {"type": "object"}]),
})  # fmt: skip


@given(streams(), wishes, st.sampled_from([1 << 20, 1 << 20, 600]))
@settings(max_examples=examples(150), deadline=None)
@example([event(chunk({"role": "assistant"})), *[event(chunk({"content": text})) for text in PIECES]], {}, 1 << 20)
def test_with_templates_and_without_them_a_stream_is_the_same(
    pieces: list[bytes], wish: dict[str, Any], limit: int
) -> None:
    upstream = b"".join(pieces)
    expected = told(open_stream(0, limit, **wish), [upstream[at : at + 1] for at in range(len(upstream))])
    assert told(open_stream(LESSONS, limit, **wish), pieces) == expected
    assert told(open_stream(0, limit, **wish), pieces) == expected


# A stream that has learned a template: what it takes for the same, and what it does not.

BEFORE, AFTER = HI.split(b"Hi")


def test_a_run_of_texts_goes_on_as_the_very_same_bytes() -> None:
    stream, _ = taught()
    run = b"".join(event(chunk({"content": text})) for text in PIECES)
    assert stream.feed(run) is run
    size = sum(len(text.encode()) for text in ["Hi", *PIECES])
    assert stream._meter.output_bytes == size
    assert stream._meter.reasoning_bytes == 0


@pytest.mark.parametrize("text", [*RAW[:12], b'","', RAW[16]])
@pytest.mark.parametrize("behind", [b"", HI])
def test_what_is_no_text_fits_no_template(text: bytes, behind: bytes) -> None:
    stream, template = taught()
    run = BEFORE + text + AFTER + behind
    before = stream._meter.output_bytes
    assert taken(template, run) is None
    assert taken(template, HI + run) is None
    assert stream._meter.output_bytes == before


@pytest.mark.parametrize(
    ("one", "other"), [(b"\\", b"n"), (b"\xe2\x82", b"\xac"), (b"\\ud83d", b"\\ude00"), (b"\\u00", b"e9"), (b'"', b'"')]
)
def test_two_halves_are_no_whole(one: bytes, other: bytes) -> None:
    """Each text must be one by itself, though all of them are looked at together."""
    _, template = taught()
    assert taken(template, BEFORE + one + AFTER + BEFORE + other + AFTER) is None


def test_prefix_and_suffix_must_not_overlap() -> None:
    stream, template = taught()
    torn = BEFORE + AFTER[1:]
    assert torn.startswith(template.prefix)
    assert torn.endswith(template.suffix)
    assert b'"error"' in stream.feed(torn)
    assert stream.ended == "malformed"


@pytest.mark.parametrize(("lead", "blank"), FRAMES)
def test_events_may_be_framed_in_several_ways(lead: bytes, blank: bytes) -> None:
    stream = open_stream()
    framed = [lead + one[6:-2] + blank for one in (ROLE, HI, HI, HI)]
    assert stream.feed(framed[0]) + stream.feed(framed[1]) == ROLE + HI
    (template,) = learned(stream)
    assert taken(template, framed[2] + framed[3]) == HI + HI
    assert stream.feed(framed[2]) == HI
    assert stream.feed(b"".join(framed[1:])) == HI * 3
    assert len(learned(stream)) == 1


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("text", ["é", "é\x01 /", "\n", ""])
def test_a_usage_key_is_taken_out_or_put_in(text: str, *, asked: bool) -> None:
    """What goes on in other bytes is spelled as we spell it."""
    stream = open_stream(include_usage=asked)
    stream.feed(ROLE + event(with_usage_key({"content": "Hi"}, there=not asked)))
    (template,) = learned(stream)
    came = event(with_usage_key({"content": text}, there=not asked)).replace(b" /", rb" \/")
    goes = event(with_usage_key({"content": text}, there=asked), ensure_ascii=False)
    assert taken(template, came * 3) == goes * 3


def test_reasoning_under_its_newer_name_is_renamed_unless_it_is_empty() -> None:
    stream = open_stream()
    stream.feed(ROLE + event(chunk({"reasoning": "Hm."})))
    (template,) = learned(stream)
    some, none = event(chunk({"reasoning": "So"})), event(chunk({"reasoning": ""}))
    assert taken(template, some * 2) == event(chunk({"reasoning_content": "So"})) * 2
    assert taken(template, some + none) is None
    assert stream._meter.reasoning_bytes == 7
    assert stream._meter.started


def test_hidden_reasoning_is_counted_and_gone() -> None:
    stream = open_stream(hide_reasoning=True)
    stream.feed(ROLE + event(chunk({"reasoning_content": "Hm."})))
    (template,) = learned(stream)
    assert taken(template, event(chunk({"reasoning_content": "So"})) * 2) == b""
    assert taken(template, event(chunk({"reasoning_content": ""}))) is None
    assert stream._meter.reasoning_bytes == 7
    assert not stream.started


def test_text_that_is_checked_against_a_schema_is_remembered() -> None:
    for last, violations in ((b"]", 0), (b",", 1)):
        stream = open_stream(schema={"type": "array"})
        run = b"".join(BEFORE + text + AFTER for text in (b"1", b"", b",", b"2"))
        stream.feed(ROLE + event(chunk({"role": "assistant", "content": "["})) + BEFORE + AFTER)
        assert stream.feed(run) is run
        stream.feed(BEFORE + last + AFTER + event(chunk({}, "stop")) + DONE)
        assert (stream.ended, stream.violations) == ("complete", violations)


def test_text_too_long_to_be_remembered_is_handed_on_unchecked() -> None:
    stream, _ = taught(schema={"type": "array"})
    long = BEFORE + b"x" * (HELD_LIMIT // 2) + AFTER
    for _ in range(3):
        assert stream.feed(long) is long
    assert stream.feed(HI) is HI
    stream.feed(event(chunk({}, "stop")) + DONE)
    assert stream.violations == 0


def test_a_blank_finish_is_no_end_once_text_follows() -> None:
    """The second "" is on every chunk; what comes between is compared only."""
    stream, _ = taught()
    stream.feed(event(chunk({}, "")))
    assert stream.feed(HI) is HI
    assert b'"error"' in stream.feed(DONE)
    assert stream.ended == "truncated"


def test_an_event_that_fits_may_be_too_large() -> None:
    stream, _ = taught(limit=600)
    assert stream.feed(HI * 4) == HI * 4
    assert b"too large" in stream.feed(BEFORE + b"x" * 600 + AFTER)


def test_nothing_fits_once_the_choice_is_finished() -> None:
    stream, _ = taught()
    stream.feed(event(chunk({}, "stop")))
    assert stream.feed(HI) + stream.feed(HI) == b""
    assert not learned(stream)


def test_what_fits_another_choice_still_does() -> None:
    stream, _ = taught()
    stream.feed(event(chunk({"role": "assistant", "content": "x"}, index=1)))
    assert len(learned(stream)) == 2
    stream.feed(event(chunk({}, "stop")))
    (left,) = learned(stream)
    assert left.choice.index == 1
    assert stream.feed(HI) == b""
    other = event(chunk({"content": "y"}, index=1))
    assert stream.feed(HI + other + HI) == other


def test_choices_that_come_interleaved_have_a_template_each() -> None:
    stream = open_stream()
    stream.feed(ROLE + event(chunk({"role": "assistant", "content": ""}, index=1)))
    other = event(chunk({"content": "Ho"}, index=1))
    assert stream.feed((HI + other) * 5) == (HI + other) * 5
    assert stream.feed(HI * 2 + other * 3) == HI * 2 + other * 3
    assert [template.choice.index for template in learned(stream)] == [1, 0]


def test_between_events_that_fit_there_may_be_one_that_does_not() -> None:
    stream, _ = taught()
    other = event(chunk({"content": "x"}, note=1))
    assert stream.feed(HI * 3 + other + HI * 3) == HI * 3 + other + HI * 3
    assert len(learned(stream)) == 2
    assert stream.feed(HI * 3 + b": ping\n\n" + HI * 3) == HI * 6


def test_a_piece_may_end_within_an_event() -> None:
    stream, _ = taught()
    assert stream.feed(HI * 5 + HI[:-30]) == HI * 5
    assert stream.feed(HI[-30:] + HI * 4) == HI * 5
    assert stream.feed(b": a comment that ends where the next event does") + stream.feed(HI) == b""
    assert len(learned(stream)) == 1


def test_chunks_that_all_differ_teach_only_so_much() -> None:
    stream = open_stream()
    stream.feed(ROLE)
    for number in range(LESSONS):
        stream.feed(event(chunk({"content": "Hi"}, note=number)))
        assert len(learned(stream)) <= 1
    stream.feed(HI)
    assert not learned(stream)


def test_kinds_that_are_of_use_are_kept_the_latest_ones() -> None:
    stream = open_stream()
    stream.feed(ROLE)
    for number in range(LESSONS + 5):
        stream.feed(event(chunk({"content": "Hi"}, note=number)) * 2)
    assert len(learned(stream)) == templates.MOST
    stream.feed(HI)
    assert not any(template.suffix == AFTER for template in learned(stream))


@pytest.mark.parametrize(
    "value",
    [
        chunk({"content": "Hi"}, note=SAMPLE),  # where the sample's text went could not be told
        chunk({"content": "Hi"}, note="x" * LIMIT),
        {"note": {"content": "Hi"}, **chunk({"content": "Hi"})},  # the first place found is another one
        chunk({"content": "Hi"}, usage={"prompt_tokens": 1}),
        {**NAMES, "choices": []},
        {**NAMES, "choices": chunk({"content": "a"})["choices"] * 2},
        chunk({"content": "Hi", "reasoning": "Hm."}),
        chunk({"content": "Hi", "reasoning_content": []}),
        chunk({"refusal": "No."}),
        chunk({"content": ["Hi"]}),
        chunk({"content": ""}),
        chunk("Hi"),
    ],
)
def test_no_template_is_made_of(value: dict[str, Any]) -> None:
    stream = open_stream()
    stream.feed(ROLE + event(value) + event(value))
    assert not learned(stream)


def test_no_template_is_made_of_what_may_be_thinking_or_a_fence() -> None:
    stream = open_stream(json_text=True)
    stream.feed(ROLE + event(chunk({"content": "<think>"})) + event(chunk({"content": "Hm."})))
    assert not learned(stream)
    assert stream.feed(event(chunk({"content": "</think>x"}))) == event(chunk({"content": "x"}))
    assert not learned(stream)
    assert stream.feed(HI) is HI
    assert len(learned(stream)) == 1


def test_what_stands_around_a_text_and_what_does_not() -> None:
    assert templates.around(b'{"a":{"content" : "x\\"y"}}', "content") == Around(b'{"a":{"content" : "', b'"}}')
    assert templates.around(b'{"a":"\\"content\\":\\"x\\""}', "content") is None
    assert templates.around(b'{"reasoning_content":"x"}', "reasoning") is None
    assert templates.around(b'{"content":"' + b"x" * LIMIT + b'"}', "content") == Around(b'{"content":"', b'"}')
    assert templates.sample(Around(b'{"content":"', b'"}')) == b'{"content":"<another text>"}'
    assert templates.around(b'{"content":"","more":"' + b"x" * LIMIT + b'"}', "content") is None


def small_template(blank: bytes) -> Template:
    choice = ChoiceStream(("chatcmpl-1", 0), Expectation(), Meter(), None)
    sides = Around(b"<", b">" + blank)
    return Template(choice, "content", sides, sides, spelled=True)


@pytest.mark.parametrize("blank", [LINE_FEEDS, templates.CARRIAGE_RETURNS])
def test_a_run_reaches_as_far_as_all_of_it_fits(blank: bytes) -> None:
    one, two = b"<a>" + blank, b"<a>" + blank + b"<b>" + blank
    template = small_template(blank)
    assert template.run(b"__" + two + b"rest", 2, widely=True) == (AS_IT_CAME, 2 + len(two))
    assert template.run(b"__" + two + b"rest", 2, widely=False) == (AS_IT_CAME, 2 + len(one))
    assert template.run(b"__" + one + b"x" + two, 2, widely=True) == (AS_IT_CAME, 2 + len(one))
    assert template.run(b'__<">' + blank, 2, widely=True)[0] is None


@pytest.mark.parametrize("blank", [LINE_FEEDS, templates.CARRIAGE_RETURNS])
@pytest.mark.parametrize("widely", [True, False])
def test_without_a_suffix_there_is_no_run(blank: bytes, *, widely: bool) -> None:
    template = small_template(blank)
    for piece in (b"<", b"<a", b"<a>", b"<a>" + blank[:1], b"<a" + blank, b"<a" + blank + b"<b>" + blank):
        assert template.run(piece, 0, widely=widely)[0] is None


def test_events_are_found_by_either_line_ending() -> None:
    repertoire = Repertoire()
    for piece, place, found in (
        (b"data: a\n\ndata: b\n\n", 0, (b"a", 9)), (b"xdata:a\r\n\r\nrest\n", 1, (b"a", 11)),
        (b"data: a", 0, (None, 7)), (b"data:  a\n\n", 0, (b" a", 10)), (b"data:\n\n", 0, (b"", 7)),
        (b"data\n\n", 0, (None, 6)), (b": x\n\ndata: a\n\n", 0, (None, 5)), (b"data: a\ndata: b\n\n", 0, (None, 8)),
        (b"data: a\rb\n\n", 0, (None, 11)), (b"\n\n", 0, (None, 2)), (b"data: a\n", 0, (None, 8)),
    ):  # fmt: skip
        assert repertoire.event(piece, place) == found
