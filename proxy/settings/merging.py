"""What a tenant or a model overrides: one decision laid over another."""

from proxy.settings.endpoints import Embedding
from proxy.settings.model import ModelProfile, Translation
from proxy.settings.tenants import TranslationOverride


def overridden(general: Translation, own: TranslationOverride | None) -> Translation:
    """`translation` as it is for one tenant. A temperature of null counts only where it was written down."""
    if own is None:
        return general
    return general.model_copy(
        update={
            "unsupported": own.unsupported or general.unsupported,
            "fields": {**general.fields, **own.fields},
            "temperature": own.temperature if "temperature" in own.model_fields_set else general.temperature,
            "reasoning": own.reasoning or general.reasoning,
        }
    )


def laid_over(under: ModelProfile, over: ModelProfile) -> ModelProfile:
    """Two profiles of the same model in one; what `over` says wins, name by name."""
    return ModelProfile.model_construct(
        dialect=over.dialect or under.dialect,
        image_url=over.image_url or under.image_url,
        defaults={**under.defaults, **over.defaults},
        force={**under.force, **over.force},
        cap={**under.cap, **over.cap},
        quirks={**under.quirks, **over.quirks},
        reasoning_efforts=over.reasoning_efforts or under.reasoning_efforts,
        responses=over.responses or under.responses,
        embedding=_embedding(under.embedding, over.embedding),
    )


def _embedding(under: Embedding | None, over: Embedding | None) -> Embedding | None:
    if under is None or over is None:
        return over or under
    return Embedding.model_construct(
        batch=over.batch or under.batch,
        dimensions=under.dimensions if over.dimensions is None else over.dimensions,
    )
