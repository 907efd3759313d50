"""LiteLLM as a client."""

import litellm
from checks import ANSWERED, API_KEY, ASKED, BASE_URL, MODEL, SCHEMA, check, expect, run

litellm.suppress_debug_info = True
WHERE = {"api_base": BASE_URL, "api_key": API_KEY, "num_retries": 0}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]


def ask(*messages, **more):
    return litellm.completion(model=f"openai/{MODEL}", messages=list(messages), **WHERE, **more)


def user(text):
    return {"role": "user", "content": text}


@check
def whole():
    expect(ask(user("Hello")).choices[0].message.content == "You said: Hello")


@check
def stream():
    text = "".join(chunk.choices[0].delta.content or "" for chunk in ask(user("Hello"), stream=True))
    expect(text == "You said: Hello", text)


@check
def tools():
    message = ask(user(ASKED), tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    expect(ask(user(ASKED), message, result, tools=TOOLS).choices[0].message.content == ANSWERED + "sunny")


@check
def structured():
    form = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}
    expect('"city"' in ask(user("A city"), response_format=form).choices[0].message.content)


@check
def error():
    try:
        litellm.completion(model="openai/no/such-model", messages=[user("Hello")], **WHERE)
    except litellm.NotFoundError as fault:
        expect("no/such-model" in str(fault), fault)
    else:
        expect(False, "no error")


@check
def turns():
    first = ask(user("one")).choices[0].message
    expect(ask(user("one"), first, user("two")).choices[0].message.content == "You said: two")


@check
def embeddings():
    answer = litellm.embedding(model="openai/text-embedding-3-small", input=["one"], **WHERE)
    expect(len(answer.data[0]["embedding"]) == 1024)


run()
