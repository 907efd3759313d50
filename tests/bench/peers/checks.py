"""Does a rival answer rightly at all, whole and in a stream? What does not is not measured."""

from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.bench import answers
from tests.bench.measures import NotMeasurable, started
from tests.bench.processes import processors
from tests.bench.targets import Target

PATIENCE = 20.0  # seconds for one streamed answer


def fault_of(target: Target, folder: Path) -> str | None:
    """Starts it, asks for a plain and for a streamed answer, ends it; what is wrong, or None."""
    try:
        with started(target, folder, processors()[0]):  # which takes one right plain answer
            return streamed_fault(target)
    except NotMeasurable as fault:
        return str(fault)


def streamed_fault(target: Target) -> str | None:
    """What is wrong with a stream of it, read word by word, or None."""
    connection = HTTPConnection(answers.HOST, target.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json", **target.headers}
    body = answers.question(target.prefix + answers.AT_ONCE, stream=True)
    try:
        connection.request("POST", target.path, body, headers)
        response = connection.getresponse()
        got = response.read()
    except (OSError, HTTPException) as fault:
        return f"no stream ({fault!r})"
    finally:
        connection.close()
    if response.status != 200:
        return f"a stream is answered with status {response.status}: {got[:200]!r}"
    if not got.endswith(b"data: [DONE]\n\n"):
        return f"a stream ends with {got[-40:]!r}"
    return answers.fault_of(got, stream=True)
