"""What Telnyx was seen to answer when something fails, and what a client makes of it: tables and builders."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from proxy import codec
from proxy.errors import ProxyError
from proxy.translation.failures import RETRY_AFTER_UNKNOWN, Circumstances

MODEL = "moonshotai/Kimi-K2.6"
CREDENTIAL = "KEY0123456789ABCDEF0123456789ABCDEF_secretsecret"
NOW = 1_790_000_000.0
AROUND = Circumstances(
    model=MODEL,
    nearest=("moonshotai/Kimi-K3", "zai-org/GLM-5.2"),
    secrets=(CREDENTIAL,),
    names={"max_tokens": "max_completion_tokens"},
    now=NOW,
)
SECONDS = RETRY_AFTER_UNKNOWN


class Outcome(NamedTuple):
    """What a client sees of an error."""

    status: int
    type: str
    code: str | None
    param: str | None = None
    should_retry: bool | None = None
    retry_after: float | None = None


AUTH = Outcome(502, "server_error", "upstream_auth_failed", should_retry=False)
QUOTA = Outcome(429, "insufficient_quota", "insufficient_quota", should_retry=False)
LIMITED = Outcome(429, "rate_limit_error", "rate_limit_exceeded", retry_after=SECONDS)
AWAY = Outcome(503, "server_error", "upstream_unavailable", retry_after=SECONDS)
TIMEOUT = Outcome(504, "server_error", "upstream_timeout")
FAILED = Outcome(502, "server_error", "upstream_error")
NO_MODEL = Outcome(404, "invalid_request_error", "model_not_found", "model")
TOO_LONG = Outcome(400, "invalid_request_error", "context_length_exceeded", "messages")
KEY_NEEDED = Outcome(400, "invalid_request_error", "api_key_ref_required", "model")


def rejected(code: str = "invalid_value", param: str | None = None, status: int = 400) -> Outcome:
    return Outcome(status, "invalid_request_error", code, param)


def telnyx(code: Any, detail: str = "Words.", pointer: str = "/base") -> bytes:
    return codec.encode({"errors": [{"code": code, "title": "T", "detail": detail, "source": {"pointer": pointer}}]})


def fastapi(kind: str, message: str, *loc: Any) -> bytes:
    return codec.encode({"detail": [{"loc": ["body", *loc], "msg": message, "type": kind}]})


def openai(
    message: str, kind: str | None = "invalid_request_error", code: Any = None, param: str | None = None
) -> bytes:
    return codec.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def detail(text: Any) -> bytes:
    return codec.encode({"detail": text})


def outcome(error: ProxyError) -> Outcome:
    inner = error.envelope()["error"]
    return Outcome(error.status, inner["type"], inner["code"], inner["param"], error.should_retry, error.retry_after)


HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

# what Telnyx answers -> what the client gets
RESPONSES: dict[str, tuple[int, bytes, Outcome]] = {
    # Telnyx's codes, each with the status its documentation gives or that was seen
    "10004 missing parameter": (
        400, telnyx("10004", pointer="/model"), rejected("missing_required_parameter", "model")),
    "10005 not found": (404, telnyx("10005"), NO_MODEL),
    "10007 unexpected error": (500, telnyx("10007"), FAILED),
    "10008 request timeout": (500, telnyx("10008"), TIMEOUT),
    "10009 authentication": (401, telnyx("10009"), AUTH),
    "10010 authorization": (403, telnyx("10010"), AUTH),
    "10010 with another status": (400, telnyx("10010"), AUTH),
    "10011 too many requests": (429, telnyx("10011"), LIMITED),
    "10011 with another status": (503, telnyx("10011"), LIMITED),
    "10014 content type": (415, telnyx("10014"), rejected(status=415)),
    "10015 bad request": (400, telnyx("10015"), rejected()),
    "10015 as a number": (400, telnyx(10015), rejected()),
    "10015 about the cap": (400, telnyx("10015", pointer="/max_tokens"), rejected(param="max_completion_tokens")),
    "10023 invalid JSON": (400, telnyx("10023"), rejected("invalid_json")),
    "10026 type": (400, telnyx("10026", pointer="/n"), rejected("invalid_type", "n")),
    "10027 unprocessable": (422, telnyx("10027"), rejected()),
    "10030 method": (405, telnyx("10030"), FAILED),
    "10032 enum": (400, telnyx("10032", pointer="/messages/1/role"), rejected(param="messages[1].role")),
    "10033 range": (400, telnyx("10033", pointer="/temperature"), rejected(param="temperature")),
    "10037 unavailable": (500, telnyx("10037"), AWAY),
    "10038 feature not permitted": (403, telnyx("10038"), AUTH),
    "10039 feature limited": (403, telnyx("10039"), AUTH),
    "20001 invalid secret": (401, telnyx("20001"), AUTH),
    "20002 revoked": (401, telnyx("20002"), AUTH),
    "20003 forbidden": (403, telnyx("20003"), AUTH),
    "20006 expired": (401, telnyx("20006"), AUTH),
    "20008 invalid key": (401, telnyx("20008"), AUTH),
    "20012 inactive": (403, telnyx("20012"), QUOTA),
    "20013 blocked": (403, telnyx("20013"), AUTH),
    "20014 unverified": (403, telnyx("20014"), AUTH),
    "20015 feature not enabled": (403, telnyx("20015"), AUTH),
    "20100 insufficient funds": (403, telnyx("20100"), QUOTA),
    "20100 with another status": (400, telnyx("20100"), QUOTA),
    "20100 as a failure": (500, telnyx("20100"), QUOTA),
    # statuses, whatever the body
    "302": (302, b"", FAILED),
    "304": (304, b"", FAILED),
    "400 empty": (400, b"", rejected()),
    "401 empty": (401, b"", AUTH),
    "402 empty": (402, b"", QUOTA),
    "402 challenge": (402, detail("Payment required: present a token."), QUOTA),
    "403 empty": (403, b"", AUTH),
    "404 empty": (404, b"", NO_MODEL),
    "404 page": (404, HTML, FAILED),
    "404 of an address": (404, detail("Not Found"), FAILED),
    "404 of something else": (404, telnyx("10005", "Bucket 'x' does not exist."), rejected(status=404)),
    "405 empty": (405, b"", FAILED),
    "407 empty": (407, b"", AUTH),
    "408 empty": (408, b"", TIMEOUT),
    "409": (409, detail("Conflict"), rejected(status=409)),
    "413 empty": (413, b"", rejected(status=413)),
    "418": (418, b"I'm a teapot", rejected(status=418)),
    "421": (421, b"", FAILED),
    "422 empty": (422, b"", rejected()),
    "426": (426, b"", FAILED),
    "429 empty": (429, b"", LIMITED),
    "500 empty": (500, b"", FAILED),
    "500 page": (500, HTML, FAILED),
    "501": (501, b"", FAILED),
    "502 page": (502, HTML, FAILED),
    "503 empty": (503, b"", AWAY),
    "503 page": (503, HTML, AWAY),
    "504 page": (504, HTML, TIMEOUT),
    "529 overloaded": (529, b"", AWAY),
    "599": (599, b"", FAILED),
    "101": (101, b"", FAILED),
    # FastAPI
    "a field is missing": (
        422, fastapi("missing", "Field required", "messages"), rejected("missing_required_parameter", "messages")),
    "a field is unknown": (
        422, fastapi("extra_forbidden", "Extra inputs are not permitted", "top_k"),
        rejected("unknown_parameter", "top_k")),
    "a field is of another type": (
        422, fastapi("string_type", "Input should be a valid string", "messages", 0, "content"),
        rejected("invalid_type", "messages[0].content")),
    "a field is out of range": (
        422, fastapi("less_than_equal", "At most 2", "temperature"), rejected(param="temperature")),
    "the renamed field": (
        422, fastapi("int_type", "An integer", "max_tokens"), rejected("invalid_type", "max_completion_tokens")),
    "no JSON": (422, fastapi("json_invalid", "JSON decode error", 42), rejected("invalid_json")),
    "a strict region": (422, detail("The model cannot be served from the requested region."), rejected()),
    "a model that sleeps": (422, detail("The model is currently unavailable."), AWAY),
    # OpenAI's shape, from proxied providers
    "openai": (400, openai("No.", code="unsupported_value", param="n"), rejected("unsupported_value", "n")),
    "openai without a code": (400, openai("No."), rejected()),
    "openai with an empty code": (400, openai("No.", code=""), rejected()),
    "vllm": (400, openai("No.", "BadRequestError", 400), rejected()),
    "openai too long": (400, openai("Too big.", code="context_length_exceeded"), TOO_LONG),
    "openai quota": (429, openai("You exceeded.", "insufficient_quota", "insufficient_quota"), QUOTA),
    "openai quota by its type": (429, openai("You exceeded.", "insufficient_quota"), QUOTA),
    "litellm budget": (400, openai("Budget!", "budget_exceeded", "budget_exceeded"), QUOTA),
    "openai limit": (429, openai("Slow down.", "requests", "rate_limit_exceeded"), LIMITED),
    "openai model": (400, openai("Gone.", code="model_not_found"), NO_MODEL),
    "openai failure": (500, openai("Boom.", "server_error", "x"), FAILED),
    # words
    "funds by words": (403, detail("Insufficient credits to run this."), QUOTA),
    "spend limit by words": (403, telnyx("10038", "The monthly spend limit of this account has been reached."), QUOTA),
    "spending limit at 429": (429, detail("Spending limit reached."), QUOTA),
    "current quota": (429, detail("You exceeded your current quota, please check your plan."), LIMITED._replace(
        type="insufficient_quota", code="insufficient_quota", should_retry=False, retry_after=None)),
    "suspended is not spent": (403, detail("Your account has been suspended."), AUTH),
    "context by words": (
        400, telnyx("10015", "This model's maximum context length is 32768 tokens, you sent 41210."), TOO_LONG),
    "context, and which field": (
        400, telnyx("10015", "The prompt is too long.", "/messages/3"), TOO_LONG._replace(param="messages[3]")),
    "a key is needed": (400, telnyx("10015", "OpenAI API key required. Pass an integration secret."), KEY_NEEDED),
    "a key is missing": (422, detail("api_key_ref: no such secret"), KEY_NEEDED),
    "no model by words": (400, detail("The model `gpt-9` does not exist or you do not have access to it."), NO_MODEL),
    "no model, short": (422, detail("Model not found"), NO_MODEL),
    "unknown model": (400, detail("Unknown model: 'x'"), NO_MODEL),
    "overloaded": (400, detail("The model is temporarily overloaded."), AWAY),
    "a failure that speaks of the context": (500, detail("maximum context length lookup failed"), FAILED),
    "a failure that speaks of the model": (500, detail("The model is currently unavailable."), FAILED),
    "at capacity": (429, detail("The model is at capacity."), LIMITED),
}  # fmt: skip


EVENTS: dict[str, tuple[Any, Outcome]] = {
    "telnyx": ({"errors": [{"code": "10007", "detail": "Boom."}]}, FAILED),
    "telnyx limit": ({"errors": [{"code": "10011", "detail": "Slow."}]}, LIMITED._replace(retry_after=None)),
    "telnyx funds": ({"errors": [{"code": "20100", "detail": "Poor."}]}, QUOTA),
    "telnyx away": ({"errors": [{"code": "10037", "detail": "Off."}]}, AWAY._replace(retry_after=None)),
    "telnyx credential": ({"errors": [{"code": "10009", "detail": "Who?"}]}, AUTH),
    "fastapi": ({"detail": [{"loc": ["body", "n"], "msg": "A", "type": "x"}]}, FAILED._replace(param=None)),
    "text": ({"error": "Boom."}, FAILED),
    "a status as code": ({"error": {"message": "No.", "code": 400}}, rejected()),
    "a status as code of a failure": ({"error": {"message": "No.", "code": "503"}}, AWAY._replace(retry_after=None)),
    "no status": ({"error": {"message": "No.", "code": "٤٠٠"}}, FAILED),
    "openai": (
        {"error": {"message": "No.", "type": "invalid_request_error", "code": "c", "param": "n"}},
        rejected("c", "n"),
    ),
    "openai failure": ({"error": {"message": "No.", "type": "server_error", "code": "c"}}, FAILED._replace(code="c")),
    "openai without a code": ({"error": {"message": "No.", "type": "server_error"}}, FAILED),
    "openai too long": (
        {"error": {"message": "Big.", "type": "invalid_request_error", "code": "context_length_exceeded"}},
        TOO_LONG,
    ),
    "openai model": (
        {"error": {"message": "Gone.", "type": "invalid_request_error", "code": "model_not_found"}},
        NO_MODEL,
    ),
    "openai limit": ({"error": {"message": "Slow.", "type": "rate_limit_error"}}, LIMITED._replace(retry_after=None)),
    "openai quota": ({"error": {"message": "Poor.", "type": "insufficient_quota"}}, QUOTA),
    "openai credential": ({"error": {"message": "Who?", "type": "authentication_error"}}, AUTH),
    "anthropic": (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}},
        AWAY._replace(retry_after=None),
    ),
    "vllm": (
        {"object": "error", "message": "No.", "type": "BadRequestError", "param": None, "code": 400},
        Outcome(400, "BadRequestError", "400"),
    ),
    "another type": ({"error": {"message": "No.", "type": "odd", "code": "c"}}, Outcome(502, "odd", "c")),
}


MARKS = st.sampled_from(["error", "errors", "detail", "message", "code", "type", "param", "loc", "msg", "source"])
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "X-RateLimit-Reset", "x-request-id"]),
    st.text() | st.integers().map(str) | st.floats().map(str),
)
