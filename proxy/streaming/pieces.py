"""Pieces of a stream, however sliced -> its events, each looked at once, and most of them together with their like.

What an event means is for `chat` to say. Here is how it is found, and which need not be taken apart to be found: runs
of those that fit a template, and the first and the last chunk of a stream, where they are known from other streams.
"""

from abc import ABC, abstractmethod

from proxy.errors import ProxyError, UpstreamFailed
from proxy.streaming import silent, templates
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.chunks import Names, frame
from proxy.streaming.events import CR, LF, Event, EventSplitter, Malformed
from proxy.streaming.templates import AS_IT_CAME, LEAD, LINE_FEEDS, Repertoire, Template

DONE = b"data: [DONE]\n\n"


class Pieces(ABC):
    """The way from bytes to events. Whoever inherits it makes what is declared here.

    Attributes:
        ended: how the stream ended; None while more may come.
        model: who speaks.
    """

    __slots__ = (
        "_asked", "_choices", "_held", "_lead", "_likely", "_limit", "_names", "_splitter", "_templates", "ended",
        "model",
    )  # fmt: skip

    ended: str | None
    model: str
    _asked: bool
    _choices: dict[int, ChoiceStream]
    _held: bool  # the splitter holds a part of an event
    _lead: bytes | None  # how a chunk of this stream begins, if that is known
    _likely: Template | None  # what the next piece fits if it begins with an event; None if it may not
    _limit: int
    _names: Names | None
    _splitter: EventSplitter
    _templates: Repertoire

    @abstractmethod
    def _event(self, data: bytes, name: bytes) -> bytes:
        """What the client gets for one event. Raises Malformed, or the error that it is."""

    @abstractmethod
    def _done(self) -> bytes:
        """What the client gets for upstream's word that it is done."""

    @abstractmethod
    def _take(self, events: list[Event]) -> bytes:
        """What the client gets for events."""

    @abstractmethod
    def _at(self, index: object, place: int) -> ChoiceStream:
        """The choice with an index, else the one at a place in the list."""

    @abstractmethod
    def _broken(self, fault: Malformed | ProxyError) -> bytes:
        """The end of the stream by an event that is none."""

    @abstractmethod
    def _break(self, end: str, error: ProxyError) -> bytes:
        """The end of the stream by an error."""

    def feed(self, piece: bytes) -> bytes:
        """What the client gets for the next bytes of upstream: whole events, or nothing yet."""
        if self.ended is not None:
            return b""
        likely = self._likely
        if likely is not None:
            inner = piece[likely.inside]
            if likely.prefix + inner + likely.suffix == piece and len(piece) <= self._limit:
                out = likely.take(inner)
                if out is not None:
                    return piece if out is AS_IT_CAME else out
        return self._piecemeal(piece) if LF in piece or CR in piece else self._half_a_line(piece)

    def _piecemeal(self, piece: bytes) -> bytes:
        """The same for any piece: runs of events that fit a template, and event by event what is between them."""
        splitter = self._splitter
        if self._held:  # the line that the last piece ended in may be a whole event now
            piece = splitter.take_back(templates.LIMIT) + piece
            self._held = not splitter.between
        # In a piece larger than the limit may be an event that is too large: the splitter has to see it.
        out = self._by_event(piece) if len(piece) <= self._limit else self._split(piece)
        if splitter.overflow:
            out += self._overflow()
        self._likely = None if self._held else self._templates.latest
        return out

    def _half_a_line(self, piece: bytes) -> bytes:
        if piece:
            self._splitter.feed(piece)
            self._held = True
            self._likely = None
        return self._overflow() if self._splitter.overflow else b""

    def _overflow(self) -> bytes:
        """The end of the stream, unless the end came before what was too large."""
        if self.ended is not None:
            return b""
        return self._break("malformed", UpstreamFailed("Telnyx sent an event that is too large."))

    def _by_event(self, piece: bytes) -> bytes:
        made: list[bytes | memoryview] = []
        view = memoryview(piece)  # a stream may be large, and is copied once
        repertoire = self._templates
        since, place, end = 0, 0, len(piece)  # from `since` to `place` all goes on as it came
        if self._names is None and not (self._held or self._choices) and repertoire.lessons:
            opened, place = self._open(piece)
            if place and opened is not AS_IT_CAME:
                made, since = [opened], place
        widely = True  # until it was tried: each time all of the piece is looked at
        while place < end and self.ended is None:
            out, stop = None, place
            if repertoire.kept and not self._held:
                out, stop = repertoire.run(piece, place, widely=widely)
                widely = widely and stop == place
            if out is None:
                out, stop = self._one(piece, place)
            if out is not AS_IT_CAME:
                made += (view[since:place], out)
                since = stop
            place = stop
        if not made:
            return piece[since:place]  # of all, that is no copy
        return b"".join((*made, view[since:place]))

    def _open(self, piece: bytes) -> tuple[bytes, int]:
        """What the client gets for the first event, if it is known from other streams, and where it ends, else 0."""
        found = silent.opening(piece, self._asked)
        if found is None:
            return b"", 0
        lead, names, chunk, end = found
        choice = self._at(0, 0)
        if not choice.stays(chunk.choice):
            return b"", 0
        self._lead, self._names, self.model = lead, names, chunk.model
        self._splitter.started = True
        if chunk.sides is not None:
            self._templates.expect(choice, lead, chunk.sides)
        return AS_IT_CAME if chunk.made is None else frame(lead + chunk.made), end

    def _ends(self, data: bytes) -> bytes | None:
        """What the client gets for a chunk that is known from other streams and only ends the choice; else None."""
        lead = self._lead or b""
        chunk = silent.ending(data, lead, self._asked)
        if chunk is None or chunk.model != self.model:
            return None
        choice = self._choices[0]
        if not choice.stays(chunk.choice):
            return None
        self._templates.forget(choice)
        return AS_IT_CAME if chunk.made is None else frame(lead + chunk.made)

    def _one(self, piece: bytes, place: int) -> tuple[bytes, int]:
        """What the client gets for the event at a place, or else for the first line there, and where that ends."""
        if piece.startswith(DONE, place) and not self._held:
            return self._at_the_end(), place + len(DONE)
        repertoire = self._templates
        stop = piece.find(b"\n", place) + 2
        data: bytes | None = (line := piece[place + 6 : stop - 2])
        if piece.startswith(LEAD, place) and piece.startswith(LINE_FEEDS, stop - 2) and CR not in line:
            repertoire.lead, repertoire.blank = LEAD, LINE_FEEDS
            if self._lead is not None and line.find(silent.SIGN) >= 0 and not self._held:
                ending = self._ends(line)
                if ending is not None:
                    return ending, stop
        else:
            data, stop = repertoire.event(piece, place)
        if data is None or self._held:
            return self._split(piece[place:stop]), stop
        self._splitter.started = True
        try:
            out = self._event(data, b"")
        except (Malformed, ProxyError) as fault:
            return self._broken(fault), stop
        if out is AS_IT_CAME and stop - place != len(data) + 8:  # in another frame
            out = frame(data)
        return out, stop

    def _at_the_end(self) -> bytes:
        """What the client gets for the last event, where it is spelled as ours is."""
        self._splitter.started = True
        out = self._done()
        return AS_IT_CAME if out is DONE else out

    def _split(self, piece: bytes) -> bytes:
        out = self._take(self._splitter.feed(piece))
        self._held = not self._splitter.between
        return out
