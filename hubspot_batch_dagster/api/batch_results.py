"""Settlement: of a batch answer only what tells which rows were written.

Create answers with every stored property of every record; settling needs three fields of each. Reading just these takes
a fraction of the time of the whole model, and it is done for every request of a run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Struct, field
from msgspec.json import Decoder
from pydantic import Field

from hubspot_batch_dagster.api.bodies import Count, Flag, Listed, OptionalText, Received, Text
from hubspot_batch_dagster.api.models import ErrorItem, Warning_


class Settled(Received):
    """One written record: its id, the trace id of its input, and whether an upsert made it."""

    id: Text = ""
    object_write_trace_id: OptionalText = None
    new: Flag = None
    warnings: Annotated[list[Warning_], Listed] = Field(default_factory=list)


class Settlement(Received):
    """A batch answer without the records' properties. Error items are whole.

    Attributes:
        status: As in `BatchAnswer`.
        results: What was written, in no particular order.
        errors: What failed.
        num_errors: The number of error items.
    """

    status: Text = "COMPLETE"
    results: Annotated[list[Settled], Listed] = Field(default_factory=list)
    errors: Annotated[list[ErrorItem], Listed] = Field(default_factory=list)
    num_errors: Count = None


Nothing = Annotated[list[None], Meta(max_length=0)] | None


class TracedRecord(Struct, frozen=True):
    """A written record with the trace id of its input, and no warnings."""

    id: str
    trace_id: str = field(name="objectWriteTraceId")
    new: bool = False
    warnings: Nothing = None


class CleanAnswer(Struct, frozen=True):
    status: Literal["COMPLETE"]
    results: list[TracedRecord]
    errors: Nothing = None


_SMOOTH = Decoder(CleanAnswer)


def traced_records(body: bytes) -> list[TracedRecord] | None:
    """The results of a batch answer in which all went well and every record names its input.

    This is what nearly every answer is. Read this way, without a Python object for what is not used, it costs a seventh of
    what `Settlement` costs.

    Returns:
        The records; None if the answer has anything more to say, or says it in another way: read it as `Settlement`.
    """
    try:
        return _SMOOTH.decode(body).results
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
