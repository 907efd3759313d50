"""Chunks that differ in their text only, told by their bytes: a run of events is compared, not decoded.

Of a stream's chunks nearly all are the same bytes around another text. Once one has been decoded and handed on, what
stood around its text on the wire, and what stands around it on the way to the client, is a template. Later events are
held against it, as many as a piece has, in a few passes over the bytes that need no loop here.

A match is a proof, no guess. What stands around a text is shown, by decoding it with another text in that place, to be
a chunk in which the place is this field and nothing else. So an event is such a chunk exactly if what it has between
prefix and suffix is the inside of one JSON string. For a run of events, what stands between two texts is replaced by
one blank, and the whole must be one JSON string: a quote in any text would end it, half an escape or half a character
at the end of a text cannot take the blank for its other half, and a line ending is not allowed in it. Whatever is odd
about a run makes it no match, and it is taken apart event by event.
"""

import re
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from proxy.codec import decode, encode, glance
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.events import CR, LF

LIMIT = 4096
"""Bytes around a text at most, together. Ten times what is usual; it bounds the memory of a stream."""
MOST = 8
"""Templates kept at a time, the latest ones: text and reasoning of four choices that come interleaved."""
LESSONS = 16
"""Templates a stream may learn."""
DEAR = 5
"""Lessons that one counts for if the last one of its kind was of no use: where every chunk is different (think of log
probabilities), none ever is, and each costs as much as decoding two chunks."""
LEAD: Final = b"data: "
LINE_FEEDS: Final = b"\n\n"
CARRIAGE_RETURNS: Final = b"\r\n\r\n"
"""The line ending of an event and its blank line. Servers use one of the two; others are not made templates of."""
AS_IT_CAME: Final = b"<as it came>"
"""Stands for the very bytes that came, where they go on as they are: they need not be copied."""
SAMPLE = "<another text>"
"""What is put in place of a text to see what comes of it."""
_SAMPLE = SAMPLE.encode()
_STRING = rb'"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
FIELDS = MappingProxyType({
    name: re.compile(b'"' + name.encode() + _STRING) for name in ("content", "reasoning_content", "reasoning")
})  # fmt: skip
"""Fields that hold a text -> where it stands in the bytes of a chunk. Only a first guess; the proof comes after it."""

SAYS_NOTHING = b'"delta":{"role":"assistant","content":""'
"""How a delta begins that says nothing but the role."""
_REFUSES_NOTHING = b',"refusal":null'
_SAYS = b'"delta":{"content":"'
_BACKSLASH = ord("\\")


class Around(NamedTuple):
    """What stands before and after a text."""

    before: bytes
    after: bytes

    def framed(self, lead: bytes, blank: bytes) -> "Around":
        """The same with what makes an event of it: `lead` before its data, `blank` for the line ending and after it."""
        return Around(lead + self.before, self.after + blank)


def around(data: bytes, name: str) -> Around | None:
    """What stands around the text of a chunk's field in its bytes (one JSON object, one line), if it can be found."""
    found = FIELDS[name].search(data)
    if found is None or len(data) - (found.end(1) - found.start(1)) > LIMIT:
        return None
    return Around(data[: found.start(1)], data[found.end(1) :])


def sample(sides: Around) -> bytes:
    """The bytes of a chunk that has SAMPLE for its text."""
    return sides.before + _SAMPLE + sides.after


def expected(data: bytes, lead: bytes, blank: bytes) -> Around | None:
    """What will stand around the texts of a choice whose first delta this chunk holds, and says nothing but the role.

    That is, if another delta is the only difference between them. The bytes replaced are the choice's delta: without a
    backslash, every quote is one that begins or ends a string, so where `"delta"` stands but once, it is its name.
    `lead` and `blank` are what makes an event of it.
    """
    before, found, after = data.partition(SAYS_NOTHING)
    after = after.removeprefix(_REFUSES_NOTHING)
    if not found or after[:1] != b"}" or len(data) > LIMIT or _BACKSLASH in data or data.count(b'"delta"') > 1:
        return None
    return Around(lead + before + _SAYS, b'"' + after + blank)


@lru_cache(maxsize=64)  # two or three are in use at a time; streams of one model share theirs
def _joints(begin: bytes, length: int) -> re.Pattern[bytes]:
    """What finds so many bytes that begin like this. All but the beginning is skipped, not looked at."""
    return re.compile(b"(?s)%b.{%d}" % (re.escape(begin), length - len(begin)))


