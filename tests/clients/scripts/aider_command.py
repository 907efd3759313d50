"""aider, a coding agent: a command, on LiteLLM."""

import subprocess
import sys
from pathlib import Path

from checks import MODEL, check, expect, run


def aider(*words):
    program = str(Path(sys.executable).parent / "aider")
    quiet = ["--no-git", "--yes-always", "--no-check-update", "--no-analytics", "--no-show-model-warnings", "--no-pretty"]
    command = [program, "--model", f"openai/{MODEL}", *quiet, *words, "--message", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


@check
def stream():
    said = aider()
    expect("You said" in said, said[-400:])


@check
def whole():
    said = aider("--no-stream")
    expect("You said" in said, said[-400:])


run()
