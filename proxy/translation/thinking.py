"""How much a model thinks: OpenAI's `reasoning_effort`, Telnyx's `enable_thinking`, and what others call it.

What a client says itself comes before what an operator set as a default, however the client spells it.
"""

from typing import Any

from proxy.translation import checks
from proxy.translation.rules import Draft

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Least first; OpenAI and Telnyx have the same values."""
FIELDS = frozenset({"enable_thinking", "reasoning_effort"})
"""The upstream fields about thinking."""
SWITCH = {"enabled": True, "adaptive": True, "disabled": False}
"""Values of `thinking.type`."""

_effort = checks.one_of(*EFFORTS)


def convert_reasoning_effort(draft: Draft, name: str, value: Any) -> None:
    """The row of `reasoning_effort`: as it is, or the nearest value that the model accepts."""
    _effort(name, value)
    draft.body[name] = _nearest(draft, name, value)


def _nearest(draft: Draft, name: str, value: str) -> str:
    accepted = [effort for effort in draft.policy.reasoning_efforts if effort in EFFORTS]
    if not accepted or value in accepted:
        return value
    wanted = EFFORTS.index(value)
    # Of two equally near values the lesser: it costs less.
    nearest = min(accepted, key=lambda effort: (abs(EFFORTS.index(effort) - wanted), EFFORTS.index(effort)))
    draft.note("converted", name, nearest, f"This model does not take {value}.")
    return nearest


def convert_reasoning(draft: Draft, name: str, value: Any) -> None:
    """The row of `reasoning`, an object other services know: `effort`, `enabled`, `exclude`."""
    checks.json_object(name, value)
    effort = checks.optional(name, value, "effort", _effort)
    if effort is not None and "reasoning_effort" not in draft.body:
        draft.note("converted", f"{name}.effort", reason="Telnyx's name for it is reasoning_effort.")
        draft.body["reasoning_effort"] = _nearest(draft, f"{name}.effort", effort)
    _switch(draft, f"{name}.enabled", checks.optional(name, value, "enabled", checks.boolean))
    if checks.optional(name, value, "exclude", checks.boolean):
        draft.expects.hide_reasoning = True
        draft.note("emulated", f"{name}.exclude", reason="The proxy leaves the reasoning out of the answer.")
    draft.lose_others(f"{name}.*", name, value, ("effort", "enabled", "exclude"))


def convert_thinking(draft: Draft, name: str, value: Any) -> None:
    """The row of `thinking`, an object other services know: `type` switches thinking on or off."""
    checks.json_object(name, value)
    kind = checks.required(name, value, "type", checks.one_of(*SWITCH))
    _switch(draft, f"{name}.type", SWITCH[kind])
    draft.lose_others(f"{name}.*", name, value, ("type",))


def convert_chat_template_kwargs(draft: Draft, name: str, value: Any) -> None:
    """The row of `chat_template_kwargs`, vLLM's way to switch thinking on or off."""
    checks.json_object(name, value)
    for key in ("enable_thinking", "thinking"):
        _switch(draft, f"{name}.{key}", checks.optional(name, value, key, checks.boolean))
    draft.lose_others(f"{name}.*", name, value, ("enable_thinking", "thinking"))


def _switch(draft: Draft, path: str, on: bool | None) -> None:  # noqa: FBT001 - it is a value on its way, not a mode
    """`enable_thinking`, unless the client has said it already, under its own name or another one."""
    if on is not None and "enable_thinking" not in draft.body:
        draft.body["enable_thinking"] = on
        draft.note("converted", path, reason="Telnyx's name for it is enable_thinking.")
