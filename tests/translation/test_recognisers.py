"""What models can do."""

from proxy.translation.recognisers import KNOWN, OTHER, look_up, naming


def test_a_model_is_as_the_table_says() -> None:
    assert look_up("openai/whisper-large-v3-turbo") == KNOWN["openai/whisper-large-v3-turbo"]
    assert not look_up("openai/whisper-large-v3-turbo").timed
    assert look_up("deepgram/nova-3").timed


def test_one_that_is_not_in_it_may_be_anything() -> None:
    assert look_up("openai/whisper-9") == OTHER


def test_the_operator_knows_better() -> None:
    assert look_up("openai/whisper-large-v3-turbo", ("distil*", "openai/*")).segments
    assert not look_up("openai/whisper-large-v3-turbo", ("distil*",)).segments


def test_models_are_named_by_what_they_can() -> None:
    assert naming("segments") == "distil-whisper/distil-large-v2"
