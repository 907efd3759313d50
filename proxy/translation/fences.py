"""JSON in a Markdown fence -> the JSON alone, where the client asked for JSON.

OpenAI's JSON modes promise a text that parses, and client libraries hand it to a parser as it is. Models that are
asked in words rather than held to a grammar like to write ```` ```json ... ``` ```` instead. Only a fence around the
whole text is taken off: what begins otherwise is none of our business and goes on untouched.
"""

from collections.abc import Callable

FENCE = "```"
OPENINGS = (FENCE, FENCE + "json")
"""What stands before the first bracket, in any case and with any blanks; the longest one last."""
SPACE = " \t\r\n"
HELD = 64
"""Characters held back at most; a model that runs on in blanks must not look like a silent one."""


class FenceStripper:
    """Takes the fence off a text that arrives in pieces; any slicing gives the same text.

    Held back is only what may still be a fence: the start up to the first bracket, and later blanks and backticks
    until something follows them.

    Args:
        wanted: false lets every text through, for answers that are not promised to be JSON.
    """

    __slots__ = ("_held", "_phase")

    def __init__(self, *, wanted: bool) -> None:
        self._phase: _Phase = _start if wanted else _plain
        self._held = ""

    @property
    def plain(self) -> bool:
        """Whether there is no fence; every further piece goes on and need not be fed."""
        return self._phase is _plain

    def feed(self, text: str) -> str:
        """What is certain to belong to the text after this piece."""
        self._phase, certain, self._held = self._phase(self._held + text)
        return certain

    def finish(self) -> str:
        """What was still held back when the text ended, unless it is the closing fence."""
        rest, self._held = self._held, ""
        return "" if self._phase is _inside and rest.strip(SPACE) == FENCE else rest


_Phase = Callable[[str], tuple["_Phase", str, str]]
"""A phase of the text: what is held -> (the phase after it, what is certain, what stays held)."""


def _start(held: str) -> tuple[_Phase, str, str]:
    """Before the first bracket."""
    end = min((at for at in (held.find("{"), held.find("[")) if at >= 0), default=-1)
    lead = held if end < 0 else held[:end]
    words = "".join(lead.split()).lower()
    if len(lead) > HELD or not OPENINGS[-1].startswith(words):
        return _plain, held, ""
    if end < 0:
        return _start, "", held
    return _inside(held[end:]) if words in OPENINGS else (_plain, held, "")


def _inside(held: str) -> tuple[_Phase, str, str]:
    """Behind an opening fence. Of many backticks only the last three can be the closing one."""
    text = held.rstrip(SPACE)
    rest = text.rstrip("`")
    ticks = len(text) - len(rest)
    cut = len(text) - len(FENCE) if ticks > len(FENCE) else len(rest.rstrip(SPACE))
    cut = max(cut, len(held) - HELD)
    return _inside, held[:cut], held[cut:]


def _plain(held: str) -> tuple[_Phase, str, str]:
    """A text without a fence."""
    return _plain, held, ""


def strip(text: str) -> str:
    """A whole text without the fence around it."""
    stripper = FenceStripper(wanted=True)
    return stripper.feed(text) + stripper.finish()
