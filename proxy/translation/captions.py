"""Captions from a transcript with times: SubRip (`srt`) and WebVTT (`vtt`), as OpenAI's own API writes them.

A cue is (start, end, text) in seconds. Telnyx gives segments, which are cues already, or words, which are put together.

Source: https://www.w3.org/TR/webvtt1/ (section 4); SubRip has no standard, the form is that of OpenAI's whisper.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Cue = tuple[float, float, str]

LINE = 42
"""Characters of a cue made of words: a line of subtitles."""
SILENCE = 1.0
"""Seconds without a word after which a new cue begins."""
ENDS = (".", "!", "?")
"""What a sentence ends with, and a cue made of words with it."""


def cues(segments: Any, words: Any) -> list[Cue]:
    """The cues of a transcript; empty where it tells no times."""
    spoken = _timed(segments, "text")
    return spoken or _joined(_timed(words, "word"))


def srt(found: Sequence[Cue]) -> str:
    """SubRip: numbered cues."""
    shown = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_line(text)}\n"
        for number, (start, end, text) in enumerate(found, 1)
    ]
    return "\n".join(shown) + "\n" if shown else "\n"


def vtt(found: Sequence[Cue]) -> str:
    """WebVTT."""
    shown = [f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(_line(text))}\n" for start, end, text in found]
    return "\n".join(["WEBVTT\n", *shown]) + "\n"


def _timed(rows: Any, name: str) -> list[Cue]:
    """The rows that have a beginning, an end and a text, as cues that do not run backwards."""
    found: list[Cue] = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get(name), str):
            start, end = _time(row.get("start")), _time(row.get("end"))
            if start is not None and end is not None:
                found.append((start, max(start, end), row[name]))
    return found


def _time(value: Any) -> float | None:
    return value if type(value) in {int, float} and 0 <= value < float("inf") else None


def _joined(words: Iterable[Cue]) -> list[Cue]:
    """Words put together until a line is full, a sentence ends, or nobody speaks for a while."""
    found: list[Cue] = []
    for start, end, word in words:
        if found:
            begun, until, text = found[-1]
            if start - until < SILENCE and len(text) + len(word) < LINE and not text.endswith(ENDS):
                found[-1] = (begun, max(until, end), f"{text} {word}")
                continue
        found.append((start, end, word))
    return found


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _line(text: str) -> str:
    """The text of a cue on one line: a blank line would end it, an arrow begin another one."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
