"""What is kept of every request, for how long, and what happens when there is no room for it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ByteSize, Field, ValidationInfo, model_validator

from proxy.settings.quantities import Size, Text, Whole
from proxy.settings.secrets import Surroundings
from proxy.settings.section import Section

GIB = 1024**3
LONGEST = 36_500
"""Days: a century."""

Days = Annotated[Whole, Field(ge=1, le=LONGEST)]


def anchored(value: str, info: ValidationInfo) -> str:
    """A folder; a relative path starts at the folder of the configuration file."""
    if not isinstance(info.context, Surroundings) or not info.context.resolve:
        return value
    return str((info.context.folder / value).absolute())


class Retention(Section):
    """Days that each table of the ledger goes back."""

    requests: Days | None = Field(default=30, description="days that single requests are kept; null = for ever")
    hourly: Days | None = Field(default=90, description="days that sums by hour are kept; null = for ever")
    daily: Days | None = Field(default=None, description="days that sums by day are kept; null = for ever")


class Spool(Section):
    """Where requests are written down before they are in the database: a folder on a local disk."""

    folder: Annotated[Text, AfterValidator(anchored)] = Field(
        default="data/spool", validate_default=True, description="folder of this machine, on a local disk"
    )
    size: Size = Field(
        default=ByteSize(GIB), description="bytes of all its files; a million requests are about half a gigabyte"
    )
    when_full: Literal["drop_oldest", "refuse"] = Field(
        default="drop_oldest",
        description="when the database has not answered for so long that there is no room left: `drop_oldest` forgets "
        "the oldest requests, `refuse` answers new ones with 503",
    )


class Ledger(Section):
    """One row for every request, in the database of `storage.url`."""

    spool: Spool = Field(default_factory=Spool, description="where requests wait for the database")
    retention: Retention = Field(default_factory=Retention, description="how long what is kept")

    @model_validator(mode="before")
    @classmethod
    def _never_absent(cls, data: Any) -> Any:
        """A default path is made absolute only where its section is validated."""
        return {"spool": {}, **data} if isinstance(data, dict) else data
