"""JSON in and out: what is refused, where the fault is, and keys that stand twice."""

import json
import math
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.codec import (
    NAME_LIMIT,
    SEARCH_LIMIT,
    Giants,
    NotJson,
    Pieces,
    decode,
    decode_object,
    encode,
    encode_large,
    encode_pretty,
    encode_text,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip

NO_JSON: dict[str, tuple[bytes, int, int]] = {
    "nothing": (b"", 1, 1),
    "only space": (b"  \n ", 1, 1),
    "a comma too many": (b'{\n "a": 1,\n}', 2, 8),
    "cut off": (b'{"a": [1, 2', 1, 11),
    "two values": (b"{} {}", 1, 4),
    "not a number": (b"[NaN]", 1, 2),
    "infinite": (b"[Infinity]", 1, 2),
    "a number beyond all doubles": (b"[1" + b"0" * 400 + b"]", 1, 2),
    "five thousand digits": (b"9" * 5000, 1, 1),
    "single quotes": (b"{'a': 1}", 1, 2),
    "half a surrogate pair": (b'["\\ud83d"]', 1, 3),
    "the other half": (b'["\\ude00"]', 1, 3),
    "a line ending in a string": (b'["a\nb"]', 1, 4),
    "a byte order mark": (b"\xef\xbb\xbf{}", 1, 1),
    "latin-1": (b'["caf\xe9"]', 1, 1),
    "an encoded surrogate": (b'["\xed\xa0\xbd"]', 1, 1),
    "utf-16": ('{"a": 1}'.encode("utf-16"), 1, 1),
    "ten thousand levels of lists": (b"[" * 10_000 + b"]" * 10_000, 1, 1026),
    "ten thousand levels of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 1, 5130),
    "ten thousand levels, never closed": (b"[" * 10_000, 1, 1026),
}


@pytest.mark.parametrize("case", NO_JSON)
def test_what_is_no_json_is_refused_with_the_position(case: str) -> None:
    data, line, column = NO_JSON[case]
    with pytest.raises(NotJson) as caught:
        decode(data)
    fault = caught.value
    assert (fault.line, abs(fault.column - column) <= 8) == (line, True)
    assert fault.message == str(fault)
    assert fault.message
    assert "(char" not in fault.message, "the position stands in the attributes"
    assert fault.duplicate is None


def test_the_position_counts_lines_and_columns_from_one() -> None:
    with pytest.raises(NotJson) as caught:
        decode(b'{"a": 1,\n "b": x}')
    assert (caught.value.line, caught.value.column) == (2, 7)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except NotJson:
        return
    assert decode(encode(value)) == value


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(encode_text(value)) == value
    assert decode(encode_pretty(value)) == value
    assert json.loads(encode(value)) == value


@given(VALUES)
def test_what_is_sent_is_one_line_of_utf_8(value: Any) -> None:
    data = encode(value)
    assert b"\n" not in data
    assert b"\r" not in data
    assert data.decode() == encode_text(value)


def test_pretty_is_indented() -> None:
    assert encode_pretty({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'


def test_integers_keep_64_bits_and_larger_ones_become_doubles() -> None:
    assert decode(b"[18446744073709551615, -9223372036854775808]") == [2**64 - 1, -(2**63)]
    larger = decode(b"[18446744073709551616]")[0]
    assert isinstance(larger, float)
    assert math.isclose(larger, 2**64)


# Objects


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"text"', b"true"])
def test_a_request_is_an_object(data: bytes) -> None:
    with pytest.raises(NotJson, match="object") as caught:
        decode_object(data)
    assert caught.value.duplicate is None


TWICE = {
    "at the beginning and the end": (b'{"a": 1, "b": {"c": []}, "a": 2}', "a"),
    "the same value": (b'{"stream":true,"stream":true}', "stream"),
    "the empty key": (b'{"": 1, "": 2}', ""),
    "beside the same key deeper down": (b'{"x": {"a": 1}, "a": 2, "a": 3}', "a"),
    "with space": (b'{ "a" : 1 , \n "a"\t: 2 }', "a"),
    "not ASCII": ('{"é": 1, "é": 2}'.encode(), "é"),
    "spelled with escapes": (b'{"\\u0061": 1, "\\u0061": 2}', "a"),
    "a quote in it": (b'{"a\\"b": 1, "a\\"b": 2}', 'a"b'),
    "three times": (b'{"a": 1, "a": 2, "a": 3}', "a"),
    "one that has to be escaped": (b'{"\\\\": 1, "\\\\": {"\\"q": 1}}', "\\"),
    "spelled with escapes, and a value, too": (b'{"\\u0061": 1, "\\u0061": 2, "x": "a"}', "a"),
    "the same with space": (b'{"\\u0061": 1, "\\u0061": 2, "x": "a"  }', "a"),
    "as long as what is left": (b'{"a":1,"a":1e5,"b":1e1}', "a"),
    "a very long one": (b'{"%s": 1, "%s": 2}' % (b"k" * 5000, b"k" * 5000), "k" * NAME_LIMIT),
}


@contextmanager
def as_if_large(*, large: bool = True) -> Iterator[None]:
    """A text of a few bytes is read as one of megabytes is."""
    small = {"SLICED": 0, "GIANT": 7, "OUTLINED": 0, "SPARSE": 1, "LONG": 40} if large else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(codec, name, value)
        yield


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("case", TWICE)
def test_a_key_that_stands_twice_is_told(case: str, large: bool) -> None:  # noqa: FBT001 - drawn
    data, key = TWICE[case]
    with as_if_large(large=large), pytest.raises(NotJson, match="stands twice") as caught:
        decode_object(data)
    assert caught.value.duplicate == key
    assert len(caught.value.message) < 2 * NAME_LIMIT


ONCE = {
    "nothing": b"{}",
    "twice deeper down": b'{"a": {"b": 1, "b": 2}}',
    "once here and once deeper": b'{"a": {"a": {"a": 1}}}',
    "in two objects of a list": b'{"messages": [{"role": "user"}, {"role": "user"}], "user": "x"}',
    "as a value": b'{"user": "user", "model": "user"}',
    "as text in a string": b'{"user": "she said \\"user\\": twice"}',
    "upper and lower case": b'{"A": 1, "a": 2}',
    "one of two spelled with escapes": b'{"\\u0061": 1, "b": 2}',
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("case", ONCE)
def test_a_key_that_stands_once_at_the_top_is_fine(case: str, large: bool) -> None:  # noqa: FBT001 - drawn
    with as_if_large(large=large):
        assert decode_object(ONCE[case]) == json.loads(ONCE[case])


KEYS = st.text(max_size=3)
TEXTS = st.text('a"\\\\,{[:é\U0001f600', max_size=60)  # what has to be escaped, and what takes more than a byte


@given(st.lists(st.tuples(KEYS, VALUES | TEXTS), max_size=6), st.booleans(), st.booleans(), st.booleans())
def test_the_cheap_search_and_the_certain_reading_agree(
    pairs: list[tuple[str, Any]],
    spaced: bool,  # noqa: FBT001 - drawn
    large: bool,  # noqa: FBT001 - drawn
    growing: bool,  # noqa: FBT001 - drawn
) -> None:
    colon = " : " if spaced else ":"
    text = ("{" + ",".join(f"{encode_text(key)}{colon}{encode_text(value)}" for key, value in pairs) + "}").encode()
    data = bytearray(text) if growing else text
    if len({key for key, _ in pairs}) == len(pairs):
        with as_if_large(large=large):
            assert decode_object(data) == dict(pairs)
    else:
        with as_if_large(large=large), pytest.raises(NotJson) as caught:
            decode_object(data)
        assert [key for key, _ in pairs].count(caught.value.duplicate or "") > 1


@pytest.mark.parametrize("levels", range(900, 1030, 8))
def test_what_one_library_reads_the_other_does_not_choke_on(levels: int) -> None:
    """The certain reading is done by another library, whose limit of nesting is lower."""
    data = b'{"a": 1, "deep": {"a": ' + b"[" * levels + b"]" * levels + b"}}"
    try:
        assert set(decode_object(data)) == {"a", "deep"}
    except NotJson as fault:
        assert fault.duplicate is None  # noqa: PT017 - both ends are right, RecursionError is not


def test_a_nesting_that_cannot_be_checked_is_refused() -> None:
    def sink(frames: int) -> None:
        if frames:
            sink(frames - 1)
        else:
            decode_object(b'{"a": 1, "deep": {"a": ' + b"[" * 1000 + b"]" * 1000 + b"}}")

    with pytest.raises(NotJson):
        sink(300)


def traced(data: bytes) -> list[Any]:
    """Every call that goes over the bytes or the value while an object is decoded."""
    calls: list[Any] = []

    def profile(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and getattr(called, "__name__", "") in {"loads", "dumps", "count"}:
            calls.append(called)

    sys.setprofile(profile)
    try:
        decode_object(data)
    finally:
        sys.setprofile(None)
    return calls


def called(data: bytes) -> list[str]:
    """Their names, in order."""
    return [call.__name__ for call in traced(data)]


def searched(data: bytes) -> int:
    """How many bytes were looked through in search of keys."""
    return sum(len(call.__self__) for call in traced(data) if call.__name__ == "count")


@pytest.mark.parametrize("keys", [1, 10, 1000, 100_000])
@pytest.mark.parametrize("size", [10, 10_000, 4_000_000])
def test_the_search_for_doubled_keys_is_bounded(keys: int, size: int) -> None:
    """However many keys there are: a search per key would make the time grow with the square of the length."""
    data = encode({"text": "x" * size, **{f"k{number}": 0 for number in range(keys)}})
    assert len(decode_object(data)) == keys + 1
    assert searched(data) <= SEARCH_LIMIT


def test_a_common_request_is_neither_searched_nor_read_twice() -> None:
    data = encode({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "user": "somebody"})
    assert called(data) == ["loads", "dumps"]


def test_a_request_with_space_in_it_is_searched_and_not_read_twice() -> None:
    data = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}'
    assert called(data) == ["loads", "dumps", *["dumps", "count"] * 2], "of each key only its name is written"
    assert searched(data) == 2 * len(data)


PROSE = 'He said: "Über allen Gipfeln ist Ruh" [sic];\n'


@pytest.mark.parametrize("text", [PROSE, "x" * 50], ids=["prose", "a picture"])
@pytest.mark.parametrize("colon", [":", ": "], ids=["compact", "spaced"])
def test_a_large_request_is_looked_through_without_another_copy_of_it(
    monkeypatch: pytest.MonkeyPatch, text: str, colon: str
) -> None:
    """Of the text itself, or of the UTF-8 that Python keeps with a string once it was asked for."""
    inner = encode_text({"role": "user", "content": text * (6_000_000 // len(text))})
    data = f'{{"model"{colon}"gpt-4o","messages"{colon}[{inner}]}}'.encode()

    def loads(given: Any) -> Any:
        value = orjson.loads(given)  # takes another copy of its own, and lets go of it
        tracemalloc.reset_peak()
        return value

    seen = SimpleNamespace(loads=loads, dumps=orjson.dumps, JSONDecodeError=orjson.JSONDecodeError)
    monkeypatch.setattr(codec, "orjson", SimpleNamespace(**vars(seen), JSONEncodeError=orjson.JSONEncodeError))
    tracemalloc.start()
    try:
        value = decode_object(data)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value["messages"][0]["content"].startswith(text)
    assert peak - held < len(data) / 3


def test_keys_of_a_large_request_are_looked_for_where_there_are_any() -> None:
    data = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "%s"}]}' % (b"x" * 1_000_000)
    assert searched(data) < 1000
    with pytest.raises(NotJson, match="'model' stands twice"):
        decode_object(data[:-1] + b', "model": "gpt-4"}')


def test_a_string_that_looks_like_the_mark_of_a_giant_is_only_a_string() -> None:
    giant, mark = "x" * 100, codec.MARK
    data = encode({"a": giant, "b": mark, "c": [giant, mark]})
    with as_if_large():
        assert decode_object(data) == {"a": giant, "b": mark, "c": [giant, mark]}
        assert decode_object(encode({"b": mark})) == {"b": mark}
        with pytest.raises(NotJson, match="'a' stands twice"):
            decode_object(data[:-1] + b',"a":"%s"}' % giant.encode())


LEAVES = VALUES | TEXTS
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(st.dictionaries(KEYS, NESTED, max_size=4), NESTED, st.booleans())
def test_a_large_text_is_written_again_as_any_other(value: dict[str, Any], other: Any, growing: bool) -> None:  # noqa: FBT001 - drawn
    data = encode(value)
    with as_if_large():
        giants: Giants = {}
        read = decode_object(bytearray(data) if growing else data, giants)
        assert type(read) is dict
        for sent in (read, {**read, "other": other}, {"first": [other, list(read.values())]}, {}):
            assert bytes(encode_large(sent, giants)) == encode(sent)


def test_what_is_not_written_as_we_write_it_has_no_giants() -> None:
    giants: Giants = {}
    with as_if_large():
        for text in (b'{"a": "%s"}', b'{"a":"\\u0078%s"}', b'{"a":"%s"} ', b'{"a":"%s","b":1.50}'):
            decode_object(text % (b"x" * 50), giants)
        assert giants == {}
        assert bytes(encode_large({"a": "x" * 50}, giants)) == encode({"a": "x" * 50})
        assert encode_large({"a": "short"}, giants) == encode({"a": "short"})


def test_a_string_that_looks_like_the_mark_is_sent_as_it_is() -> None:
    giants: Giants = {}
    with as_if_large():
        for value in ({"a": "x" * 50, "b": codec.MARK}, {codec.MARK: "x" * 50}, {"a": codec.MARK * 9, "b": "y" * 9}):
            decode_object(encode({"a": "x" * 50}), giants)
            assert bytes(encode_large(value, giants)) == encode(value)


def test_a_giant_is_kept_as_long_as_its_identity_is_known() -> None:
    giants: Giants = {}
    with as_if_large():
        decode_object(encode({"a": "x" * 50}), giants)
    assert [(id(string), string, bytes(view)) for string, view in giants.values()] == [(*giants, "x" * 50, b"x" * 50)]


def test_giants_are_sent_from_where_they_came() -> None:
    data = encode({"model": "gpt-4o", "messages": [{"role": "user", "content": PROSE * 100_000}]})
    giants: Giants = {}
    read = decode_object(data, giants)
    sent = encode_large({**read, "model": "vendor/gpt-4o"}, giants)
    assert isinstance(sent, Pieces)
    assert [len(piece) < 100 for piece in sent.pieces] == [True, False, True]
    giant = sent.pieces[1]
    assert isinstance(giant, memoryview)
    assert giant.obj is data
    assert len(sent) == len(bytes(sent)) == len(data) + len("vendor/")


def test_backslashes_without_end_are_read_with_certainty() -> None:
    slashes = b"\\\\" * 200
    data = b'{"a": "%s\\", ", "b" : "\\"a\\" : %s"}' % (slashes, slashes)
    with as_if_large():
        assert set(decode_object(data)) == {"a", "b"}
        with pytest.raises(NotJson, match="'a' stands twice"):
            decode_object(data[:-1] + b', "a": 1}')


def test_a_key_that_is_a_value_too_is_no_suspicion() -> None:
    data = b'{"messages": [{"role": "user"}, {"x": ["user"]}], "model": "user", "user": "x"}'
    assert called(data).count("count") == 3 + 3, "one for each key, and three more for user"
    assert decode_object(data)["user"] == "x"
    with pytest.raises(NotJson, match="'user' stands twice"):
        decode_object(data[:-1] + b',"user" : "y"}')


def test_a_body_nested_deeper_than_can_be_written_is_searched() -> None:
    deep = b"[" * 300 + b"]" * 300
    assert set(decode_object(b'{"a":' + deep + b',"b":1}')) == {"a", "b"}
    with pytest.raises(NotJson, match="stands twice"):
        decode_object(b'{"a":' + deep + b',"a":1}')


def test_ten_megabytes_under_suspicion_are_read_once_more() -> None:
    messages = [{"role": "user", "content": f"Hello number {number}"} for number in range(220_000)]
    request = {"user": "somebody", "messages": messages}
    data = encode(request)
    assert len(data) > 10_000_000
    assert decode_object(data) == request
    assert searched(data) <= SEARCH_LIMIT


@pytest.mark.parametrize("unit", [b"[],", b'{"a":1},', b'"x":{},', b'"\\\\",[],', b'"\\"[{",{},'])
def test_what_is_crowded_is_told_wherever_it_is_sliced(monkeypatch: pytest.MonkeyPatch, unit: bytes) -> None:
    monkeypatch.setattr(codec, "CONTAINERS", 50)
    for slicing, few in ((1, 0), (2, 1), (7, 49), (1000, 1000)):
        monkeypatch.setattr(codec, "SLICE", slicing)
        monkeypatch.setattr(codec, "FEW", few)
        assert codec.crowded(unit * 60)
        assert not codec.crowded(unit * 40)


def test_what_stands_in_strings_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "CONTAINERS", 50)
    monkeypatch.setattr(codec, "COMMAS", 50)
    for slicing in (1, 5, 1000):
        monkeypatch.setattr(codec, "SLICE", slicing)
        assert not codec.crowded(codec.encode({"a": '[{,"\\' * 100, "b": "\\"}))
        assert codec.crowded(b"1," * 60)
