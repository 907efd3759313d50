// Codex CLI, which knows the Responses API only.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MODEL, check, expect, run } from "./checks.mjs";

const home = join(process.env.HOME, "codex");
mkdirSync(home, { recursive: true });
writeFileSync(
  join(home, "config.toml"),
  `model = "${MODEL}"
model_provider = "proxy"
[model_providers.proxy]
name = "proxy"
base_url = "${process.env.OPENAI_BASE_URL}"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
`,
);
const program = join(dirname(fileURLToPath(import.meta.url)), "node_modules", ".bin", "codex");

function codex(...words) {
  const env = { ...process.env, CODEX_HOME: home };
  return execFileSync(program, ["exec", "--skip-git-repo-check", ...words], {
    env, encoding: "utf8", timeout: 120_000, stdio: ["ignore", "pipe", "pipe"],
  });
}

check("responses_stream", async () => {
  const said = codex("say hello");
  expect(said.includes("You said"), said);
});

check("error", async () => {
  try {
    codex("-m", "no/such-model", "say hello");
  } catch (fault) {
    const said = String(fault.stdout) + String(fault.stderr);
    expect(said.includes("no/such-model"), said.slice(-400));
    return;
  }
  expect(false, "no error");
});

await run();
