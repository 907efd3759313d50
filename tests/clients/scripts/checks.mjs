// What the scripts of all JavaScript clients share; see checks.py.

export const MODEL = "gpt-4o";
export const ASKED = "What is the weather in Paris? Use get_weather.";
export const ANSWERED = "The tool answered: ";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

const checks = [];

export function check(name, run) {
  checks.push([name, run]);
}

export function expect(truth, said) {
  if (!truth) throw new Error(`not as expected: ${typeof said === "string" ? said : JSON.stringify(said)?.slice(0, 400)}`);
}

export async function run() {
  for (const [name, each] of checks) {
    try {
      await each();
      console.log(`{"check": "${name}", "ok": true}`);
    } catch (fault) {
      const detail = `${fault?.name}: ${String(fault?.message).slice(0, 400)}`;
      console.log(`{"check": "${name}", "ok": false, "detail": ${JSON.stringify(detail)}}`);
    }
  }
  process.exit(0);
}
