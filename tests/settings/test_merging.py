from proxy.settings.endpoints import Embedding
from proxy.settings.merging import laid_over, overridden
from proxy.settings.model import ModelProfile, Translation
from proxy.settings.tenants import TranslationOverride

GENERAL = Translation(unsupported="drop", fields={"logit_bias": "refuse", "store": "drop"}, temperature=1)


def test_a_tenant_that_says_nothing_changes_nothing() -> None:
    assert overridden(GENERAL, None) == GENERAL
    assert overridden(GENERAL, TranslationOverride()) == GENERAL


def test_what_a_tenant_says_wins_name_by_name() -> None:
    own = TranslationOverride(unsupported="refuse", fields={"store": "refuse"}, reasoning="hide")
    assert overridden(GENERAL, own) == Translation(
        unsupported="refuse", fields={"logit_bias": "refuse", "store": "refuse"}, temperature=1, reasoning="hide"
    )


def test_a_temperature_of_null_is_said_and_not_left_out() -> None:
    assert overridden(GENERAL, TranslationOverride(temperature=None)).temperature is None
    assert overridden(GENERAL, TranslationOverride(temperature=0)).temperature == 0


def test_profiles_are_laid_over_each_other_name_by_name() -> None:
    under = ModelProfile(
        dialect="2026-06", defaults={"n": 1, "seed": 2}, quirks={"a": True, "b": True}, reasoning_efforts=("low",)
    )
    over = ModelProfile(image_url="string", defaults={"n": 3}, quirks={"b": False}, cap={"n": 4}, force={"seed": 5})
    assert laid_over(under, over) == ModelProfile(
        dialect="2026-06",
        image_url="string",
        defaults={"n": 3, "seed": 2},
        force={"seed": 5},
        cap={"n": 4},
        quirks={"a": True, "b": False},
        reasoning_efforts=("low",),
    )
    assert laid_over(under, ModelProfile()) == laid_over(ModelProfile(), under) == under


def test_what_is_known_of_embeddings_is_laid_over_figure_by_figure() -> None:
    under = ModelProfile(embedding=Embedding(batch=8, dimensions=True), responses="native")
    over = ModelProfile(embedding=Embedding(batch=4))
    assert laid_over(under, over).embedding == Embedding(batch=4, dimensions=True)
    assert laid_over(over, under).embedding == Embedding(batch=8, dimensions=True)
    assert laid_over(under, ModelProfile()) == laid_over(ModelProfile(), under) == under
    no = ModelProfile(embedding=Embedding(dimensions=False))
    assert laid_over(under, no).embedding == Embedding(batch=8, dimensions=False)
