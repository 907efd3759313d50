// OpenAI Agents SDK in JavaScript, whose default is the Responses API.
import { Agent, OpenAIChatCompletionsModel, run as runAgent, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { ANSWERED, ASKED, MODEL, check, expect, run } from "./checks.mjs";

setTracingDisabled(true); // it would send the key to another host
const getWeather = tool({
  name: "get_weather",
  description: "The weather",
  parameters: z.object({ city: z.string() }),
  execute: async () => "sunny",
});
const chat = (more = {}) =>
  new Agent({ name: "chat", model: new OpenAIChatCompletionsModel(new OpenAI({ maxRetries: 0 }), MODEL), ...more });
const responses = (more = {}) => new Agent({ name: "responses", model: MODEL, ...more });

check("whole", async () => {
  const result = await runAgent(chat(), "Hello");
  expect(result.finalOutput === "You said: Hello", result.finalOutput);
});

check("stream", async () => {
  const result = await runAgent(chat(), "Hello", { stream: true });
  for await (const _ of result) void _;
  await result.completed;
  expect(result.finalOutput === "You said: Hello", result.finalOutput);
});

check("tools", async () => {
  const result = await runAgent(chat({ tools: [getWeather] }), ASKED);
  expect(result.finalOutput === `${ANSWERED}sunny`, result.finalOutput);
});

check("structured", async () => {
  const result = await runAgent(chat({ outputType: z.object({ city: z.string() }) }), "A city");
  expect(typeof result.finalOutput.city === "string", result.finalOutput);
});

check("error", async () => {
  try {
    await runAgent(responses({ model: "no/such-model" }), "Hello");
  } catch (fault) {
    expect(fault.status === 404, fault.message);
    return;
  }
  expect(false, "no error");
});

check("turns", async () => {
  const first = await runAgent(responses(), "one");
  const second = await runAgent(responses(), [...first.history, { role: "user", content: "two" }]);
  expect(second.finalOutput === "You said: two", second.finalOutput);
});

check("responses", async () => {
  const first = await runAgent(responses({ tools: [getWeather] }), ASKED);
  expect(first.finalOutput === `${ANSWERED}sunny`, first.finalOutput);
  const second = await runAgent(responses(), "two", { previousResponseId: first.lastResponseId });
  expect(second.finalOutput === "You said: two", second.finalOutput);
});

check("responses_stream", async () => {
  const result = await runAgent(responses({ tools: [getWeather] }), ASKED, { stream: true });
  for await (const _ of result) void _;
  await result.completed;
  expect(result.finalOutput === `${ANSWERED}sunny`, result.finalOutput);
});

await run();
