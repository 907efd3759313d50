"""However a client says how much a model should think, it is understood."""

from typing import Any

import pytest

from proxy.translation.chat import translate
from proxy.translation.rules import Policy
from proxy.translation.thinking import EFFORTS


def body(policy: Policy | None = None, /, **fields: Any) -> dict[str, Any]:
    request = {"messages": [{"role": "user", "content": "Hi."}], **fields}
    sent = translate(request, "m", policy or Policy(temperature=None)).body
    return {name: value for name, value in sent.items() if name not in {"model", "messages"}}


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_effort_is_sent_where_the_model_takes_all(effort: str) -> None:
    assert body(reasoning_effort=effort) == body(reasoning={"effort": effort}) == {"reasoning_effort": effort}


@pytest.mark.parametrize(
    ("effort", "accepted", "sent"),
    [
        ("max", ("low", "high"), "high"),
        ("none", ("low", "high"), "low"),
        ("medium", ("high", "low"), "low"),
        ("xhigh", ("none", "max"), "max"),
        ("low", ("low",), "low"),
        ("low", ("turbo",), "low"),
    ],
)
def test_the_nearest_effort_is_sent_and_the_lesser_of_two(effort: str, accepted: tuple[str, ...], sent: str) -> None:
    policy = Policy(temperature=None, reasoning_efforts=accepted)
    assert body(policy, reasoning_effort=effort) == {"reasoning_effort": sent}
    assert body(policy, reasoning={"effort": effort}) == {"reasoning_effort": sent}


@pytest.mark.parametrize(
    ("fields", "on"),
    [
        ({"enable_thinking": False}, False),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "adaptive"}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"reasoning": {"enabled": True}}, True),
    ],
)
def test_every_switch_becomes_enable_thinking(*, fields: dict[str, Any], on: bool) -> None:
    assert body(**fields) == {"enable_thinking": on}


def test_the_proper_names_come_first_wherever_they_stand() -> None:
    others: dict[str, Any] = {"thinking": {"type": "disabled"}, "reasoning": {"effort": "low", "enabled": False}}
    assert body(**others, enable_thinking=True, reasoning_effort="max") == body(
        enable_thinking=True, reasoning_effort="max", **others
    )
    assert body(**others, enable_thinking=True, reasoning_effort="max") == {
        "enable_thinking": True,
        "reasoning_effort": "max",
    }


def test_what_says_nothing_sends_nothing() -> None:
    assert body(chat_template_kwargs={"enable_thinking": None}, reasoning={"effort": None, "exclude": False}) == {}
