"""pydantic-ai, which validates answers strictly."""

from checks import ANSWERED, ASKED, MODEL, check, expect, run
from pydantic import BaseModel
from pydantic_ai import Agent


class City(BaseModel):
    city: str


def agent(way="openai-chat", **more):
    return Agent(f"{way}:{MODEL}", **more)


def with_tool(way):
    made = agent(way)

    @made.tool_plain
    def get_weather(city: str) -> str:
        return "sunny"

    return made


@check
async def whole():
    result = await agent().run("Hello")
    expect(result.output == "You said: Hello", result)


@check
async def stream():
    async with agent().run_stream("Hello") as result:
        text = [piece async for piece in result.stream_text(delta=True)]
    expect("".join(text) == "You said: Hello", text)


@check
async def tools():
    result = await with_tool("openai-chat").run(ASKED)
    expect(result.output == ANSWERED + "sunny", result)


@check
async def structured():
    result = await agent(output_type=City).run("final_result: a city")
    expect(isinstance(result.output, City), result)


@check
async def error():
    try:
        await Agent("openai-chat:no/such-model").run("Hello")
    except Exception as fault:
        expect(getattr(fault, "status_code", 0) == 404, fault)
    else:
        expect(False, "no error")


@check
async def turns():
    first = await agent().run("one")
    second = await agent().run("two", message_history=first.all_messages())
    expect(second.output == "You said: two", second)


@check
async def responses():
    result = await with_tool("openai-responses").run(ASKED)
    expect(result.output == ANSWERED + "sunny", result)


@check
async def responses_stream():
    async with agent("openai-responses").run_stream("Hello") as result:
        text = [piece async for piece in result.stream_text(delta=True)]
    expect("".join(text) == "You said: Hello", text)


run()
