"""Secrets: where to find them, and how they stay unseen.

A configuration file says where a secret is, so that the file itself can be shared. After loading the secret is known
to `reveal()` and to nothing else: not to repr, dumps, comparisons of text, or errors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from proxy.settings.section import Section, complaint

HINT = 'write {env: NAME}, {file: PATH} or {value: "..."}'
BELOW_THE_FILE = "relative paths start at the folder of the configuration file"
FILE_LIMIT = 65_536
"""Bytes of a secret file at most: keys have tens to a few thousand; this keeps a wrong path from being read whole."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
"""Wider than what shells can set: Kubernetes allows dots and dashes."""
_TELLABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}\Z")
"""Names of variables that may stand in a fault. People paste the secret itself there; those have small letters."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values are resolved against; the context of validation.

    Attributes:
        environ: the environment.
        folder: what relative paths start from: the folder of the configuration file.
        resolve: whether secrets and files are looked up at all.
        texts: secret files read so far; a pipe can be read only once.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path = Path()
    resolve: bool = False
    texts: dict[Path, str] = field(default_factory=dict, repr=False)


class Secret(Section):
    """A secret, by where it is found. Exactly one of the three is given."""

    env: str | None = Field(default=None, min_length=1, description="name of the environment variable that holds it")
    file: str | None = Field(
        default=None,
        min_length=1,
        description="path of a file that holds it and nothing else; one trailing line break is ignored",
    )
    value: SecretStr | None = Field(
        default=None, description="the secret itself; for trying things out, the file is then a secret too"
    )
    _text: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, data: Any) -> Any:
        # an unknown name is not repeated: `{sk-abc}` is the YAML map {"sk-abc": null}
        if not isinstance(data, dict) or not set(data) <= {"env", "file", "value"}:
            raise complaint("does not say where the secret is", HINT)
        if sum(place is not None for place in data.values()) != 1:
            raise complaint("must name exactly one place", HINT)
        if isinstance(name := data.get("env"), str) and name and not _VARIABLE.match(name):
            raise complaint("is not the name of an environment variable", "the bare name, without $: {env: NAME}")
        return data

    @property
    def resolved(self) -> bool:
        """Whether `reveal` has something to tell."""
        return self._text is not None or self.value is not None

    def reveal(self) -> str:
        """The secret. Raises ValueError if it is elsewhere and the configuration was loaded without secrets."""
        if self._text is not None:
            return self._text
        if self.value is not None:
            return self.value.get_secret_value()
        raise ValueError("this secret was not looked up")


def resolve(secret: Secret | None, info: ValidationInfo) -> Secret | None:
    """Look the secret up. What is not there is a complaint."""
    return _resolve(secret, info.context, demanded=True)


def resolve_if_set(secret: Secret | None, info: ValidationInfo) -> Secret | None:
    """Look the secret up; None where its environment variable is not set."""
    return _resolve(secret, info.context, demanded=False)


def resolve_if_there(secret: Secret | None, around: Surroundings) -> Secret | None:
    """Look the secret up; as it was where it is not there, or is of no use."""
    try:
        return _resolve(secret, around, demanded=True)
    except PydanticCustomError:
        return secret


def at_least(length: int, hint: str) -> AfterValidator:
    """A secret of so many characters or more: a shorter one can be guessed. What was not looked up may be any."""

    def check(secret: Secret | None) -> Secret | None:
        if secret is not None and secret.resolved and len(secret.reveal()) < length:
            raise complaint(f"is shorter than {length} characters", hint)
        return secret

    return AfterValidator(check)


DemandedSecret = Annotated[Secret | None, AfterValidator(resolve)]
"""Whoever names it, means it: it must be there."""
OptionalSecret = Annotated[Secret | None, AfterValidator(resolve_if_set)]
"""A variable that is not set stands for no secret at all."""


def _resolve(secret: Secret | None, around: Any, *, demanded: bool) -> Secret | None:
    if secret is None or not isinstance(around, Surroundings) or not around.resolve:
        return secret
    text = _look_up(secret, around)
    if not text:
        if demanded or secret.env is None:
            raise _missing(secret)
        return None
    _expect_sendable(text)
    found = secret.model_copy()
    found._text = text  # noqa: SLF001 - the one place that fills it
    return found


def _look_up(secret: Secret, around: Surroundings) -> str | None:
    if secret.env is not None:
        return around.environ.get(secret.env)
    if secret.file is not None:
        path = around.folder / secret.file
        if path not in around.texts:
            around.texts[path] = _read(path)
        return around.texts[path]
    return secret.value.get_secret_value() if secret.value is not None else None


def _read(path: Path) -> str:
    """The text of a secret file. Mounted secrets of Kubernetes and Docker are world-readable, so that is no fault."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
        text = data.decode()
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise complaint(
            f"the file it is in cannot be read: {reason}",
            BELOW_THE_FILE,
        ) from None
    if len(data) > FILE_LIMIT:
        raise complaint("the file it is in is too large for a secret")
    return text.removesuffix("\n").removesuffix("\r")


def _missing(secret: Secret) -> Exception:
    if secret.env is None:
        return complaint("is empty")
    if _TELLABLE.match(secret.env):
        return complaint(f"the environment variable {secret.env} is not set", f"export {secret.env}=...")
    return complaint("the environment variable named here is not set", "a name is expected here, not the secret itself")


def _expect_sendable(text: str) -> None:
    """Secrets travel in an Authorization header, which cannot hold these."""
    if any(character < " " or character == "\x7f" for character in text):
        raise complaint("contains a line break or another control character")
    if text != text.strip():
        raise complaint("begins or ends with a blank, which no Authorization header can carry")
