"""The bodies of the object batch endpoints, as HubSpot reads and writes them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field

from hubspot_batch_dagster.api.bodies import (
    Context,
    Count,
    Flag,
    Instant,
    Links,
    Listed,
    Mapped,
    Name,
    OptionalText,
    Properties,
    Received,
    RecordId,
    Repaired,
    Sent,
    Text,
    as_list,
)

AssociationCategory = Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"]


def _detailed(value: Any) -> Any:
    return [
        entry if isinstance(entry, dict | ErrorDetail) else {"message": entry} for entry in as_list(value)
    ]


# ---- what we send


class ObjectId(Sent):
    """A record, by its id; a whole number will do."""

    id: RecordId


class AssociationType(Sent):
    """One kind of association between two object types; the ids are in HubSpot's associations guide."""

    association_category: AssociationCategory = "HUBSPOT_DEFINED"
    association_type_id: int


def _as_object_id(value: Any) -> Any:
    return {"id": value} if isinstance(value, str | int) else value


ToObject = Annotated[ObjectId, BeforeValidator(_as_object_id)]


class InlineAssociation(Sent):
    """An association that is made together with the record. Only create takes it.

    Attributes:
        to: The other record. A plain id is enough.
        types: What the association means; the direction is from the new record to the other one.
    """

    to: ToObject
    types: list[AssociationType] = Field(min_length=1)


class CreateInput(Sent):
    """One record to make.

    Attributes:
        properties: Property name to text. HubSpot takes every value as text; leave a property out rather than
            null.
        associations: Associations made with the record; HubSpot's contract has the field always present.
        object_write_trace_id: Unique in the request. Without one on every input, one bad input fails the
            whole batch ("Handling errors", multi-status).
    """

    properties: dict[str, str]
    associations: list[InlineAssociation] = Field(default_factory=list)
    object_write_trace_id: str | None = None


class UpdateInput(Sent):
    """One record to change.

    Attributes:
        id: The record id, or the value of `id_property`.
        properties: What to change; `""` clears a property.
        id_property: A unique property that `id` is a value of; left out, `id` is the record id.
        object_write_trace_id: Unique in the request; comes back with the record or its error.
    """

    id: RecordId
    properties: dict[str, str]
    id_property: str | None = None
    object_write_trace_id: str | None = None


class UpsertInput(UpdateInput):
    """One record to make or change, found by a unique property. The fields are those of an update."""


class ArchiveInput(ObjectId):
    """One record to archive. HubSpot takes the record id only."""


class ReadRequest(Sent):
    """The records to read.

    Attributes:
        inputs: Record ids, or values of `id_property`.
        properties: The properties to bring back; empty brings HubSpot's default ones.
        properties_with_history: Properties with all their former values; halves the number of inputs allowed.
        id_property: One unique property for all inputs of the request.
    """

    inputs: list[ObjectId]
    properties: list[str] = Field(default_factory=list)
    properties_with_history: list[str] = Field(default_factory=list)
    id_property: str | None = None


# ---- what we receive


class ErrorDetail(Received):
    """One reason inside an error."""

    message: OptionalText = None
    code: OptionalText = None
    in_: OptionalText = Field(default=None, alias="in")
    sub_category: Name = None
    context: Context = Field(default_factory=dict)


_EXISTING = re.compile(r"Existing ID:\s*(\d+)", re.IGNORECASE)


def existing_id(message: str | None, context: dict[str, list[str]]) -> str | None:
    """Return the record that stands in the way of a create: from the context, else from the sentence."""
    named = context.get("existingId")
    if named:
        return named[0]
    found = _EXISTING.search(message or "")
    return found.group(1) if found else None


