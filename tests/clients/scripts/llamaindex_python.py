"""LlamaIndex, which knows OpenAI's models by name."""

from checks import MODEL, check, expect, run
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel

model = OpenAI(model=MODEL, max_retries=0)


class City(BaseModel):
    """A city."""

    city: str


def get_weather(city: str) -> str:
    """The weather."""
    return "sunny"


@check
def whole():
    expect(model.chat([ChatMessage("Hello")]).message.content == "You said: Hello")


@check
def stream():
    text = "".join(piece.delta for piece in model.stream_chat([ChatMessage("Hello")]))
    expect(text == "You said: Hello", text)


@check
def tools():
    answer = model.predict_and_call([FunctionTool.from_defaults(get_weather)], "get_weather in Paris")
    expect(answer.response == "sunny", answer)


@check
def structured():
    expect(isinstance(model.as_structured_llm(City).complete("A city").raw, City))


@check
def error():
    try:
        OpenAI(model="no/such-model", max_retries=0).chat([ChatMessage("Hello")])
    except Exception as fault:
        expect("no/such-model" in str(fault), fault)
    else:
        expect(False, "no error")


@check
def turns():
    first = model.chat([ChatMessage("one")]).message
    second = model.chat([ChatMessage("one"), first, ChatMessage("two")])
    expect(second.message.content == "You said: two", second)


@check
def embeddings():
    expect(len(OpenAIEmbedding(model="text-embedding-3-small").get_text_embedding("one")) == 1024)


@check
def responses():
    answer = OpenAIResponses(model=MODEL, max_retries=0).chat([ChatMessage("Hello")])
    expect(answer.message.content == "You said: Hello", answer)


run()
