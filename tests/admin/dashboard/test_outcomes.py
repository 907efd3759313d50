import pytest

from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import COMPLETE, LEFT, STREAM_ENDS
from proxy.admin.dashboard.outcomes import ENDS, ICONS, outcome


def test_every_end_of_a_stream_has_its_words() -> None:
    assert set(ENDS) == {*STREAM_ENDS, ABORTED}
    for each in ENDS.values():
        assert each.sentence.endswith(".")
        assert each.icon == ICONS[each.tone]


def test_what_is_shown_as_bad_is_what_sums_count_as_broken() -> None:
    bad = {end for end in ENDS if outcome({"status": 200, "stream_end": end}).tone == "bad"}
    assert bad == set(STREAM_ENDS) - {COMPLETE, LEFT}


def test_no_two_ends_are_called_the_same() -> None:
    assert len({each.word for each in ENDS.values()}) == len(ENDS)


@pytest.mark.parametrize(
    ("status", "end", "tone", "word"),
    [
        (200, "", "good", "served"),
        (200, "complete", "good", "complete"),
        (200, "truncated", "bad", "truncated"),
        (0, "aborted", "muted", "aborted"),
        (200, "aborted", "muted", "aborted"),
        (499, "client_disconnected", "warn", "client left"),
        (499, "", "warn", "client left"),
        (429, "", "warn", "refused"),
        (504, "", "bad", "failed"),
        (502, "upstream_reset", "bad", "failed"),
        (0, "", "muted", "unknown"),
        (200, "an end of another version", "good", "served"),
    ],
)
def test_how_a_request_ended(status: int, end: str, tone: str, word: str) -> None:
    found = outcome({"status": status, "stream_end": end})
    assert (found.tone, found.word) == (tone, word)
