"""Forms: any slicing of the same bytes says the same."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge import multipart
from proxy.edge.multipart import END, HEAD_LIMIT, PARTS, PREAMBLE_LIMIT, Event, Part, Splitter, boundary_of
from proxy.errors import InvalidRequest

FORM = (
    b'--b \t\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\ncontent-disposition: form-data; filename="a \\"b\\".wav"; name=file\r\nContent-Type: audio/wav\r\n\r\n'
    b"\r\n--\r\n--a\r\n-\r\n"
    b'\r\n--b\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--b--\r\nand more'
)
SAID = [Part("model"), b"whisper-1", END, Part("file", 'a "b".wav', "audio/wav"), b"\r\n--\r\n--a\r\n-\r\n", END,
        Part("empty"), END]  # fmt: skip


def read(*pieces: bytes, boundary: bytes = b"b") -> list[Event]:
    """The events, contents put together."""
    splitter = Splitter(boundary)
    said: list[Event] = []
    for piece in pieces:
        for event in splitter.feed(piece):
            if isinstance(event, bytes) and said and isinstance(said[-1], bytes):
                said[-1] += event
            else:
                said.append(event)
    return said


def test_a_form() -> None:
    assert read(FORM) == SAID


def test_a_form_byte_by_byte() -> None:
    assert read(*(FORM[place : place + 1] for place in range(len(FORM)))) == SAID


@given(st.lists(st.integers(0, len(FORM)), max_size=8))
def test_any_slicing(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(FORM)]
    assert read(*(FORM[a:b] for a, b in pairwise(places))) == SAID


def test_what_stands_before_the_first_part_is_nothing() -> None:
    assert read(b"hello\r\n" + FORM) == SAID
    with pytest.raises(InvalidRequest):
        read(*[bytes(4096)] * (PREAMBLE_LIMIT // 4096 + 2))


def test_after_the_end_comes_nothing() -> None:
    splitter = Splitter(b"b")
    splitter.feed(FORM)
    assert splitter.ended
    assert splitter.feed(FORM) == []


BROKEN = {
    "no head": b"--b\r\n\r\nvalue",
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nvalue",
    "attachment": b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\nvalue',
    "long name": b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 300 + b'"\r\n\r\nvalue',
    "encoded": b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\nvalue',
    "another boundary": b"--bb\r\n",
    "endless delimiter": b"--b" + b" " * (HEAD_LIMIT + 1),
    "endless head": b"--b\r\n" + b"x" * (HEAD_LIMIT + 10),
    "too many": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * (PARTS + 1),
}


@pytest.mark.parametrize("form", BROKEN.values(), ids=BROKEN)
def test_what_is_no_form(form: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(form)


def test_boundaries() -> None:
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; Boundary="a b"') == b"a b"
    for other in ("", "application/json", "multipart/form-data", "multipart/mixed; boundary=a",
                  f"multipart/form-data; boundary={'x' * 300}"):  # fmt: skip
        with pytest.raises(InvalidRequest):
            boundary_of(other)


def test_a_name_in_many_letters() -> None:
    (part,) = read(b"--b\r\nContent-Disposition: form-data; name=file; filename*=utf-8''a%20b.wav\r\n\r\n")
    assert part == Part("file", "a%20b.wav")


def test_what_goes_out_is_read_as_it_was() -> None:
    made = (
        multipart.fields("b", [("model", "m\u00e9"), ("a[]", "1")])
        + multipart.file_head("b", Part("file", 'a"\r\nb.wav', "audio/wav; rate=8000"))
        + b"sound\r\n"
        + multipart.closing("b")
    )
    assert read(made) == [
        Part("model"), "m\u00e9".encode(), END, Part("a[]"), b"1", END,
        Part("file", "a%22%0D%0Ab.wav", "audio/wav; rate=8000"), b"sound", END,
    ]  # fmt: skip


def test_a_type_that_breaks_out_is_not_handed_on() -> None:
    assert b"X: 1" not in multipart.file_head("b", Part("file", None, "audio/wav\r\nX: 1"))
    assert b'filename="audio"' in multipart.file_head("b", Part("file"))
    assert b"a_b" in multipart.file_head("b", Part("file", "a\x00b"))
