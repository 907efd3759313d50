"""llm, the command: `llm -m gpt-4o hello`."""

import json
import subprocess
import sys
from pathlib import Path

from checks import MODEL, SCHEMA, check, expect, run


def llm(*words):
    command = [str(Path(sys.executable).parent / "llm"), "-m", MODEL, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout.strip(), done.stderr


@check
def whole():
    code, said, fault = llm("--no-stream", "Hello")
    expect((code, said) == (0, "You said: Hello"), (said, fault))


@check
def stream():
    code, said, fault = llm("Hello")
    expect((code, said) == (0, "You said: Hello"), (said, fault))


@check
def structured():
    code, said, fault = llm("--schema", json.dumps(SCHEMA), "A city")
    expect(code == 0 and "city" in json.loads(said), (said, fault))


@check
def turns():
    expect(llm("one")[0] == 0)
    code, said, fault = llm("-c", "two")
    expect((code, said) == (0, "You said: two"), (said, fault))


run()
