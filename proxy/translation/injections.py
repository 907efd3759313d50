"""What an operator adds to a request: defaults, what is forced, caps, and the key of an outside provider.

In this order: `defaults` where the client said nothing, OpenAI's default temperature where there is still none,
`force` over whatever there is, `cap` over the result.
"""

from typing import Any

from proxy import codec
from proxy.translation import thinking
from proxy.translation.changes import Change
from proxy.translation.rules import Draft, Policy

SHOWN_LIMIT = 64
"""Characters of an injected value that the changes header shows."""

TEMPERATURE = "OpenAI's default holds; Telnyx's own is 0.1."


def inject(draft: Draft) -> None:
    """Apply the policy to a translated request."""
    policy = draft.policy
    body = draft.body
    if policy.defaults:
        _apply_defaults(draft, policy)
    if policy.temperature is not None and "temperature" not in body:
        _set(draft, "injected", "temperature", policy.temperature, TEMPERATURE)
    if policy.api_key_ref is not None and "api_key_ref" not in body:
        _set(draft, "injected", "api_key_ref", policy.api_key_ref, "The operator's key for this model's provider.")
    if policy.force:
        _apply_force(draft, policy)
    if policy.cap:
        _apply_caps(draft, policy)


def _apply_defaults(draft: Draft, policy: Policy) -> None:
    # However a client spells what it says about thinking, by now it stands under one of these names.
    spoke = not thinking.FIELDS.isdisjoint(draft.body)
    for name, value in policy.defaults.items():
        said = name in draft.body or name in draft.source or (spoke and name in thinking.FIELDS)
        if value is not None and not said:
            _set(draft, "injected", name, value, "The operator's default.")


def _apply_force(draft: Draft, policy: Policy) -> None:
    forced = [name for name, value in policy.force.items() if value is not None]
    if not thinking.FIELDS.isdisjoint(forced):
        # What the client said about thinking under the other name would contradict the operator.
        for name in thinking.FIELDS.difference(forced).intersection(draft.body):
            del draft.body[name]
            draft.note("dropped", name, reason="The operator decides about thinking.")
    for name in forced:
        if draft.body.get(name) != policy.force[name]:
            _set(draft, "forced", name, policy.force[name], "The operator always sends it.")


def _apply_caps(draft: Draft, policy: Policy) -> None:
    for name, limit in policy.cap.items():
        most = int(limit) if float(limit).is_integer() else limit
        value = draft.body.get(name)
        if value is None:
            if name == "max_tokens":
                _set(draft, "injected", name, most, "The operator's limit; without it the model's own would hold.")
        elif isinstance(value, int | float) and value > most:
            _set(draft, "capped", name, most, "The operator's limit.")


def _set(draft: Draft, kind: str, name: str, value: Any, reason: str) -> None:
    """Send the policy's own value. How it is told depends on nothing else, so it is told in the same words again."""
    draft.body[name] = value
    told = draft.policy.told
    change = told.get((kind, name, reason))
    if change is None:
        change = told[kind, name, reason] = Change(kind, name, _shown(value), reason)
    draft.changes.append(change)


def _shown(value: Any) -> str:
    """A value for the header: text bare, everything else as JSON, long ones shortened."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else codec.encode_text(value)
    return text if len(text) <= SHOWN_LIMIT else text[: SHOWN_LIMIT - 3] + "..."
