"""How long a recording is."""

import io
import struct
import wave

import pytest

from proxy.translation.recordings import seconds


def wav(frames: int = 16_000, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(frames * 2))
    return file.getvalue()


def chunk(name: bytes, data: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if length is None else length) + data


FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16))


def test_a_wav_file_says_it() -> None:
    whole = wav()
    assert seconds(whole[:44], len(whole)) == 2.0
    assert seconds(whole, len(whole)) == 2.0


def test_one_that_was_cut_is_as_long_as_what_came() -> None:
    assert seconds(wav()[:44], 44 + 16_000) == 1.0
    assert seconds(wav()[:44], 10) == 0.0


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_one_that_was_made_while_it_was_sent(length: int) -> None:
    head = b"RIFF\xff\xff\xff\xffWAVE" + FMT + chunk(b"data", b"", length)
    assert seconds(head, len(head) + 32_000) == 2.0


def test_other_tables_stand_before_the_sound() -> None:
    head = b"RIFF\0\0\0\0WAVE" + chunk(b"LIST", b"odd", 3) + b"\0" + FMT + chunk(b"data", b"", 16_000)
    assert seconds(head, len(head) + 16_000) == 1.0


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"RIFF",
        b"ID3\x04" + bytes(100),
        b"RIFF\0\0\0\0AVI " + bytes(40),
        b"RIFF\0\0\0\0WAVE" + FMT,
        b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"", 100),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"\0" * 16) + chunk(b"data", b"", 100),
        b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b""),
    ],
)
def test_what_does_not_say_it(head: bytes) -> None:
    assert seconds(head, 1000) is None
