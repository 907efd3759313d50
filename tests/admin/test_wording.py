from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from proxy.admin.wording import TOLD, fault, refusal, told
from proxy.settings.faults import Fault
from proxy.settings.section import complaint


def complain(value: str) -> str:
    raise complaint("is not nice", "be nice")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, Ge(1), Le(9)] = 1
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    flag: bool = False
    text: Annotated[str, Field(min_length=2, max_length=3, pattern="^[a-z]*$")] = "ab"
    kind: Literal["day", "week", "total"] = "day"
    items: Annotated[tuple[Inner, ...], Field(min_length=1, max_length=2)] = ()
    names: dict[Annotated[str, Field(max_length=2)], int] = {}
    nice: Annotated[str, AfterValidator(complain)] = ""
    late: Annotated[str, AfterValidator(str), Field(min_length=1)] = "x"
    odd: complex = 0j


ITEM = {"name": "a"}


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"number": 0}, "'number' must be at least 1.", "number"),
        ({"number": 10}, "'number' must be at most 9.", "number"),
        ({"number": 1.5}, "'number' must be a whole number.", "number"),
        ({"number": "x"}, "'number' must be a whole number.", "number"),
        ({"share": 0}, "'share' must be more than 0.0.", "share"),
        ({"share": 1}, "'share' must be less than 1.0.", "share"),
        ({"share": []}, "'share' must be a number.", "share"),
        ({"flag": 7}, "'flag' must be true or false.", "flag"),
        ({"text": 7}, "'text' must be text.", "text"),
        ({"text": "a"}, "'text' must have at least 2 characters.", "text"),
        ({"text": "aaaa"}, "'text' must have at most 3 characters.", "text"),
        ({"text": "AB"}, "'text' must match ^[a-z]*$.", "text"),
        ({"kind": "year"}, "'kind' must be one of 'day', 'week', 'total'.", "kind"),
        ({"items": []}, "'items' must have at least 1 item.", "items"),
        ({"items": [ITEM] * 3}, "'items' must have at most 2 items.", "items"),
        ({"items": {}}, "'items' must be a list.", "items"),
        ({"items": [1]}, "'items[0]' must be an object.", "items[0]"),
        ({"items": [ITEM, {}]}, "'items[1].name' is required.", "items[1].name"),
        ({"items": [{**ITEM, "x": 1}]}, "'items[0].x' is not a field here.", "items[0].x"),
        ({"names": []}, "'names' must be an object.", "names"),
        ({"names": {"abc": 1}}, "'names.abc' is no usable name.", "names.abc"),
        ({"nice": "no"}, "'nice' is not nice (be nice).", "nice"),
        ({"late": ""}, "'late' must have at least 1 character.", "late"),
        ({"odd": []}, "'odd' is not valid here.", "odd"),
        ([], "the body must be an object.", None),
    ],
    ids=str,
)
def test_plain_words(body: Any, message: str, param: str | None) -> None:
    with pytest.raises(ValidationError) as error:
        Form.model_validate(body)
    refused = refusal(error.value)
    assert (refused.message, refused.param) == (message, param)


def test_a_missing_field_has_openais_code() -> None:
    with pytest.raises(ValidationError) as error:
        Inner.model_validate({})
    assert refusal(error.value).code == "missing_required_parameter"


def test_all_faults_are_told_and_a_value_never() -> None:
    with pytest.raises(ValidationError) as error:
        Form.model_validate({"number": "canary", "flag": "canary"})
    assert refusal(error.value).message == "'number' must be a whole number; 'flag' must be true or false."


def test_a_message_has_an_end() -> None:
    refused = told([Fault("x" * 1000, "is wrong") for _ in range(TOLD + 3)])
    assert refused.message.endswith("and 3 more.")
    assert len(refused.message) < TOLD * 250
    assert len(refused.param or "") == 200


def test_a_fault_of_pydantic_is_one_of_ours() -> None:
    with pytest.raises(ValidationError) as error:
        Inner.model_validate({"name": 1})
    assert fault(error.value.errors()[0]) == Fault("name", "must be text")
