from pathlib import Path

import pytest

from proxy.app.checks import CHECKS
from proxy.settings import ConfigurationError, Fault, Settings, load
from proxy.translation import chat, quirks
from proxy.translation.rules import Verdict


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "proxy.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {}, checks=CHECKS)


def faults(folder: Path, text: str) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text)
    return list(caught.value.faults)


def test_every_quirk_and_every_field_that_may_be_lost_may_be_named(tmp_path: Path) -> None:
    pinned = ", ".join(f"{name}: on" for name in quirks.BY_NAME)
    lossy = [row.name for row in chat.FIELDS.rows if row.verdict == Verdict.LOSSY]
    fields = ", ".join(f"{name}: refuse" for name in {*lossy, *quirks.CAPS, "messages", "reasoning_effort"})
    text = f"models: {{profiles: {{'zai-org/*': {{quirks: {{{pinned}}}}}}}}}\ntranslation: {{fields: {{{fields}}}}}\n"
    assert loaded(tmp_path, text).translation.fields["logit_bias"] == "refuse"


def test_an_unknown_quirk_is_found_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    text = "models:\n  profiles:\n    zai-org/*:\n      quirks: {cap_with_tool: on}\n"
    (fault,) = faults(tmp_path, text)
    assert fault.path == 'models.profiles["zai-org/*"].quirks.cap_with_tool'
    assert fault.message == "is not a known quirk"
    assert fault.hint == "did you mean 'cap_with_tools'?"
    assert fault.line == 4


def test_an_unknown_field_is_found_with_the_nearest_name(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "translation: {fields: {logit_bais: refuse}}\n")
    assert (fault.path, fault.hint) == ("translation.fields.logit_bais", "did you mean 'logit_bias'?")


def test_a_field_of_any_endpoint_may_be_named(tmp_path: Path) -> None:
    fields = loaded(tmp_path, "translation: {fields: {instructions: refuse, chunking_strategy: refuse}}\n")
    assert fields.translation.fields["instructions"] == "refuse"


def test_a_key_is_for_endpoints_that_there_are(tmp_path: Path) -> None:
    key = "{name: web, sha256: %s, endpoints: [responses, audio.transcription]}" % ("0" * 64)
    (fault,) = faults(tmp_path, f"tenants: [{{id: one, upstream_api_key: {{value: KEY_x}}, keys: [{key}]}}]\n")
    assert fault.path == "tenants[0].keys[0].endpoints[1]"
    assert fault.hint == "did you mean 'audio.transcriptions'?"


@pytest.mark.parametrize("field", ["top_p", "user"])
def test_a_field_of_which_nothing_can_be_lost_is_found(tmp_path: Path, field: str) -> None:
    (fault,) = faults(tmp_path, f"translation: {{fields: {{{field}: refuse}}}}\n")
    assert fault.path == f"translation.fields.{field}"
    assert "may be lost" in fault.message


def test_unknown_fields_of_tenants_are_found(tmp_path: Path) -> None:
    tenant = "{id: %s, upstream_api_key: {value: KEY_x}, translation: {fields: {%s: refuse}}}"
    text = f"tenants: [{tenant % ('one', 'logit_bias')}, {{id: two, upstream_api_key: {{value: KEY_x}}}}, "
    text += f"{tenant % ('three', 'nothing_like_a_field')}]\n"
    (fault,) = faults(tmp_path, text)
    assert fault.path == "tenants[2].translation.fields.nothing_like_a_field"
    assert fault.hint.startswith("known are: ")


def test_all_are_told_at_once(tmp_path: Path) -> None:
    text = "models: {profiles: {a: {quirks: {x: on}}, b: {quirks: {y: off}}}}\ntranslation: {fields: {z: drop}}\n"
    assert len(faults(tmp_path, text)) == 3
