// LangChain's ChatOpenAI and OpenAIEmbeddings in JavaScript.
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { ANSWERED, ASKED, MODEL, check, expect, run } from "./checks.mjs";

const made = (more = {}) =>
  new ChatOpenAI({ model: MODEL, maxRetries: 0, configuration: { baseURL: process.env.OPENAI_BASE_URL }, ...more });
const getWeather = tool(() => "sunny", { name: "get_weather", description: "The weather", schema: z.object({ city: z.string() }) });

check("whole", async () => {
  const answer = await made().invoke("Hello");
  expect(answer.content === "You said: Hello" && answer.usage_metadata.total_tokens > 0, answer);
});

check("stream", async () => {
  let text = "", used = 0;
  for await (const chunk of await made().stream("Hello")) {
    text += chunk.content;
    used += chunk.usage_metadata ? 1 : 0;
  }
  expect(text === "You said: Hello" && used === 1, `${text} ${used}`);
});

check("tools", async () => {
  const bound = made().bindTools([getWeather]);
  const asked = await bound.invoke([new HumanMessage(ASKED)]);
  const result = new ToolMessage({ content: "sunny", tool_call_id: asked.tool_calls[0].id });
  const told = await bound.invoke([new HumanMessage(ASKED), asked, result]);
  expect(told.content === `${ANSWERED}sunny`, told);
});

check("structured", async () => {
  const city = await made().withStructuredOutput(z.object({ city: z.string() })).invoke("A city");
  expect(typeof city.city === "string", city);
});

check("error", async () => {
  try {
    await made({ model: "no/such-model" }).invoke("Hello");
  } catch (fault) {
    expect(fault.status === 404 || String(fault.message).includes("no/such-model"), fault.message);
    return;
  }
  expect(false, "no error");
});

check("turns", async () => {
  const first = await made().invoke([new HumanMessage("one")]);
  const second = await made().invoke([new HumanMessage("one"), new AIMessage(first.content), new HumanMessage("two")]);
  expect(second.content === "You said: two", second);
});

check("embeddings", async () => {
  const embeddings = new OpenAIEmbeddings({
    model: "text-embedding-3-small",
    configuration: { baseURL: process.env.OPENAI_BASE_URL },
  });
  const [one] = await embeddings.embedDocuments(["one"]);
  expect(one.length === 1024, one.length);
});

check("responses", async () => {
  const answer = await made({ useResponsesApi: true }).invoke("Hello");
  expect(answer.text === "You said: Hello", answer.content);
});

check("responses_stream", async () => {
  let text = "";
  for await (const chunk of await made({ useResponsesApi: true }).stream("Hello")) text += chunk.text;
  expect(text === "You said: Hello", text);
});

await run();
