import pytest

from proxy.admin.dashboard import reasons
from proxy.admin.dashboard.reasons import ADVICE, KINDS, meaning, why
from proxy.errors import tree
from proxy.translation.changes import CHANGE_KINDS
from proxy.translation.quirks import QUIRKS


def test_every_kind_of_change_and_every_code_has_its_words() -> None:
    assert set(KINDS) == set(CHANGE_KINDS)
    assert {each.code for each in tree()} == set(ADVICE)


@pytest.mark.parametrize("name", [each.name for each in QUIRKS])
def test_every_quirk_is_explained(name: str) -> None:
    assert why(name, "repaired", "chat.completions") == reasons.quirk(name)
    assert reasons.quirk(name)[0].isupper() or not reasons.quirk(name)[0].isalpha()
    assert reasons.quirk(name).endswith(".")


@pytest.mark.parametrize(
    ("field", "kind", "begins"),
    [
        ("max_completion_tokens", "renamed", "Telnyx has one cap"),
        ("logit_bias", "lossy", "The numbers of OpenAI's tokens"),
        ("user", "dropped", "It is kept for the ledger"),
        ("messages[].role", "converted", "Six roles"),
        ("temperature", "injected", "OpenAI's default is 1"),
        ("stream_options", "injected", "Usage is always asked for"),
        ("temperature", "forced", ""),  # the operator's own decision
        ("model", "aliased", ""),
        ("logit_bias", "dropped", ""),  # an empty one: the reason of the row is that of another fate
        ("logit_bias.x", "lossy", ""),
        ("nobody_knows", "lossy", ""),
        ("a quirk of another version", "repaired", ""),
    ],
)
def test_why_something_was_done(field: str, kind: str, begins: str) -> None:
    found = why(field, kind, "chat.completions")
    assert found.startswith(begins)
    assert bool(found) == bool(begins)


@pytest.mark.parametrize(
    ("code", "status", "reached", "part", "whose"),
    [
        ("invalid_api_key", 401, False, "missing, malformed or unknown", "client"),
        ("rate_limit_exceeded", 429, False, "Or: The request needs more", "client"),
        ("rate_limit_exceeded", 429, True, "Telnyx's rate limit", "telnyx"),
        ("insufficient_quota", 429, False, "money of the period", "client"),
        ("upstream_timeout", 504, False, "did not answer in time", "telnyx"),
        ("internal_error", 500, True, "bug here", "here"),
        ("invalid_value", 422, True, "Telnyx refused the request", "telnyx"),
        ("context_length_exceeded", 400, True, "Telnyx refused", "telnyx"),
        ("context_length_exceeded", 400, False, "was refused", "client"),
    ],
)
def test_what_an_error_means(code: str, status: int, *, reached: bool, part: str, whose: str) -> None:
    found = meaning(code, status, reached=reached)
    assert part in found.text
    assert found.whose == whose
    assert found.advice
    assert "`" not in found.text + found.advice


def test_codes_that_only_telnyx_is_the_cause_of() -> None:
    assert "upstream_timeout" in reasons.upstream_codes()
    assert "rate_limit_exceeded" not in reasons.upstream_codes()