class Template:
    """One kind of chunk of one stream: a field of one choice.

    Args:
        choice: whose text it is; a template is of use until its choice is finished.
        name: the field upstream puts it in.
        came: what stands around the text on the wire, the event's blank line with it.
        goes: what stands around it for the client; None where the client gets nothing of it.
        spelled: texts go on in upstream's spelling; otherwise in ours, in which few characters are escaped.
        guessed: no text was seen yet, so it has to be asked whether the first one goes on as it comes.

    Attributes:
        prefix, suffix: as `came`.
        begin, end: where a run of events is cut to be taken, behind the first prefix and before the last suffix.
        inside: the same as a slice.
        used: an event has fitted it.
    """

    __slots__ = (
        "_brief", "_checked", "_goes", "_joint", "_rest", "_same", "_spelled", "_thought", "_told", "begin", "choice",
        "end", "guessed", "inside", "name", "prefix", "suffix", "used",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what is known of one kind of chunk
        self,
        choice: ChoiceStream,
        name: str,
        came: tuple[bytes, bytes],
        goes: tuple[bytes, bytes] | None,
        *,
        spelled: bool,
        guessed: bool = False,
    ) -> None:
        self.choice = choice
        self.prefix, self.suffix = came
        self.name = name
        self.used = False
        self.guessed = guessed
        self._goes = goes
        self._same = spelled and goes == came
        self._spelled = spelled
        self.begin = len(self.prefix)
        self.end = -len(self.suffix)
        self.inside = slice(self.begin, self.end)
        # Of these, a chunk whose text is empty becomes something else than one whose text is not.
        self._thought = name != "content"
        self._checked = choice.remembers and name == "content"
        self._told = goes is None or name == "reasoning"
        self._rest = len(self.suffix) - self.suffix.index(b"\n")  # from the end of its first line to the end
        self._joint = self.suffix + self.prefix
        # Of most, a text only has to be counted, once one was handed on.
        self._brief = self._same and not (self._thought or self._checked)

    def run(self, piece: bytes, place: int, *, widely: bool) -> tuple[bytes | None, int]:
        """What the client gets for a run of events, and where in `piece` it ends.

        The prefix stands at `place`. The run is one event, or if `widely` and they are all of this kind, all up to the
        last suffix in the piece. None instead of bytes if there is no run; then nothing was counted. The end is the
        place if that could be told by a glance.
        """
        begin = place + self.begin
        if self.guessed and not self._opens(piece, begin):
            return None, place
        last = piece.rfind(self.suffix, begin) if widely else -1
        if last >= 0:
            out = self.take(piece[begin:last])
            if out is not None:
                return out, last - self.end
        # Not searched for beyond this event: it may be missing in all the others, too.
        stop = piece.find(b"\n", begin) + self._rest
        fits = piece.endswith(self.suffix, begin, stop)
        return (self.take(piece[begin : stop + self.end]) if fits else None), stop

    def take(self, inner: bytes) -> bytes | None:
        """What the client gets for events, once they are counted: AS_IT_CAME if nothing of them is different.

        `inner` is what stands between the first one's prefix and the last one's suffix. None, and nothing is counted,
        if they are not all events of this kind.
        """
        texts = self._texts(inner) if LF in inner else [inner]
        inner = b" ".join(texts)  # of one, that is no copy
        try:
            text = glance(b'"' + inner + b'"')
        except ValueError:
            return None
        if self._told and not all(texts):
            return None
        size = (len(text) if text.isascii() else len(text.encode())) - len(texts) + 1
        choice = self.choice
        if self.guessed:
            choice.open()
        choice.blank = choice.last_word = False
        meter = choice.meter
        meter.output_bytes += size
        if self._brief and self.used and meter.started:
            return AS_IT_CAME
        self.used, self.guessed = True, False
        if self._thought:
            meter.reasoning_bytes += size
        if size and self._goes is not None:
            meter.started = True
        if self._checked and size:
            choice.remember(decode(b'"' + b"".join(texts) + b'"'))
        return AS_IT_CAME if self._same else self._written(texts, text, inner)

    def _opens(self, piece: bytes, begin: int) -> bool:
        """Whether the first text of all, which stands there, goes on as it comes. It is read up to its first escape."""
        first = piece[begin : piece.find(b'"', begin)].partition(b"\\")[0]
        return self.choice.opens(first.decode("latin-1"))

    def _texts(self, inner: bytes) -> list[bytes]:
        """The texts of two or more events of this kind; of others something that is no text."""
        joint, suffix, begin = self._joint, self.suffix, self.begin
        texts = _joints(suffix[:2], len(joint)).split(inner)
        if joint.join(texts) != inner:  # perhaps a text has in it what the suffix begins with
            texts = inner.split(suffix)
            texts[1:] = [text[begin:] for text in texts[1:]]
            if joint.join(texts) != inner:
                return [inner]
        return texts

    def _written(self, texts: list[bytes], text: str, spelled: bytes) -> bytes:
        """What the client gets for texts; `text` is all of them with blanks between, `spelled` the same as JSON."""
        if self._goes is None:
            return b""
        if not self._spelled and _BACKSLASH in spelled and encode(text) != spelled:
            # Only what is escaped can be spelled in several ways.
            texts = [encode(decode(b'"' + one + b'"'))[1:-1] for one in texts]
        before, after = self._goes
        return before + (after + before).join(texts) + after


