"""The Messages API for applications of Anthropic's: Telnyx has it, too, so it is the same way as a chat takes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy.edge import body, models
from proxy.edge.admission import IMAGE
from proxy.edge.completing import answer, ask
from proxy.edge.reply import Answering
from proxy.edge.visit import Visit
from proxy.endpoints import MESSAGES
from proxy.translation.anthropic.prompt import check_messages, check_system, weigh
from proxy.translation.anthropic.request import read
from proxy.translation.changes import Change, Changes
from proxy.translation.chat import Translated
from proxy.translation.checks import array
from proxy.translation.rules import Policy
from proxy.usage import estimate

BETA = "anthropic-beta"
"""The header by which clients ask for what is not in the API yet. `anthropic-version` says nothing that matters here:
there is one version, which Telnyx speaks."""
UNCOUNTED = "Telnyx does not count tokens beforehand; this is a rule of thumb."


async def message(visit: Visit) -> Answering:
    """One message, whole or in pieces."""
    exchange = visit.exchange
    exchange.name_for_anthropic()
    translation = replace(MESSAGES, request=_without_beta) if exchange.request.headers.get(BETA) else MESSAGES
    # As in `complete`: not kept in a variable.
    asked = await ask(exchange, visit.grant, await body.read_object(exchange, sent_on=True), translation)
    return await answer(exchange, asked)


def _without_beta(request: Mapping[str, Any], model: str, policy: Policy) -> Translated:
    translated = MESSAGES.request(request, model, policy)
    translated.changes.append(Change("dropped", BETA, reason="What is in beta at Anthropic says nothing to Telnyx."))
    return translated


async def count(visit: Visit) -> Answering:
    """How many tokens a request would be. Telnyx does not count beforehand, so it is estimated, and said so."""
    exchange = visit.exchange
    exchange.name_for_anthropic()
    request = read(await body.read_object(exchange))
    _, alias, _ = models.choose(exchange, visit.grant, request.get("model"))
    check_messages("messages", request["messages"])
    check_system("system", request.get("system", ""))
    array("tools", request.get("tools", []))
    weight = weigh(request)
    changes = Changes([] if alias is None else [alias])
    changes.append(Change("estimated", "input_tokens", reason=UNCOUNTED))
    exchange.record.changes_header, exchange.record.changes = changes.told()
    return exchange.answer({"input_tokens": estimate(weight.text, 0).input + weight.images * IMAGE})
