"""LangChain's ChatOpenAI and OpenAIEmbeddings."""

from checks import ANSWERED, ASKED, MODEL, check, expect, run
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

model = ChatOpenAI(model=MODEL, max_retries=0)


class City(BaseModel):
    """A city."""

    city: str


@tool
def get_weather(city: str) -> str:
    """The weather."""
    return "sunny"


@check
def whole():
    answer = model.invoke("Hello")
    expect(answer.content == "You said: Hello", answer)
    expect(answer.usage_metadata["total_tokens"] > 0, answer)


@check
async def stream():
    chunks = [chunk async for chunk in ChatOpenAI(model=MODEL, stream_usage=True).astream("Hello")]
    expect("".join(chunk.content for chunk in chunks) == "You said: Hello", chunks)
    used = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    expect(len(used) == 1, used)


@check
def tools():
    bound = model.bind_tools([get_weather])
    messages = [HumanMessage(ASKED)]
    asked = bound.invoke(messages)
    call = asked.tool_calls[0]
    expect("city" in call["args"], call)
    told = bound.invoke([*messages, asked, ToolMessage("sunny", tool_call_id=call["id"])])
    expect(told.content == ANSWERED + "sunny", told)


@check
def structured():
    expect(isinstance(model.with_structured_output(City).invoke("A city"), City))
    expect(isinstance(model.with_structured_output(City, method="function_calling").invoke("A city"), City))


@check
def error():
    try:
        ChatOpenAI(model="no/such-model", max_retries=0).invoke("Hello")
    except Exception as fault:
        expect("no/such-model" in str(fault) and fault.status_code == 404, fault)
    else:
        expect(False, "no error")


@check
def turns():
    first = model.invoke([HumanMessage("one")])
    second = model.invoke([HumanMessage("one"), first, HumanMessage("two")])
    expect(second.content == "You said: two", second)


@check
def embeddings():
    vectors = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False).embed_documents(["a", "b"])
    expect(len(vectors) == 2 and len(vectors[0]) == 1024, len(vectors))


@check
def responses():
    through = ChatOpenAI(model=MODEL, use_responses_api=True, use_previous_response_id=True)
    first = through.invoke([HumanMessage("one")])
    expect(first.text == "You said: one", first)
    second = through.invoke([HumanMessage("one"), first, HumanMessage("two")])
    expect(second.text == "You said: two", second)


@check
def responses_stream():
    chunks = list(ChatOpenAI(model=MODEL, use_responses_api=True).stream("Hello"))
    expect("".join(chunk.text for chunk in chunks) == "You said: Hello", chunks)


run()