class Repertoire:
    """The templates of one stream.

    Attributes:
        lessons: how many more it may learn; with 0 from the start, every event is decoded.
        latest: the one that was used or learned last.
        kept: all of them, the last one learned first.
        lead, blank: how upstream begins and ends its events.
    """

    __slots__ = ("blank", "kept", "latest", "lead", "lessons")

    def __init__(self) -> None:
        self.lessons = LESSONS
        self.latest: Template | None = None
        self.kept: tuple[Template, ...] = ()
        self.lead = LEAD
        self.blank = LINE_FEEDS

    def run(self, piece: bytes, place: int, *, widely: bool) -> tuple[bytes | None, int]:
        """What the client gets for a run of events at a place, and where it ends.

        None if it fits no template. Then the second is the place if not even a prefix fitted, otherwise -1.
        """
        found = place
        for template in self.kept:
            if piece.startswith(template.prefix, place):
                out, stop = template.run(piece, place, widely=widely)
                if out is not None:
                    self.latest = template
                    return out, stop
                if stop != place:
                    widely, found = False, -1
        return None, found

    def event(self, piece: bytes, place: int) -> tuple[bytes | None, int]:
        """The data of the event at a place, and where it ends, with its blank line.

        None for the data unless the event is one line of data and a blank one, as most are; the place is then behind
        the first line, or at the end of the piece.
        """
        end = piece.find(b"\n", place)
        if end < 0:
            return None, len(piece)
        if piece[end + 1 : end + 2] == b"\n":
            line, stop, self.blank = piece[place:end], end + 2, LINE_FEEDS
        elif piece[end - 1 : end + 3] == CARRIAGE_RETURNS:
            line, stop, self.blank = piece[place : end - 1], end + 3, CARRIAGE_RETURNS
        else:
            return None, end + 1
        if line[:5] != b"data:" or CR in line:
            return None, stop
        self.lead = b"data: " if line[5:6] == b" " else b"data:"
        return line[len(self.lead) :], stop

    def has(self, sides: Around) -> bool:
        """Whether there is a template for chunks that have this around their text."""
        came = sides.framed(self.lead, self.blank)
        return any((template.prefix, template.suffix) == came for template in self.kept)

    def lesson(self, data: bytes, name: str) -> tuple[Around, bytes, dict[str, Any]] | None:
        """What stands around a field's text in a chunk, and another chunk with this around its text: bytes, and object.

        None if there is a template of it, or if that does not prove that the text is the choice's.
        """
        sides = around(data, name)
        if sides is None or self.has(sides):
            return None
        other = sample(sides)
        value = decode(other)
        return (sides, other, value) if value["choices"][0]["delta"].get(name) == SAMPLE else None

    def add(self, choice: ChoiceStream, name: str, sides: Around, became: bytes) -> None:
        """Learn a template: a field of a choice, what stands around its text, and what became of the `sample` of it.

        The last is a chunk, too, or empty if the client got nothing.
        """
        parts = became.split(_SAMPLE)
        if len(parts) != (2 if became else 1):
            return  # the sample's text stands elsewhere, too
        rivals = [known for known in self.kept if known.choice is choice and known.name == name and not known.used]
        useless = [known for known in rivals if not known.guessed]
        self.kept = tuple(known for known in self.kept if known not in rivals)[: MOST - 1]
        self.lessons = max(0, self.lessons - (DEAR if useless else 1))
        if self.lessons or not useless:
            goes = Around(*parts).framed(LEAD, LINE_FEEDS) if became else None
            came = sides.framed(self.lead, self.blank)
            self.latest = Template(choice, name, came, goes, spelled=became == sample(sides))
            self.kept = (self.latest, *self.kept)

    def guess(self, choice: ChoiceStream, data: bytes, became: bytes) -> None:
        """Make a template of a choice's first chunk and what became of it, if it says nothing but its role.

        It costs no lesson, and is dropped when the texts turn out to be spelled otherwise.
        """
        came = expected(data, self.lead, self.blank)
        same = became is data and self.lead == LEAD and self.blank == LINE_FEEDS
        goes = came if same else expected(became, LEAD, LINE_FEEDS)
        if came is not None and goes is not None and len(self.kept) < MOST:
            guessed = Template(choice, "content", came, goes, spelled=became is data, guessed=True)
            self.kept = (guessed, *self.kept)

    def expect(self, choice: ChoiceStream, lead: bytes, sides: tuple[Around, Around]) -> None:
        """As `guess`, of a stream's first chunk, which is known from other streams.

        `lead` is how chunks of this stream begin, `sides` are what stands behind it.
        """
        same = sides[0] is sides[1]
        came = goes = (LEAD + lead + sides[0][0], sides[0][1])
        if not same:
            goes = (LEAD + lead + sides[1][0], sides[1][1])
        self.kept = (Template(choice, "content", came, goes, spelled=same, guessed=True),)

    def forget(self, choice: ChoiceStream) -> None:
        """Drop the templates of a choice that is finished: what comes after its end is not handed on."""
        if len(self.kept) == 1 and self.kept[0].choice is choice:
            self.kept, self.latest = (), None
            return
        kept = []
        for template in self.kept:
            if template.choice is not choice:
                kept.append(template)  # noqa: PERF401 - nearly always there is one and it goes
        self.kept = tuple(kept)
        if self.latest not in self.kept:
            self.latest = None
