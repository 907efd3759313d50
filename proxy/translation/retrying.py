"""Whether a request of a batch that was refused is made again, and when.

Nobody waits for a batch as for an answer, so what passes is waited for: the proxy's own limits for as long as the
window lasts, trouble at Telnyx for some attempts. What does not pass by itself ends the request: an error of its own,
a budget that is spent, a request larger than a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy import codec

TRIES = 5
"""Attempts at most where Telnyx is in trouble."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between attempts: twice as many each time."""
OURS = frozenset({"store_unavailable", "limiter_unavailable", "ledger_full", "shutting_down"})
"""Codes of what the proxy lacks for a while; it does not count as an attempt."""
TELNYX_LIMIT = "rate_limit_error"
"""The type of Telnyx's own 429; those of this proxy's limits are `requests` and `tokens`."""
RATE, TIMEOUT, BROKEN = 429, 408, 500


@dataclass(frozen=True, slots=True)
class Again:
    """It is made again.

    Attributes:
        wait: seconds until then.
        counts: it counts as an attempt.
        all: other requests of the batch would be refused the same and wait, too.
    """

    wait: float
    counts: bool
    all: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended.

    Attributes:
        status, body: of the answer.
        headers: in lower case.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]


def judge(answer: Answer, tries: int) -> Again | None:
    """What follows after so many attempts, this one included; None where the answer stands."""
    status = answer.status
    if status not in {RATE, TIMEOUT} and status < BROKEN:
        return None
    if answer.headers.get("x-should-retry") == "false":
        return None
    error, asked = _error(answer.body), _seconds(answer.headers.get("retry-after-ms"))
    if status == RATE and error.get("type") != TELNYX_LIMIT:
        return Again(max(asked, FIRST_PAUSE / 10), counts=False, all=True)
    pause = min(LONGEST_PAUSE, max(asked, FIRST_PAUSE * 2 ** (min(tries, TRIES) - 1)))
    if error.get("code") in OURS:
        return Again(pause, counts=False, all=True)
    return Again(pause, counts=True, all=status == RATE) if tries < TRIES else None


def headers_of(lines: str) -> dict[str, str]:
    """Headers as an answer has them, each with its end -> by their names in lower case."""
    pairs = (line.partition(":") for line in lines.split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        error = codec.decode(body).get("error")
    except (codec.NotJson, AttributeError):
        return {}
    return error if isinstance(error, dict) else {}


def _seconds(milliseconds: str | None) -> float:
    return int(milliseconds) / 1000 if milliseconds and milliseconds.isdecimal() else 0.0
