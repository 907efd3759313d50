// opencode, a coding agent on @ai-sdk/openai-compatible.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MODEL, check, expect, run } from "./checks.mjs";

const options = { baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY };
const models = { [MODEL]: { name: MODEL, limit: { context: 200_000, output: 32_000 } } };
const provider = { px: { npm: "@ai-sdk/openai-compatible", name: "proxy", options, models } };
writeFileSync("opencode.json", JSON.stringify({ $schema: "https://opencode.ai/config.json", provider, autoupdate: false }));
const program = join(dirname(fileURLToPath(import.meta.url)), "node_modules", ".bin", "opencode");

check("stream", async () => {
  const said = execFileSync(program, ["run", "-m", `px/${MODEL}`, "say hello"], {
    encoding: "utf8", timeout: 180_000, stdio: ["ignore", "pipe", "pipe"],
  });
  expect(said.includes("You said"), said);
});

await run();
