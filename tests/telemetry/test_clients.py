import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.clients import BATCH, KINDS, MAX_RETRIES, OTHER, client_request_id, kind_of, retry_count


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        ("OpenAI/Python 3.52.0", "openai-python"),
        ("AsyncOpenAI/Python 2.54.0", "openai-python"),
        ("AsyncAzureOpenAI/Python 1.109.1", "openai-python"),
        ("OpenAI/v1 PythonBindings/0.28.1", "openai-python"),
        ("OpenAI/JS 6.49.0", "openai-node"),
        ("AsyncAnthropic/Python 2.12.0", "anthropic-python"),
        ("Anthropic/JS 0.71.0", "anthropic-node"),
        ("claude-cli/2.1.0 (external, cli)", "claude-code"),
        ("OpenAI/Go 3.5.0", "openai-go"),
        ("OpenAI/2.5.0 (.NET 8.0.11; Debian GNU/Linux 12)", "openai-dotnet"),
        ("ai/6.0.326 ai-sdk/provider-utils/4.0.55 runtime/node.js/20", "vercel-ai-sdk"),
        ("ai-sdk/openai/3.0.141 ai-sdk/provider-utils/4.0.55 runtime/node.js/v20.20.0", "vercel-ai-sdk"),
        ("Agents/Python 0.24.0", "openai-agents"),
        ("Agents/JavaScript 0.20.0", "openai-agents"),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown", "codex"),
        ("codex_cli_rs/0.169.0 (Mac OS 15.0; arm64) iTerm", "codex"),
        ("pydantic-ai/2.68.0", "pydantic-ai"),
        ("langchainjs-openai/1.5.8 OpenAI/JS 6.49.0", "langchain"),
        ("litellm/1.106.2", "litellm"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32.3", "python-requests"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("Python/3.12 aiohttp/3.14.5", "python-aiohttp"),
        ("node", "node"),
        ("undici", "node"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "browser"),
        (BATCH, "batch"),
        ("node-of-something", OTHER),
        ("MyApp/1.0", OTHER),
        ("", OTHER),
        (None, OTHER),
    ],
)
def test_a_client_is_known_by_its_user_agent(user_agent: str | None, kind: str) -> None:
    assert kind_of(user_agent) == kind


@pytest.mark.parametrize(
    ("language", "kind"),
    [("python", "openai-python"), ("js", "openai-node"), ("JS", "openai-node"), ("go", "openai-go"), ("cobol", OTHER)],
)
def test_an_official_library_is_known_under_another_name(language: str, kind: str) -> None:
    assert kind_of("MyApp/1.0", language) == kind


def test_the_library_in_a_browser_is_the_library() -> None:
    assert kind_of("Mozilla/5.0 (X11; Linux x86_64)", "js") == "openai-node"


def test_a_framework_is_more_telling_than_the_library_under_it() -> None:
    assert kind_of("pydantic-ai/2.68.0", "python") == "pydantic-ai"


@given(st.text(), st.text())
def test_whatever_is_sent_the_kind_is_one_of_the_list(user_agent: str, language: str) -> None:
    assert kind_of(user_agent, language) in KINDS


def test_only_the_front_of_a_user_agent_is_looked_at() -> None:
    assert kind_of("x" * 10_000 + "curl/8") == OTHER


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_is_a_label(kind: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("2", 2),
        ("002", 2),
        ("100", MAX_RETRIES),
        ("9" * 5000, MAX_RETRIES),
        ("-1", 0),
        ("1.5", 0),
        (" 1", 0),
        ("many", 0),
        ("٣", 0),
        ("²", 0),
    ],
)
def test_a_retry_count_is_a_small_number(value: str | None, count: int) -> None:
    assert retry_count(value) == count


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", None),
        ("7f9c-42 a~", "7f9c-42 a~"),
        ("a\x00b\x1b[2Jé\udce9\n", "a?b?[2J???"),
        ("x" * 600, "x" * 512),
    ],
)
def test_a_client_request_id_is_printable_and_short(value: str | None, shown: str | None) -> None:
    assert client_request_id(value) == shown
