// Vercel AI SDK with @ai-sdk/openai-compatible, for services that are not OpenAI's.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { ANSWERED, ASKED, MODEL, check, expect, run } from "./checks.mjs";

const provider = createOpenAICompatible({
  name: "telnyx",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
});
const model = provider(MODEL);
const getWeather = tool({
  description: "The weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => "sunny",
});

check("whole", async () => {
  const { text } = await generateText({ model, prompt: "Hello", maxRetries: 0 });
  expect(text === "You said: Hello", text);
});

check("stream", async () => {
  const result = streamText({ model, prompt: "Hello", maxRetries: 0 });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  expect(text === "You said: Hello" && (await result.usage).totalTokens > 0, text);
});

check("tools", async () => {
  const { text } = await generateText({ model, prompt: ASKED, tools: { get_weather: getWeather }, stopWhen: stepCountIs(3) });
  expect(text.startsWith(ANSWERED), text);
});

check("structured", async () => {
  const schema = z.object({ city: z.string() }).partial();
  const { object } = await generateObject({ model, prompt: "A city as JSON", schema });
  expect(typeof object === "object", object);
});

check("error", async () => {
  try {
    await generateText({ model: provider("no/such-model"), prompt: "Hello", maxRetries: 0 });
  } catch (fault) {
    expect(fault.statusCode === 404 && fault.message.includes("no/such-model"), fault.message);
    return;
  }
  expect(false, "no error");
});

check("turns", async () => {
  const first = await generateText({ model, messages: [{ role: "user", content: "one" }] });
  const messages = [{ role: "user", content: "one" }, ...first.response.messages, { role: "user", content: "two" }];
  expect((await generateText({ model, messages })).text === "You said: two");
});

check("embeddings", async () => {
  const { embeddings } = await embedMany({ model: provider.textEmbeddingModel("text-embedding-3-small"), values: ["one"] });
  expect(embeddings[0].length === 1024, embeddings[0].length);
});

await run();
