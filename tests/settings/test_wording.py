from pathlib import Path

import pytest

from tests.settings.configuring import only_fault


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("listen: {port: x}", "listen.port", "must be a whole number", "digits alone"),
        ("listen: {port: 80.5}", "listen.port", "must be a whole number", ""),
        ("listen: {port: [1]}", "listen.port", "must be a whole number", ""),
        (f"listen: {{port: '{'9' * 5000}'}}", "listen.port", "must be a whole number", ""),
        ("listen: {port: 65536}", "listen.port", "must be at most 65535", ""),
        ("listen: {port: -1}", "listen.port", "must be at least 0", ""),
        ("listen: {port: yes}", "listen.port", "must be a whole number", ""),
        ("listen: {port: true}", "listen.port", "must be a number, not true or false", ""),
        ("listen: {port: null}", "listen.port", "must be a whole number", ""),
        ("listen: {host: ''}", "listen.host", "must not be empty", ""),
        ("listen: {host: 8}", "listen.host", "must be text", "put it in quotes"),
        (
            "listen: {host: '[::]:80'}",
            "listen.host",
            "must be an address or the name of a host",
            "without scheme, port",
        ),
        ("listen: {reuse_port: perhaps}", "listen.reuse_port", "must be true or false", ""),
        ("listen: {reuse_port: [1]}", "listen.reuse_port", "must be true or false", ""),
        ("listen: 8080", "listen", "must be a section", "one per line"),
        ("listen:\n  port:80", "listen", "must be a section", "a blank after the colon"),
        (
            "server: {workers: many}",
            "server.workers",
            "must be a whole number from 1 to 256, or auto",
            "one per processor",
        ),
        (
            "server: {workers: 0}",
            "server.workers",
            "must be a whole number from 1 to 256, or auto",
            "one per processor",
        ),
        (
            "models: {profiles: {a: {price: {characters: free}}}}",
            "models.profiles.a.price.characters",
            "must be a number",
            "without a unit",
        ),
        ("streams: {keepalive: 5s}", "streams.keepalive", "must be a number", "without a unit"),
        ("streams: {keepalive: [1]}", "streams.keepalive", "must be a number", ""),
        ("streams: {keepalive: .inf}", "streams.keepalive", "must be a number", ""),
        ("upstream: {timeouts: {connect: 0}}", "upstream.timeouts.connect", "must be more than 0", ""),
        ("upstream: {dialect: 2026-11}", "upstream.dialect", "must be one of auto, 2026-10, 2026-06", ""),
        ("upstream: {ca_file: 5}", "upstream.ca_file", "must be a path", "quotes"),
        ("limits: {body: much}", "limits.body", "must be a size", "32MiB"),
        ("limits: {body: 3 stone}", "limits.body", "must be a size", "32MiB"),
        ("limits: {body: 0}", "limits.body", "must be more than 0", ""),
        ("translation: {fields: 5}", "translation.fields", "must be a section", ""),
        ("models: {aliases: {'': x}}", 'models.aliases[""]', "is no usable name", "not empty"),
        ("models: {aliases: [x]}", "models.aliases", "must be a section", ""),
        ("models: {aliases: {a: 5}}", "models.aliases.a", "must be text", "quotes"),
        ("models: {profiles: {x: {quirks: {a: 7}}}}", "models.profiles.x.quirks.a", "must be true or false", ""),
        (
            "models: {profiles: {x: {reasoning_efforts: [much]}}}",
            "models.profiles.x.reasoning_efforts[0]",
            "must be one of none, minimal, low, medium, high, xhigh, max",
            "",
        ),
        ("models: {profiles: {x: {defaults: 7}}}", "models.profiles.x.defaults", "must be a section", ""),
        ("tenants: 5", "tenants", "must be a list", "dash"),
        ("tenants: [5]", "tenants[0]", "must be a section", ""),
        ("tenants: [{}]", "tenants[0].id", "is required", ""),
        ("tenants: [{id: a, models: x}]", "tenants[0].models", "must be a list", ""),
        ("tenants: [{id: a, models: ['']}]", "tenants[0].models[0]", "must not be empty", ""),
        (
            "tenants: [{id: a, defaults: {stop: [a, b, c, d, e]}}]",
            "tenants[0].defaults.stop",
            "must have at most 4 items",
            "",
        ),
        ("tenants: [{id: a, defaults: {stop: 7}}]", "tenants[0].defaults.stop", "must be a list", ""),
    ],
)
def test_faults_are_told_in_plain_words(tmp_path: Path, text: str, path: str, message: str, hint: str) -> None:
    fault = only_fault(tmp_path, text, {"TELNYX_API_KEY": "KEY0123"})
    assert (fault.path, fault.message, fault.line) == (path, message, 1)
    assert hint in fault.hint


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("loging: {level: info}", "loging", "did you mean 'logging'?"),
        ("upstream: {base-url: x}", "upstream.base-url", "did you mean 'base_url'?"),
        ("upstream: {timeouts: {frist_byte: 1}}", "upstream.timeouts.frist_byte", "did you mean 'first_byte'?"),
        ("first_byte: 3", "first_byte", "it belongs to upstream.timeouts.first_byte"),
        ("listen: {aliases: {}}", "listen.aliases", "it belongs to models.aliases"),
        ("shutdown: {xyz: 3}", "shutdown.xyz", "known are: grace"),
        ("tenants: [{id: a, kyes: []}]", "tenants[0].kyes", "did you mean 'keys'?"),
        ("tenants: [{id: a, translation: {unsuported: drop}}]", "tenants[0].translation.unsuported", "'unsupported'"),
        ("models: {profiles: {'x/*': {dialct: auto}}}", 'models.profiles["x/*"].dialct', "did you mean 'dialect'?"),
        ("tenants: [{id: a, force: {temprature: 1}}]", "tenants[0].force.temprature", "did you mean 'temperature'?"),
        ("tenants: [{id: a, force: {api_key_ref: x}}]", "tenants[0].force.api_key_ref", "tenants[].api_key_refs"),
        ("tenants: [{id: a, cap: {max_completion_tokens: 1}}]", "tenants[0].cap.max_completion_tokens", "max_tokens"),
        ("tenants: [{id: a, cap: {stop: x}}]", "tenants[0].cap.stop", "only numbers have a cap"),
        ("tenants: [{id: a, cap: {zzz: 1}}]", "tenants[0].cap.zzz", "known are: best_of"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest(tmp_path: Path, text: str, path: str, hint: str) -> None:
    fault = only_fault(tmp_path, text, {"TELNYX_API_KEY": "KEY0123"})
    assert fault.path == path
    assert "is not a" in fault.message
    assert hint in fault.hint
