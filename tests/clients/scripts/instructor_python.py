"""instructor: structured output by tools, by JSON and by the Responses API."""

import instructor
from checks import MODEL, check, expect, run
from openai import OpenAI
from pydantic import BaseModel


class City(BaseModel):
    city: str


HELLO = [{"role": "user", "content": "A city"}]


def made(mode):
    return instructor.from_openai(OpenAI(max_retries=0), mode=mode)


@check
def structured():
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
        city = made(mode).chat.completions.create(model=MODEL, messages=HELLO, response_model=City, max_retries=0)
        expect(isinstance(city, City), (mode, city))


@check
def stream():
    parts = list(made(instructor.Mode.TOOLS).chat.completions.create_partial(model=MODEL, messages=HELLO, response_model=City))
    expect(parts and parts[-1].city is not None, parts)


@check
def error():
    try:
        made(instructor.Mode.TOOLS).chat.completions.create(
            model="no/such-model", messages=HELLO, response_model=City, max_retries=0
        )
    except Exception as fault:
        expect("no/such-model" in str(fault), fault)
    else:
        expect(False, "no error")


@check
def responses():
    city = made(instructor.Mode.RESPONSES_TOOLS).responses.create(model=MODEL, input="A city", response_model=City)
    expect(isinstance(city, City), city)


run()
