"""What stands in the banner; that it works when pasted is tested with the commands that print it."""

import ast
import json
import shlex

import pytest

from proxy.app.banner import TRY_MODEL, banner, tell
from proxy.app.running import Addresses

ADDRESSES = Addresses("http://127.0.0.1:8080", "http://127.0.0.1:8081")
KEY = "sk-tp-0123456789"


def test_it_says_where_everything_is() -> None:
    text = banner(ADDRESSES, KEY, "https://api.telnyx.com/v2")
    assert "in front of https://api.telnyx.com/v2\n" in text
    assert "OPENAI_BASE_URL=http://127.0.0.1:8080/v1\n" in text
    assert f"OPENAI_API_KEY={KEY}\n" in text
    assert "http://127.0.0.1:8081/metrics" in text
    assert "http://127.0.0.1:8081/dashboard, sign in with admin.token or one of\n" in text
    assert "telnyx-proxy tokens create" in text
    assert "/dashboard, sign in with the token below\n" in banner(ADDRESSES, KEY, "Telnyx", "at-1")
    assert text.endswith("Ctrl-C stops it.\n\n")


def test_without_a_key_of_this_run_there_is_nothing_to_try() -> None:
    text = banner(ADDRESSES, None, "Telnyx")
    assert "OPENAI_BASE_URL=http://127.0.0.1:8080/v1\n" in text
    assert "OPENAI_API_KEY" not in text
    assert "curl" not in text
    assert "import" not in text


def test_the_curl_line_is_a_shell_command_with_a_chat_request() -> None:
    text = banner(ADDRESSES, KEY, "Telnyx")
    command = text[text.index("\ncurl ") :].split("\n\n")[0]
    program, url, *options = shlex.split(command)
    assert (program, url) == ("curl", "http://127.0.0.1:8080/v1/chat/completions")
    assert f"Authorization: Bearer {KEY}" in options
    request = json.loads(options[options.index("-d") + 1])
    assert request["model"] == TRY_MODEL
    assert request["messages"][0]["role"] == "user"


def test_the_snippet_is_five_lines_of_python() -> None:
    text = banner(ADDRESSES, KEY, "Telnyx")
    snippet = text[text.index("\nfrom openai") :].split("\n\n")[0]
    assert len(ast.parse(snippet).body) == 4  # the loop takes two lines
    assert KEY in snippet


def test_telling_happens_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell("hello\n")
    assert capsys.readouterr().out == "hello\n"
