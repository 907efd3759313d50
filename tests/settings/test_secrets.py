import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from proxy.settings.secrets import FILE_LIMIT, DemandedSecret, OptionalSecret, Secret, Surroundings

CANARY = "canary-0123456789-abcdef"


def look_up(given: Any, around: Surroundings, kind: Any = DemandedSecret) -> Secret | None:
    found = TypeAdapter[Secret | None](kind).validate_python(given, context=around)
    assert found is None or isinstance(found, Secret)
    return found


def complaint_about(given: Any, around: Surroundings, kind: Any = DemandedSecret) -> str:
    with pytest.raises(ValidationError) as caught:
        look_up(given, around, kind)
    said = repr(caught.value.errors(include_input=False))  # sections hide the input, a bare TypeAdapter does not
    assert CANARY not in said
    return said


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    (tmp_path / "key").write_text(f"{CANARY}\r\n")
    return Surroundings({"KEY": CANARY, "EMPTY": ""}, tmp_path, resolve=True)


@pytest.mark.parametrize("given", [{"env": "KEY"}, {"file": "key"}, {"value": CANARY}])
def test_a_secret_is_found_where_it_says(given: dict[str, str], around: Surroundings) -> None:
    found = look_up(given, around)
    assert found is not None
    assert found.resolved
    assert found.reveal() == CANARY


@pytest.mark.parametrize("given", [{"env": "KEY"}, {"file": "key"}, {"value": CANARY}])
def test_a_found_secret_is_not_seen(given: dict[str, str], around: Surroundings) -> None:
    found = look_up(given, around)
    assert found is not None
    shown = [repr(found), str(found), repr(found.model_dump()), found.model_dump_json(), repr(around)]
    assert [text for text in shown if CANARY in text] == []


def test_a_secret_survives_the_way_to_a_worker_process(around: Surroundings) -> None:
    found = look_up({"env": "KEY"}, around)
    copy: Secret = pickle.loads(pickle.dumps(found))  # noqa: S301 - made one line above
    assert copy.reveal() == CANARY


def test_without_looking_up_only_what_stands_there_is_known() -> None:
    for given in ({"env": "KEY"}, {"file": "absent"}):
        found = look_up(given, Surroundings())
        assert found is not None
        assert not found.resolved
        with pytest.raises(ValueError, match="not looked up"):
            found.reveal()
    assert Secret(value=SecretStr(CANARY)).reveal() == CANARY


@pytest.mark.parametrize("given", [CANARY, 5, [CANARY], {CANARY: None}, {"env": "A", CANARY: None}])
def test_what_is_no_secret_is_told_how_to_write_one(given: Any, around: Surroundings) -> None:
    assert "does not say where the secret is" in complaint_about(given, around)


@pytest.mark.parametrize("given", [{}, {"env": None}, {"env": "KEY", "value": CANARY}])
def test_exactly_one_place(given: Any, around: Surroundings) -> None:
    assert "exactly one place" in complaint_about(given, around)


@pytest.mark.parametrize("name", ["$KEY", "${KEY}", "KEY=x", "A KEY", "5", "KEY\n"])
@pytest.mark.parametrize("kind", [DemandedSecret, OptionalSecret])
def test_the_name_of_a_variable_is_bare(name: str, kind: Any, around: Surroundings) -> None:
    """Also where no secret is needed: `$KEY` would else be a variable that is never set."""
    assert "is not the name of an environment variable" in complaint_about({"env": name}, around, kind)


def test_a_variable_that_is_not_set_is_a_fault_where_it_is_demanded(around: Surroundings) -> None:
    assert "variable ABSENT is not set" in complaint_about({"env": "ABSENT"}, around)
    assert "variable EMPTY is not set" in complaint_about({"env": "EMPTY"}, around)


def test_a_variable_that_is_not_set_is_no_secret_where_none_is_needed(around: Surroundings) -> None:
    assert look_up({"env": "ABSENT"}, around, OptionalSecret) is None
    assert look_up({"env": "EMPTY"}, around, OptionalSecret) is None
    assert look_up(None, around, OptionalSecret) is None
    assert "is empty" in complaint_about({"value": ""}, around, OptionalSecret)


def test_a_secret_given_as_the_name_of_a_variable_is_not_repeated(around: Surroundings) -> None:
    assert "named here is not set" in complaint_about({"env": CANARY}, around)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "it is not text"),
        (b"x" * (FILE_LIMIT + 1), "too large"),
        (b"one\ntwo\n", "line break"),
        (b"one\n\n", "line break"),
        (b" padded \n", "blank"),
    ],
)
def test_a_file_that_is_no_secret(content: bytes | None, message: str, around: Surroundings) -> None:
    if content is not None:
        (around.folder / "odd").write_bytes(content)
    assert message in complaint_about({"file": "odd"}, around)


def test_a_folder_is_no_secret_file(around: Surroundings) -> None:
    assert "cannot be read" in complaint_about({"file": "."}, around)


def test_a_file_is_read_once(around: Surroundings) -> None:
    """It may be a pipe, and faulty configurations are looked at twice."""
    look_up({"file": "key"}, around)
    (around.folder / "key").unlink()
    found = look_up({"file": "key"}, around)
    assert found is not None
    assert found.reveal() == CANARY
