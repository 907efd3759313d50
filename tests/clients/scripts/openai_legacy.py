"""openai 0.28: the library before clients were objects."""

import json
import os

import openai
from checks import ANSWERED, ASKED, MODEL, SCHEMA, check, expect, run

openai.api_base = os.environ["OPENAI_BASE_URL"]
FUNCTION = {"name": "get_weather", "parameters": SCHEMA}


def ask(*messages, **more):
    return openai.ChatCompletion.create(model=MODEL, messages=list(messages), **more)


HELLO = {"role": "user", "content": "Hello"}


@check
def whole():
    expect(ask(HELLO).choices[0].message.content == "You said: Hello")


@check
def stream():
    text = "".join(chunk.choices[0].delta.get("content") or "" for chunk in ask(HELLO, stream=True) if chunk.choices)
    expect(text == "You said: Hello", text)


@check
def tools():
    question = {"role": "user", "content": ASKED}
    message = ask(question, functions=[FUNCTION]).choices[0].message
    expect("city" in json.loads(message.function_call.arguments), message)
    result = {"role": "function", "name": "get_weather", "content": "sunny"}
    told = ask(question, message.to_dict_recursive(), result, functions=[FUNCTION])
    expect(told.choices[0].message.content == ANSWERED + "sunny", told)


@check
def error():
    try:
        openai.ChatCompletion.create(model="no/such-model", messages=[HELLO])
    except openai.error.InvalidRequestError as fault:
        expect(fault.code == "model_not_found", fault)
    else:
        expect(False, "no error")


@check
def turns():
    first = ask(HELLO).choices[0].message
    second = ask(HELLO, first.to_dict(), {"role": "user", "content": "two"})
    expect(second.choices[0].message.content == "You said: two", second)


@check
def embeddings():
    answer = openai.Embedding.create(model="text-embedding-ada-002", input=["one"])
    expect(len(answer["data"][0]["embedding"]) == 1024)


@check
def completions():
    answer = openai.Completion.create(model="gpt-3.5-turbo-instruct", prompt="Once upon", max_tokens=20)
    expect(answer.choices[0].text, answer)


run()
