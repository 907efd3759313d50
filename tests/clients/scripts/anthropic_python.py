"""anthropic-python, on the Messages API."""

import os

import anthropic
from checks import API_KEY, ASKED, SCHEMA, check, expect, run

client = anthropic.Anthropic(base_url=os.environ["PROXY_URL"], api_key=API_KEY, max_retries=0)
MODEL = "claude-sonnet-4-5"
TOOLS = [{"name": "get_weather", "input_schema": SCHEMA}]


def ask(*messages, **more):
    return client.messages.create(model=MODEL, max_tokens=200, messages=list(messages), **more)


def user(content):
    return {"role": "user", "content": content}


def text(message):
    return "".join(block.text for block in message.content if block.type == "text")


@check
def whole():
    answer = ask(user("Hello"))
    expect("Hello" in text(answer) and answer.usage.output_tokens > 0, answer)


@check
def stream():
    with client.messages.stream(model=MODEL, max_tokens=200, messages=[user("Hello")]) as events:
        said = "".join(events.text_stream)
        final = events.get_final_message()
    expect("Hello" in said and final.stop_reason == "end_turn", final)


@check
def tools():
    asked = ask(user(ASKED), tools=TOOLS)
    calls = [block for block in asked.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": calls[0].id, "content": "sunny"}
    told = ask(user(ASKED), {"role": "assistant", "content": asked.content}, user([result]), tools=TOOLS)
    expect("sunny" in text(told), told)


@check
def error():
    try:
        client.messages.create(model="no/such-model", max_tokens=10, messages=[user("Hello")])
    except anthropic.NotFoundError as fault:
        expect(fault.body["type"] == "error" and fault.body["error"]["type"] == "not_found_error", fault.body)
    else:
        expect(False, "no error")


@check
def turns():
    first = ask(user("one"))
    expect("two" in text(ask(user("one"), {"role": "assistant", "content": first.content}, user("two"))))


run()
