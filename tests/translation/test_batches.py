from typing import Any

import pytest
from openai.types import Batch, FileObject

from proxy.errors import InvalidRequest
from proxy.storage.filing_schema import BATCHES, FILES
from proxy.translation import batches

FILE: dict[str, Any] = dict.fromkeys(FILES.c.keys()) | {
    "id": "file-1",
    "bytes": 3,
    "created_at": 1,
    "expires_at": 2,
    "filename": "x",
    "purpose": "batch",
}
BATCH: dict[str, Any] = dict.fromkeys(BATCHES.c.keys()) | {
    "id": "batch_1",
    "endpoint": "/v1/embeddings",
    "input_file": "file-1",
    "status": "failed",
    "created_at": 1,
    "total": 3,
    "completed": 1,
    "failed": 2,
}


def refused(function: Any, *values: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        function(*values)
    return raised.value


def test_objects_are_those_of_the_official_client() -> None:
    assert FileObject.model_validate(batches.file_object(FILE), strict=True).filename == "x"
    assert Batch.model_validate(batches.batch_object(BATCH), strict=True).errors is None
    errors = [{"code": "empty_file", "line": None, "message": "m", "param": None}]
    shown = batches.batch_object({**BATCH, "errors": errors})
    assert shown["errors"] == {"object": "list", "data": errors}
    assert Batch.model_fields.keys() - shown.keys() == {"model", "usage"}, "what OpenAI has added since 2025"
    assert FileObject.model_fields.keys() == batches.file_object(FILE).keys()


def test_a_purpose_has_to_be_of_use() -> None:
    assert batches.expect_purpose("batch") == "batch"
    assert refused(batches.expect_purpose, None).code == "missing_required_parameter"
    for purpose, why in batches.OTHER_PURPOSES.items():
        assert why in refused(batches.expect_purpose, purpose).message
    assert refused(batches.expect_purpose, "other").param == "purpose"


def test_what_a_batch_takes() -> None:
    assert batches.expect_window("24h") == 86_400
    assert batches.expect_endpoint("/v1/responses") == "/v1/responses"
    assert batches.expect_file_id("file-1") == "file-1"
    assert batches.expect_labels(None) is None
    assert batches.expect_labels({"a": "b"}) == {"a": "b"}
    assert batches.output_expiry(None) is None
    assert batches.output_expiry({"anchor": "created_at", "seconds": 3600}) == 3600


@pytest.mark.parametrize(
    ("function", "value", "param"),
    [
        (batches.expect_window, None, "completion_window"),
        (batches.expect_window, "1h", "completion_window"),
        (batches.expect_window, [], "completion_window"),
        (batches.expect_endpoint, None, "endpoint"),
        (batches.expect_endpoint, {}, "endpoint"),
        (batches.expect_file_id, None, "input_file_id"),
        (batches.expect_file_id, 7, "input_file_id"),
        (batches.expect_labels, [], "metadata"),
        (batches.output_expiry, 7, "output_expires_after"),
        (batches.output_expiry, {"seconds": 3600}, "output_expires_after.anchor"),
        (batches.output_expiry, {"anchor": "created_at", "seconds": True}, "output_expires_after.seconds"),
        (batches.output_expiry, {"anchor": "created_at", "seconds": 3599}, "output_expires_after.seconds"),
        (batches.output_expiry, {"anchor": "created_at", "seconds": 2_592_001}, "output_expires_after.seconds"),
    ],
)
def test_what_a_batch_does_not_take(function: Any, value: Any, param: str) -> None:
    assert refused(function, value).param == param


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "file"),
        ("", "file"),
        ("/", "file"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\in.jsonl", "in.jsonl"),
        ("a\r\nb\x00c.jsonl", "abc.jsonl"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_is_a_name_and_no_path(given: str | None, kept: str) -> None:
    assert batches.file_name(given) == kept
