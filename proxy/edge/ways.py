"""Which way through the edge each endpoint takes: one row for each row of `endpoints.py`."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from proxy.edge import (
    anthropic,
    batches,
    conversations,
    embedding,
    filing,
    fine_tuning,
    models,
    passing,
    prompts,
    responses,
    speaking,
    stored_responses,
    transcribing,
)
from proxy.edge.completing import complete
from proxy.edge.reply import Answering
from proxy.edge.visit import Visit

Way = Callable[[Visit], Awaitable[Answering]]
"""From a request that has been let in to its answer. Raises ProxyError."""


async def _list_models(visit: Visit) -> Answering:
    return visit.exchange.answer(await models.listing(visit.exchange.services, visit.grant))


async def _retrieve_model(visit: Visit) -> Answering:
    return visit.exchange.answer(await models.single(visit.exchange.services, visit.grant, visit.names[0]))


# fmt: off
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "chat.completions":             complete,
        "responses":                    responses.create,
        "responses.connect":            responses.connect,
        "responses.input_tokens":       responses.count,
        "responses.compact":            responses.compact,
        "responses.retrieve":           stored_responses.retrieve,
        "responses.delete":             stored_responses.delete,
        "responses.cancel":             stored_responses.cancel,
        "responses.input_items":        stored_responses.input_items,
        "conversations.create":         conversations.create,
        "conversations.retrieve":       conversations.retrieve,
        "conversations.update":         conversations.update,
        "conversations.delete":         conversations.delete,
        "conversations.items.create":   conversations.add_items,
        "conversations.items.list":     conversations.list_items,
        "conversations.items.retrieve": conversations.retrieve_item,
        "conversations.items.delete":   conversations.delete_item,
        "completions":                  prompts.complete,
        "embeddings":                   embedding.embed,
        "audio.transcriptions":         transcribing.transcribe,
        "audio.speech":                 speaking.speak,
        "models.list":                  _list_models,
        "models.retrieve":              _retrieve_model,
        "files.create":                 filing.create,
        "files.list":                   filing.listing,
        "files.retrieve":               filing.retrieve,
        "files.delete":                 filing.delete,
        "files.content":                filing.content,
        "batches.create":               batches.create,
        "batches.list":                 batches.listing,
        "batches.retrieve":             batches.retrieve,
        "batches.cancel":               batches.cancel,
        "fine_tuning.jobs.create":      fine_tuning.create,
        "fine_tuning.jobs.list":        fine_tuning.listing,
        "fine_tuning.jobs.retrieve":    fine_tuning.retrieve,
        "fine_tuning.jobs.cancel":      fine_tuning.cancel,
        "messages":                     anthropic.message,
        "messages.count_tokens":        anthropic.count,
        "telnyx":                       passing.pass_on,
    }
)
# fmt: on
"""By name of the endpoint, in the order of the table of contents."""
