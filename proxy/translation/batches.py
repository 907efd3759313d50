"""Files and batches as OpenAI's API shows them, and what it takes to make them.

Source: the objects `File` and `Batch`, and the requests that create them, in the types of the official client.
"""

from collections.abc import Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation.checks import invalid_type, labels, missing

Row = Mapping[str, Any]

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
"""What a batch may be for, as far as this proxy serves it."""
WINDOWS: Mapping[str, int] = {"24h": 24 * 3600}
"""Completion windows in seconds. OpenAI has this one only."""
PURPOSE, OUTPUT_PURPOSE = "batch", "batch_output"
OTHER_PURPOSES: Mapping[str, str] = {
    "assistants": "assistants are not served here",
    "evals": "evaluations are not served here",
    "fine-tune": "Telnyx takes training data from its own storage buckets",
    "user_data": "send the contents of a file with the request that is about them",
    "vision": "send images with the request that is about them, as URLs or data URLs",
}
"""Purposes of OpenAI's that a file cannot have here -> why not."""
EXPIRY = (3600, 30 * 24 * 3600)
"""Seconds of `expires_after` at least and at most."""
TIMES = (
    *("in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at", "expired_at"),
    *("cancelling_at", "cancelled_at"),
)
NAME_LIMIT = 255
"""Characters of a file name that are kept."""


def file_object(row: Row) -> dict[str, Any]:
    """A `File`."""
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "processed",
        "status_details": None,
    }


def batch_object(row: Row) -> dict[str, Any]:
    """A `Batch`."""
    errors = row["errors"]
    return {
        "id": row["id"],
        "object": "batch",
        "endpoint": row["endpoint"],
        "errors": None if errors is None else {"object": "list", "data": errors},
        "input_file_id": row["input_file"],
        "completion_window": "24h",
        "status": row["status"],
        "output_file_id": row["output_file"],
        "error_file_id": row["error_file"],
        "created_at": row["created_at"],
        **{name: row[name] for name in TIMES},
        "request_counts": {name: row[name] for name in ("total", "completed", "failed")},
        "metadata": row["metadata"],
    }


def expect_purpose(purpose: str | None) -> str:
    """The purpose of a file. Raises InvalidRequest for one that nothing could be done with here."""
    if purpose is None:
        raise missing("purpose")
    if purpose == PURPOSE:
        return purpose
    why = OTHER_PURPOSES.get(purpose)
    reason = f": {why}" if why else ""
    raise InvalidRequest(
        f"Files of this purpose cannot be used here{reason}. The one purpose this proxy has a use for is '{PURPOSE}'.",
        param="purpose",
    )


def expect_window(value: Any) -> int:
    """Seconds of a completion window. Raises InvalidRequest."""
    if value is None:
        raise missing("completion_window")
    if not isinstance(value, str) or value not in WINDOWS:
        raise InvalidRequest(
            f"Invalid 'completion_window'. Supported values are: {_listed(WINDOWS)}.", param="completion_window"
        )
    return WINDOWS[value]


def expect_endpoint(value: Any) -> str:
    """What a batch is for. Raises InvalidRequest."""
    if value is None:
        raise missing("endpoint")
    if value not in ENDPOINTS:
        raise InvalidRequest(f"Invalid 'endpoint'. Batches can be made for: {_listed(ENDPOINTS)}.", param="endpoint")
    return str(value)


def expect_file_id(value: Any) -> str:
    """The id of an input file. Raises InvalidRequest."""
    if value is None:
        raise missing("input_file_id")
    if not isinstance(value, str):
        raise invalid_type("input_file_id", "a string", value)
    return value


def expect_labels(value: Any) -> dict[str, str] | None:
    """`metadata`. Raises InvalidRequest."""
    if value is None:
        return None
    labels("metadata", value)
    return dict(value)


def expect_expiry(param: str, anchor: Any, seconds: Any) -> int:
    """The seconds of an expiry policy, of which `param` is the name. Raises InvalidRequest."""
    least, most = EXPIRY
    if anchor != "created_at":
        raise InvalidRequest(
            f"Invalid '{param}.anchor'. The one supported value is 'created_at'.", param=f"{param}.anchor"
        )
    if type(seconds) is not int or not least <= seconds <= most:
        raise InvalidRequest(
            f"Invalid '{param}.seconds': it must be a whole number from {least} (1 hour) to {most} (30 days).",
            param=f"{param}.seconds",
        )
    return seconds


def output_expiry(value: Any) -> int | None:
    """`output_expires_after` of a batch in seconds; None where there is none. Raises InvalidRequest."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid_type("output_expires_after", "an object", value)
    return expect_expiry("output_expires_after", value.get("anchor"), value.get("seconds"))


def file_name(given: str | None) -> str:
    """The name of a file as it is kept and shown: without folders, and with nothing that is not printable."""
    name = (given or "").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[:NAME_LIMIT] or "file"


def _listed(values: Any) -> str:
    return ", ".join(f"'{value}'" for value in values)
