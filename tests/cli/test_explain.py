"""`telnyx-proxy explain`: what a request becomes, without sending it and without a secret."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.cli.explain import ENDPOINTS
from proxy.cli.foreseeing import WAYS
from proxy.cli.main import main
from proxy.endpoints import FIELDS
from tests.cli.commands import PROGRAM, finished

CONFIG = """
upstream: {base_url: https://telnyx.example/v2, api_key: {env: A_VARIABLE_THAT_IS_NOT_SET}}
tenants:
  - id: acme
    upstream_api_key: {file: a-file-that-is-not-there}
    keys: [{name: web, secret: {env: ANOTHER_VARIABLE_THAT_IS_NOT_SET}}]
"""
OTHERS = """
  - {id: beta, models: ["zai-org/*"], translation: {unsupported: refuse}}
"""
HELLO = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


class Desk:
    """Explains requests; remembers what was printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.out = self.err = ""

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def explain(self, request: Any, *options: str, config: str = CONFIG) -> int:
        text = request if isinstance(request, str) else json.dumps(request)
        code = main(["explain", "--config", self.file("proxy.yaml", config), *options, self.file("request.json", text)])
        self.out, self.err = self.capsys.readouterr()
        return code

    @property
    def body(self) -> Any:
        return json.loads(self.out[self.out.index("{") : self.out.index("\n}\n") + 2])


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


async def test_it_shows_body_and_reasons_without_a_secret(tmp_path: Path) -> None:
    (tmp_path / "proxy.yaml").write_text(CONFIG)
    (tmp_path / "request.json").write_text(json.dumps({**HELLO, "max_completion_tokens": 50, "user": "u"}))
    ended = await finished(*PROGRAM, "explain", "--config", f"{tmp_path}/proxy.yaml", f"{tmp_path}/request.json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("POST https://telnyx.example/v2/ai/openai/chat/completions\n\n{\n")
    assert '"max_tokens": 50' in ended.out
    assert "\nrenamed    max_completion_tokens>max_tokens" in ended.out
    assert "\ndropped    user" in ended.out


def test_every_change_has_its_reason(desk: Desk) -> None:
    assert desk.explain({**HELLO, "max_completion_tokens": 50, "user": "u", "seed": 1}) == 0
    assert desk.body["model"] == "moonshotai/Kimi-K2.6"
    assert desk.body["max_tokens"] == 50
    assert "user" not in desk.body
    told = desk.out.partition("\n}\n\n")[2].splitlines()
    assert told[0].startswith("aliased    gpt-4o>moonshotai/Kimi-K2.6  ")
    assert all(len(line.split("  ")[-1]) > 10 for line in told)
    assert desk.err == ""


def test_what_needs_no_change_is_said_to_need_none(desk: Desk) -> None:
    request = {"model": "zai-org/GLM-5.2", "messages": HELLO["messages"], "temperature": 0.5}
    assert desk.explain(request) == 0
    assert desk.body == request
    assert desk.out.endswith("\nNothing is changed.\n")


def test_the_manner_of_a_model_shows(desk: Desk) -> None:
    config = CONFIG + "models: {profiles: {'zai-org/*': {dialect: '2026-06'}}}\n"
    assert desk.explain({**HELLO, "model": "zai-org/GLM-5.2", "reasoning_effort": "none"}, config=config) == 0
    assert desk.body["enable_thinking"] is False
    assert "converted" in desk.out


def test_a_request_may_come_from_standard_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(HELLO).encode())))
    assert main(["explain", "--config", desk.file("proxy.yaml", CONFIG), "-"]) == 0
    assert '"Hello"' in desk.capsys.readouterr().out


def test_without_a_tenant_in_the_configuration_the_default_one_is_taken(desk: Desk) -> None:
    assert desk.explain(HELLO, config="upstream: {}\n") == 0
    assert desk.body["enable_thinking"] is False
    assert "injected" in desk.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"model": "x",\n "messages": [}', "line 2 column"),
        ("", "line 1 column 1"),
        ("[]", "request.json: expected a JSON object"),
        ('{"model": "x", "model": "y"}', "request.json: the key 'model' stands twice"),
    ],
    ids=["syntax", "empty", "array", "duplicate"],
)
def test_bad_json_is_bad_usage_with_its_place(desk: Desk, text: str, told: str) -> None:
    assert desk.explain(text) == 2
    assert told in desk.err
    assert "line 0" not in desk.err
    assert desk.out == ""


