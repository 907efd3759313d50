"""The image without a container engine: the steps of `deploy/Dockerfile`, and what they leave in a folder."""

import fnmatch
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.boards import DEPLOY
from tests.house.repository import ROOT


@dataclass(frozen=True)
class Step:
    """One instruction: `COPY`, and what follows it."""

    word: str
    rest: str

    def listed(self) -> list[str]:
        """What follows, as the words of a command (exec form)."""
        words: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return words


def stages() -> list[list[Step]]:
    """The instructions of each stage, from its FROM; those before the first (ARG) in front of it."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: list[list[Step]] = [[]]
    for line in joined.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM" and any(step.word == "FROM" for step in found[-1]):
            found.append([])
        found[-1].append(Step(word, rest.strip()))
    return found


def one(stage: list[Step], word: str) -> Step:
    """The only instruction of this kind in a stage."""
    (step,) = (step for step in stage if step.word == word)
    return step


def let_in() -> list[str]:
    """What `.dockerignore` lets a build see; fails unless it begins by letting nothing in."""
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def seen(path: str) -> bool:
    """Whether a build sees a file or folder of the repository."""
    return any(fnmatch.fnmatch(path, each) or path.startswith(f"{each}/") for each in let_in())


def copied(stage: list[Step]) -> list[tuple[list[str], str]]:
    """What is copied from the repository: sources, and where to."""
    steps = [step.rest.split() for step in stage if step.word == "COPY" and not step.rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in steps]


def lay_out(stage: list[Step], folder: Path) -> None:
    """Do what the COPY lines of a stage do, below a folder that stands for its WORKDIR or root."""
    for sources, target in copied(stage):
        for source in sources:
            assert seen(source), f"{source} is hidden by .dockerignore"
            place = folder / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                continue
            place = place / Path(source).name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)