class ErrorItem(Received):
    """Why some inputs of a 207 failed.

    One item may stand for many inputs (`ids`), so the number of items is not the number of failed rows.
    """

    status: OptionalText = None
    id: OptionalText = None
    category: OptionalText = None
    sub_category: Name = None
    message: OptionalText = None
    context: Context = Field(default_factory=dict)
    errors: Annotated[list[ErrorDetail], Repaired(_detailed)] = Field(default_factory=list)
    links: Links = Field(default_factory=dict)

    @property
    def trace_ids(self) -> list[str]:
        """The trace ids of the inputs that failed, where HubSpot names them."""
        return self.context.get("objectWriteTraceId", [])

    @property
    def ids(self) -> list[str]:
        """The record ids (or `id_property` values) that failed, where HubSpot names them."""
        return [*self.context.get("ids", []), *self.context.get("id", [])]

    @property
    def existing_id(self) -> str | None:
        """For a conflict: the record that has the value already."""
        return existing_id(self.message, self.context)


class Warning_(Received):  # noqa: N801 - `Warning` is Python's own
    """What HubSpot changed in a value while it wrote it (2026-09: dates)."""

    category: OptionalText = None
    message: OptionalText = None
    context: Context = Field(default_factory=dict)


class HistoricalValue(Received):
    """One former value of a property."""

    value: OptionalText = None
    timestamp: Instant = None
    source_type: OptionalText = None
    source_id: OptionalText = None
    source_label: OptionalText = None
    updated_by_user_id: Count = None


def is_record_id(text: str) -> bool:
    """Whether a text can be the id of a record: digits and nothing else."""
    return text.isascii() and text.isdigit() and len(text) <= 20


class Record(Received):
    """A record as HubSpot stores it.

    Attributes:
        id: The record id, as text.
        properties: Property name to text, or None where it has no value. Create returns all stored
            properties, update only what it touched and a few system ones.
        new: Upsert only: True when the record was made, False when it was changed.
        object_write_trace_id: The trace id of the input, where HubSpot echoes it.
        warnings: Values that HubSpot changed while writing.
    """

    id: Text = ""
    properties: Properties = Field(default_factory=dict)
    created_at: Instant = None
    updated_at: Instant = None
    archived: Flag = None
    archived_at: Instant = None
    new: Flag = None
    object_write_trace_id: OptionalText = None
    url: OptionalText = None
    warnings: Annotated[list[Warning_], Listed] = Field(default_factory=list)
    properties_with_history: Annotated[dict[str, list[HistoricalValue]], Mapped] = Field(default_factory=dict)


R = TypeVar("R")


class BatchEnvelope(Received, Generic[R]):
    """The envelope that every batch answer comes in, whichever of 200, 201 and 207 it came with.

    Attributes:
        status: `COMPLETE`, `PENDING`, `PROCESSING`, `CANCELED`, or a word that HubSpot adds later.
        results: What was written or read, **in no particular order**: never match by position.
        errors: What failed.
        num_errors: The number of error items, which is not the number of failed inputs.
    """

    status: Text = "COMPLETE"
    results: Annotated[list[R], Listed] = Field(default_factory=list)
    errors: Annotated[list[ErrorItem], Listed] = Field(default_factory=list)
    num_errors: Count = None
    started_at: Instant = None
    completed_at: Instant = None
    requested_at: Instant = None
    links: Links = Field(default_factory=dict)


class BatchAnswer(BatchEnvelope[Record]):
    """The answer to a batch of records."""


class ErrorBody(Received):
    """The body of an answer that is not a success, with every field optional."""

    status: OptionalText = None
    category: OptionalText = None
    sub_category: Name = None
    message: OptionalText = None
    correlation_id: OptionalText = None
    request_id: OptionalText = None
    error_type: OptionalText = None
    policy_name: OptionalText = None
    group_name: OptionalText = None
    error: OptionalText = None
    error_description: OptionalText = None
    errors: Annotated[list[ErrorDetail], Repaired(_detailed)] = Field(default_factory=list)
    context: Context = Field(default_factory=dict)
    links: Links = Field(default_factory=dict)
