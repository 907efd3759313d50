"""How much of the program the tests must reach: all of the pure rooms, nearly all of the whole.

    python tests/house/coverage_floor.py .coverage.json

Reads coverage's JSON report (`coverage json`, `pytest --cov-report=json:...`, with branches). Exit code 0 when the
floor holds, 1 with the offenders and their lines when it does not or the report says nothing about it.

A pure room has no I/O to excuse an unreached branch. 100 % is a floor there and no proof: it says that a line ran,
not that what it did was looked at.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PURE = ("proxy/translation/", "proxy/streaming/", "proxy/accounts/", "proxy/errors.py", "proxy/usage.py")
OVERALL = 95.0  # percent of statements and branches together, in all of proxy


def unreached(report: Mapping[str, Any]) -> str:
    """`12, 15-17, 20->24, 31->exit`: the statements and the jumps of one file that no test reached."""
    jumps = [f"{start}->{'exit' if end < 0 else end}" for start, end in report.get("missing_branches", [])]
    return ", ".join([*spans(report["missing_lines"]), *jumps])


def spans(lines: list[int]) -> Iterator[str]:
    """Runs of neighbouring lines as `first-last`."""
    start = end = None
    for line in [*lines, None]:
        if start is not None and line != (end or 0) + 1:
            yield str(start) if start == end else f"{start}-{end}"
            start = None
        start, end = (line if start is None else start), line


def share(files: Mapping[str, Any]) -> float:
    """Percent of statements and branches reached over several files."""
    sums = [file["summary"] for file in files.values()]
    there = sum(each["num_statements"] + each["num_branches"] for each in sums)
    reached = sum(each["covered_lines"] + each["covered_branches"] for each in sums)
    return 100.0 * reached / there if there else 100.0


def pure_faults(files: Mapping[str, Any]) -> Iterator[str]:
    """One line per unmeasured room and per file of the pure rooms that is not reached whole."""
    for room in PURE:
        names = [name for name in files if name.startswith(room)]
        if not names:
            yield f"{room}: not in the report"
        for name in names:
            missing = unreached(files[name])
            if missing:
                yield f"{name}: {share({name: files[name]}):.1f} % of a pure room, not reached: {missing}"


def overall_faults(files: Mapping[str, Any]) -> Iterator[str]:
    """When the whole is below its floor: the floor, then every file with gaps, the largest gap first."""
    if share(files) >= OVERALL:
        return
    yield f"proxy: {share(files):.2f} % is below {OVERALL:g} %"
    gaps = {name: file for name, file in files.items() if unreached(file)}
    for name in sorted(gaps, key=lambda name: -gap(gaps[name]["summary"])):
        yield f"{name}: {share({name: gaps[name]}):.1f} %, not reached: {unreached(gaps[name])}"


def gap(summary: Mapping[str, int]) -> int:
    """Statements and branches of one file that no test reached."""
    return summary["missing_lines"] + summary["missing_branches"]


def faults(report: Mapping[str, Any]) -> list[str]:
    """Everything that keeps a coverage report from passing; empty when the floor holds."""
    if not report["meta"].get("branch_coverage"):
        return ["the report has no branches: run coverage with --cov-branch or branch = true"]
    files = {Path(name).as_posix(): file for name, file in report["files"].items()}
    files = {name: file for name, file in files.items() if name.startswith("proxy/")}
    return [*pure_faults(files), *overall_faults(files)]


def main(arguments: list[str]) -> int:
    """The exit code for `coverage_floor.py FILE.json`: 2 for bad usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: coverage_floor.py FILE.json\n")
        return 2
    try:
        found = faults(json.loads(Path(arguments[0]).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        found = [f"{arguments[0]} is not a coverage report: {fault!r}"]
    sys.stdout.write("".join(f"{line}\n" for line in found) or "coverage is above its floor\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
