"""A whole chat answer becomes a response: the golden chat answers, and what is special about responses."""

import json
from pathlib import Path
from typing import Any

import openresponses_types as open_responses
import pytest
from openai.types.responses import Response

from proxy.errors import UpstreamFailed
from proxy.translation.answers import Identity, answer
from proxy.translation.responses.answer import Telling
from tests.streaming import told

IDENTITY = Identity(id="chatcmpl-made-up", created=1_750_000_000)
GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "answers").glob("*.txt"))


def tell(message: dict[str, Any], finish: str = "stop", *, outline: dict[str, Any] | None = None, **more: Any) -> Any:
    raw = json.dumps({"choices": [{"message": message, "finish_reason": finish, **more}]}).encode()
    telling = Telling(told.outline(**(outline or {})), lambda: told.NOW)
    body = telling.answer(raw, told.expectation(), IDENTITY, told.MODEL).body
    assert json.loads(body) == telling.response
    return telling.response


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_chat_answer_is_a_valid_response(path: Path) -> None:
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    raw = rest.partition("-----\n")[0].encode()
    wishes = {key: value for key, value in json.loads(first).get("expects", {}).items() if key != "legacy_functions"}
    expects = told.expectation(**wishes)
    telling = Telling(told.outline(), lambda: told.NOW)
    got, chat = telling.answer(raw, expects, IDENTITY, told.MODEL), answer(raw, expects, IDENTITY, told.MODEL)
    assert (got.usage, got.model, got.violations, got.estimated) == (
        chat.usage, chat.model, chat.violations, chat.estimated,
    )  # fmt: skip
    response = json.loads(got.body)
    Response.model_validate(response)
    if "custom" not in path.stem:
        open_responses.ResponseResource.model_validate(response)
    said = json.loads(chat.body)["choices"][0]["message"]["content"] or ""
    assert Response.model_validate(response).output_text == said
    assert response["model"] == chat.model


def test_an_answer_is_completed_at_the_time_it_is() -> None:
    response = tell({"content": "Hi"})
    assert (response["status"], response["completed_at"], response["incomplete_details"]) == (
        "completed",
        told.NOW,
        None,
    )


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_is_incomplete(finish: str, reason: str) -> None:
    response = tell({"content": "Hi", "reasoning_content": "Hm"}, finish)
    assert (response["status"], response["completed_at"]) == ("incomplete", None)
    assert response["incomplete_details"] == {"reason": reason}
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert tell({"content": ""}, finish)["output"] == []


def test_a_model_that_says_nothing_has_a_message() -> None:
    for message in ({"content": ""}, {"content": None, "refusal": 1}):
        (item,) = tell(message)["output"]
        assert item["content"] == [{"type": "output_text", "text": "", "annotations": [], "logprobs": []}]


def test_a_function_of_a_namespace_goes_by_its_own_name() -> None:
    call = {"id": "call_1", "function": {"name": "files__read", "arguments": "{}"}}
    (item,) = tell({"tool_calls": [call]}, outline={"namespaces": {"files__read": ("files", "read")}})["output"]
    assert item == {
        "id": "fc_abc0000", "type": "function_call", "status": "completed", "call_id": "call_1",
        "namespace": "files", "name": "read", "arguments": "{}",
    }  # fmt: skip


def test_log_probabilities_stand_with_the_text() -> None:
    given = {"content": [{"token": "Hi", "logprob": -1, "bytes": [72, 105], "top_logprobs": []}]}
    (item,) = tell({"content": "Hi"}, logprobs=given, outline={"logprobs": True})["output"]
    assert item["content"][0]["logprobs"] == given["content"]


def test_what_could_not_be_stored_says_so() -> None:
    telling = Telling(told.outline(), lambda: told.NOW)
    assert telling.shown(kept=True) == b"{}"
    telling.answer(b'{"choices":[{"message":{"content":"Hi"}}]}', told.expectation(), IDENTITY, told.MODEL)
    assert json.loads(telling.shown(kept=True))["store"] is True
    assert json.loads(telling.shown(kept=False))["store"] is False
    assert telling.response is not None
    assert telling.response["store"] is False


def test_one_that_was_cancelled_keeps_what_was_said() -> None:
    telling = Telling(told.outline(), lambda: told.NOW)
    telling.answer(b'{"choices":[{"message":{"content":"Hi"}}]}', told.expectation(), IDENTITY, told.MODEL)
    telling.cancel()
    shown = json.loads(telling.shown(kept=True))
    assert (shown["status"], shown["completed_at"], shown["store"]) == ("cancelled", None, True)
    assert shown["output"][0]["content"][0]["text"] == "Hi"


def test_a_failure_is_a_response_for_who_asks_later() -> None:
    telling = Telling(told.outline(), lambda: told.NOW)
    with pytest.raises(UpstreamFailed) as caught:
        telling.answer(b"", told.expectation(), IDENTITY, told.MODEL)
    response = telling.failed(caught.value)
    Response.model_validate(response)
    assert (response["status"], response["error"]["code"], response["output"]) == ("failed", "server_error", [])
    assert telling.response == response
