import pytest
from pydantic import BaseModel, Field, ValidationError

from proxy.admin.operations import Body, Change, View


class Some(Change):
    name: str = Field(default="nobody", description="a name")


def test_a_change_counts_what_is_given_alone() -> None:
    assert Some.model_validate({}).model_dump(exclude_unset=True) == {}
    assert Some.model_validate({"name": "nobody"}).model_dump(exclude_unset=True) == {"name": "nobody"}


def test_the_document_does_not_show_a_default_that_is_never_set() -> None:
    schema = Some.model_json_schema()
    assert "default" not in schema["properties"]["name"]
    assert "required" not in schema


def test_a_change_of_nothing_has_a_schema_too() -> None:
    class Nothing(Change):
        """No field at all."""

    assert "properties" not in Nothing.model_json_schema() or not Nothing.model_json_schema()["properties"]


@pytest.mark.parametrize("model", [Body, Change, View])
def test_an_unknown_name_is_an_error(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        model.model_validate({"secret": "canary-value"})


def test_what_a_client_sent_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Body.model_validate({"secret": "canary-value"})
    assert "canary-value" not in str(refused.value)
