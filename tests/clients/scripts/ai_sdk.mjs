// Vercel AI SDK 6 and 7 with @ai-sdk/openai, whose default is the Responses API.
import { openai } from "@ai-sdk/openai";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { ANSWERED, ASKED, MODEL, check, expect, run } from "./checks.mjs";

const getWeather = tool({
  description: "The weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => "sunny",
});
const chat = openai.chat(MODEL);
const responses = openai(MODEL);
const user = (content) => ({ role: "user", content });

check("whole", async () => {
  const { text, usage } = await generateText({ model: chat, prompt: "Hello", maxRetries: 0 });
  expect(text === "You said: Hello" && usage.totalTokens > 0, text);
});

check("stream", async () => {
  const result = streamText({ model: chat, prompt: "Hello", maxRetries: 0 });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  expect(text === "You said: Hello" && (await result.finishReason) === "stop", text);
});

check("tools", async () => {
  const { text } = await generateText({ model: chat, prompt: ASKED, tools: { get_weather: getWeather }, stopWhen: stepCountIs(3) });
  expect(text === `${ANSWERED}"sunny"` || text === `${ANSWERED}sunny`, text);
});

check("structured", async () => {
  const { object } = await generateObject({ model: chat, prompt: "A city", schema: z.object({ city: z.string() }) });
  expect(typeof object.city === "string", object);
});

check("error", async () => {
  try {
    await generateText({ model: openai.chat("no/such-model"), prompt: "Hello", maxRetries: 0 });
  } catch (fault) {
    expect(fault.statusCode === 404 && fault.message.includes("no/such-model"), fault.message);
    return;
  }
  expect(false, "no error");
});

check("turns", async () => {
  const first = await generateText({ model: responses, messages: [user("one")] });
  const messages = [user("one"), ...first.response.messages, user("two")]; // as item_reference
  const second = await generateText({ model: responses, messages });
  expect(second.text === "You said: two", second.text);
});

check("embeddings", async () => {
  const { embeddings } = await embedMany({ model: openai.embedding("text-embedding-3-small"), values: ["one", "two"] });
  expect(embeddings.length === 2 && embeddings[0].length === 1024, embeddings.length);
});

check("responses", async () => {
  const { text } = await generateText({ model: responses, prompt: ASKED, tools: { get_weather: getWeather }, stopWhen: stepCountIs(3) });
  expect(text.startsWith(ANSWERED), text);
});

check("responses_stream", async () => {
  const result = streamText({ model: responses, prompt: "Hello", maxRetries: 0 });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  expect(text === "You said: Hello" && (await result.finishReason) === "stop", text);
});

await run();
