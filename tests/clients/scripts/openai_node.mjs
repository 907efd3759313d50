// openai-node 6 and 7: the same lines run under each.
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ANSWERED, ASKED, MODEL, SCHEMA, check, expect, run } from "./checks.mjs";

const client = new OpenAI({ maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const tools = [{ type: "function", function: { name: "get_weather", strict: true, parameters: SCHEMA } }];

check("whole", async () => {
  const answer = await client.chat.completions.create({ model: MODEL, messages: [user("Hello")] });
  expect(answer.choices[0].message.content === "You said: Hello", answer);
});

check("stream", async () => {
  const stream = client.chat.completions.stream({
    model: MODEL,
    messages: [user("Hello")],
    stream_options: { include_usage: true },
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  const final = await stream.finalChatCompletion();
  expect(text === "You said: Hello" && final.usage.total_tokens > 0, final);
});

check("tools", async () => {
  const asked = await client.chat.completions.create({ model: MODEL, messages: [user(ASKED)], tools });
  const message = asked.choices[0].message;
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
  const told = await client.chat.completions.create({ model: MODEL, messages: [user(ASKED), message, result], tools });
  expect(told.choices[0].message.content === `${ANSWERED}sunny`, told);
});

check("structured", async () => {
  const answer = await client.chat.completions.parse({
    model: MODEL,
    messages: [user("A city")],
    response_format: zodResponseFormat(z.object({ city: z.string() }), "city"),
  });
  expect(typeof answer.choices[0].message.parsed.city === "string", answer);
});

check("error", async () => {
  try {
    await client.chat.completions.create({ model: "no/such-model", messages: [user("Hello")] });
  } catch (fault) {
    expect(fault instanceof OpenAI.NotFoundError && fault.code === "model_not_found" && fault.requestID, fault);
    return;
  }
  expect(false, "no error");
});

check("turns", async () => {
  const first = await client.chat.completions.create({ model: MODEL, messages: [user("one")] });
  const messages = [user("one"), first.choices[0].message, user("two")];
  const second = await client.chat.completions.create({ model: MODEL, messages });
  expect(second.choices[0].message.content === "You said: two", second);
});

check("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
  expect(answer.data.length === 2 && answer.data[0].embedding.length === 1024, answer.data.length);
});

check("completions", async () => {
  const answer = await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: "One", max_tokens: 20 });
  expect(answer.choices[0].text.length > 0, answer);
});

check("audio", async () => {
  const said = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello" });
  const sound = Buffer.from(await said.arrayBuffer());
  expect(sound.length > 100, sound.length);
  const file = await toFile(sound, "a.mp3");
  const heard = await client.audio.transcriptions.create({ model: "whisper-1", file });
  expect(heard.text.length > 0, heard);
});

check("responses", async () => {
  const first = await client.responses.create({ model: MODEL, input: "Hello" });
  expect(first.output_text === "You said: Hello", first);
  const second = await client.responses.create({ model: MODEL, input: "Again", previous_response_id: first.id });
  expect(second.output_text === "You said: Again", second);
});

check("responses_stream", async () => {
  const stream = client.responses.stream({ model: MODEL, input: "Hello" });
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  const final = await stream.finalResponse();
  expect(kinds.at(-1) === "response.completed" && final.output_text === "You said: Hello", kinds);
});

await run();