def test_a_refusal_is_a_failure_and_shows_what_the_client_would_see(desk: Desk) -> None:
    assert desk.explain({**HELLO, "temperature": 7}) == 1
    head, _, envelope = desk.out.partition("\n")
    assert head == "refused with 400:"
    assert json.loads(envelope)["error"]["param"] == "temperature"


def test_a_model_that_is_not_allowed_is_refused(desk: Desk) -> None:
    assert desk.explain(HELLO, "--tenant", "beta", config=CONFIG + OTHERS) == 1
    assert "refused with 403:" in desk.out
    assert "model_not_allowed" in desk.out


def test_each_tenant_has_its_own_rules(desk: Desk) -> None:
    request = {**HELLO, "model": "zai-org/GLM-5.2", "logit_bias": {"1": 1}}
    assert desk.explain(request, "--tenant", "acme", config=CONFIG + OTHERS) == 0
    assert "lossy" in desk.out
    assert desk.explain(request, "--tenant", "beta", config=CONFIG + OTHERS) == 1
    assert "unsupported_parameter" in desk.out


def test_a_strict_tenant_loses_nothing_by_the_manner_of_a_model(desk: Desk) -> None:
    config = CONFIG + OTHERS + "models: {profiles: {'zai-org/*': {dialect: '2026-06'}}}\n"
    request = {**HELLO, "model": "zai-org/GLM-5.2", "reasoning_effort": "high"}
    assert desk.explain(request, "--tenant", "acme", config=config) == 0
    assert desk.explain(request, "--tenant", "beta", config=config) == 1
    assert "reasoning_effort" in desk.out


def test_of_several_tenants_one_has_to_be_named(desk: Desk) -> None:
    assert desk.explain(HELLO, config=CONFIG + OTHERS) == 2
    assert desk.err == "name one of the tenants with --tenant: acme, beta\n"


def test_an_unknown_tenant_is_told_the_nearest(desk: Desk) -> None:
    assert desk.explain(HELLO, "--tenant", "acne") == 2
    assert "did you mean 'acme'?" in desk.err
    assert desk.out == ""


def test_a_request_that_is_not_there_is_a_failure(desk: Desk) -> None:
    assert main(["explain", "--config", desk.file("proxy.yaml", CONFIG), "nowhere.json"]) == 1
    assert "nowhere.json" in desk.capsys.readouterr().err


def test_what_is_explained_is_what_has_a_table_of_fields() -> None:
    assert set(ENDPOINTS) == set(WAYS) == set(FIELDS)


def test_a_request_of_another_endpoint_is_named_by_an_option(desk: Desk) -> None:
    assert desk.explain({"model": "gpt-4o", "input": "Hello", "user": "u"}, "--endpoint", "responses") == 0
    assert desk.out.startswith("POST https://telnyx.example/v2/ai/openai/chat/completions\n\n{\n")
    assert desk.body["messages"] == [{"role": "user", "content": "Hello"}]
    assert "\ndropped    user" in desk.out


def test_a_form_is_shown_as_its_fields(desk: Desk) -> None:
    request = {"model": "whisper-1", "file": "speech.wav", "response_format": "text"}
    assert desk.explain(request, "--endpoint", "audio.transcriptions") == 0
    url = "POST https://telnyx.example/v2/ai/audio/transcriptions"
    assert desk.out.startswith(f"{url}\nContent-Type: multipart/form-data\n\n{{\n")
    assert desk.body["response_format"] == "json"


def test_what_else_is_to_be_said_comes_last(desk: Desk) -> None:
    request = {"model": "zai-org/GLM-5.2", "prompt": ["a", "b"]}
    assert desk.explain(request, "--endpoint", "completions") == 0
    assert desk.out.endswith("\n\nThis is the first of 2 requests, one for each prompt.\n")


def test_an_application_of_anthropics_sees_a_refusal_of_its_own(desk: Desk) -> None:
    assert desk.explain({"model": "claude-opus-5", "messages": []}, "--endpoint", "messages") == 1
    envelope = json.loads(desk.out.removeprefix("refused with 400:\n"))
    assert envelope["error"]["details"] == {"error_code": "empty_array"}


def test_an_unknown_endpoint_is_bad_usage_and_all_are_named(desk: Desk) -> None:
    assert desk.explain(HELLO, "--endpoint", "embedding") == 2
    assert "'embeddings', 'audio.transcriptions'" in desk.err
