"""openai-python 1, 2 and 3: the same lines run under each."""

import io
import json
import wave

import openai
from checks import ANSWERED, ASKED, MODEL, SCHEMA, check, expect, run
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(max_retries=0)
FUNCTION = {"name": "get_weather", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": {**FUNCTION, "strict": True}}]
FLAT_TOOLS = [{"type": "function", **FUNCTION, "strict": True}]


class City(BaseModel):
    city: str


@check
def whole():
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    expect(answer.choices[0].message.content == "You said: Hello", answer)
    expect(answer.usage.total_tokens > 0, answer)


@check
def stream():
    chunks = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, usage = "", None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
    expect(text == "You said: Hello", text)
    expect(usage is not None)


@check
def tools():
    messages = [{"role": "user", "content": ASKED}]
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    message = asked.choices[0].message
    call = message.tool_calls[0]
    expect("city" in json.loads(call.function.arguments), call)
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    told = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    expect(told.choices[0].message.content == ANSWERED + "sunny", told)


@check
def structured():
    parse = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
    answer = parse(model=MODEL, messages=[{"role": "user", "content": "A city"}], response_format=City)
    expect(isinstance(answer.choices[0].message.parsed, City), answer)


@check
def error():
    try:
        client.chat.completions.create(model="no/such-model", messages=[{"role": "user", "content": "Hello"}])
    except openai.NotFoundError as fault:
        expect(fault.code == "model_not_found", fault)
        expect(fault.request_id.startswith("req_"), fault)
    else:
        expect(False, "no error")


@check
def turns():
    messages = [{"role": "user", "content": "one"}]
    for word in ("one", "two"):
        answer = client.chat.completions.create(model=MODEL, messages=messages)
        expect(answer.choices[0].message.content == f"You said: {word}", answer)
        messages += [answer.choices[0].message, {"role": "user", "content": "two"}]


@check
def embeddings():
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    expect(len(answer.data) == 2 and len(answer.data[0].embedding) == 1024, len(answer.data))


@check
def completions():
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["One", "Two"], max_tokens=20)
    expect([choice.index for choice in answer.choices] == [0, 1], answer)
    text = "".join(
        chunk.choices[0].text
        for chunk in client.completions.create(model="gpt-3.5-turbo-instruct", prompt="One", max_tokens=20, stream=True)
    )
    expect(text == answer.choices[0].text, (text, answer))


@check
def audio():
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound.getvalue()))
    expect(heard.text, heard)
    said = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello")
    expect(len(said.content) > 100, said)


@check
def responses():
    first = client.responses.create(model=MODEL, input="Hello")
    expect(first.output_text == "You said: Hello", first)
    second = client.responses.create(model=MODEL, input="Again", previous_response_id=first.id)
    expect(second.output_text == "You said: Again", second)
    asked = client.responses.create(model=MODEL, input=ASKED, tools=FLAT_TOOLS)
    calls = [item for item in asked.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "sunny"}
    told = client.responses.create(model=MODEL, input=[result], tools=FLAT_TOOLS, previous_response_id=asked.id)
    expect(told.output_text == ANSWERED + "sunny", told)


@check
def responses_stream():
    with client.responses.stream(model=MODEL, input="Hello") as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    expect(kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds)
    expect(final.output_text == "You said: Hello", final)


run()
