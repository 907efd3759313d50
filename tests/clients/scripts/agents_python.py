"""OpenAI Agents SDK, whose default is the Responses API."""

import os

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # it would send the key to another host

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, SQLiteSession, function_tool
from checks import ANSWERED, ASKED, MODEL, check, expect, run
from openai import AsyncOpenAI
from pydantic import BaseModel


class City(BaseModel):
    city: str


@function_tool
def get_weather(city: str) -> str:
    """The weather."""
    return "sunny"


def chat(**more):
    return Agent(name="chat", model=OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncOpenAI()), **more)


@check
async def whole():
    expect((await Runner.run(chat(), "Hello")).final_output == "You said: Hello")


@check
async def stream():
    result = Runner.run_streamed(chat(), "Hello")
    async for _ in result.stream_events():
        pass
    expect(result.final_output == "You said: Hello", result.final_output)


@check
async def tools():
    result = await Runner.run(chat(tools=[get_weather]), ASKED)
    expect(result.final_output == ANSWERED + "sunny", result.final_output)


@check
async def structured():
    result = await Runner.run(chat(output_type=City), "A city")
    expect(isinstance(result.final_output, City), result.final_output)


@check
async def error():
    try:
        await Runner.run(Agent(name="none", model="no-such-model"), "Hello")
    except Exception as fault:
        expect(getattr(fault, "status_code", 0) == 404, fault)
    else:
        expect(False, "no error")


@check
async def turns():
    session = SQLiteSession("one")
    agent = Agent(name="session", model=MODEL)
    for word in ("one", "two"):
        result = await Runner.run(agent, word, session=session)
        expect(result.final_output == f"You said: {word}", result.final_output)


@check
async def responses():
    agent = Agent(name="responses", model=MODEL, tools=[get_weather])
    first = await Runner.run(agent, ASKED)
    expect(first.final_output == ANSWERED + "sunny", first.final_output)
    second = await Runner.run(agent, "no tools", previous_response_id=first.last_response_id)
    expect(second.final_output, second)


@check
async def responses_stream():
    agent = Agent(name="responses", model=MODEL, tools=[get_weather], model_settings=ModelSettings(store=False))
    result = Runner.run_streamed(agent, ASKED)
    kinds = [event.type async for event in result.stream_events()]
    expect("raw_response_event" in kinds, kinds)
    expect(result.final_output == ANSWERED + "sunny", result.final_output)


run()
