"""What the portal says about itself: properties, object schemas, pipelines, the account and its usage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hubspot_batch_dagster.api.bodies import (
    Count,
    Flag,
    Instant,
    Listed,
    Mapped,
    Name,
    OptionalText,
    Received,
    RecordId,
    Sent,
    Text,
)
from hubspot_batch_dagster.api.models import BatchEnvelope


def _truth(value: Any) -> bool:
    return value is True


Truth = Annotated[bool, BeforeValidator(_truth)]

PropertyType = Literal["bool", "date", "datetime", "enumeration", "number", "phone_number", "string"]


class PropertyOption(Received):
    """One allowed value of an enumeration. `value` is what is written; `label` is what people see."""

    value: Text
    label: Text = ""
    hidden: Truth = False
    description: OptionalText = None
    display_order: Count = None


class ModificationMetadata(Received):
    """What may be changed. `read_only_value` is the only reliable sign that a property cannot be written."""

    read_only_value: Truth = False
    read_only_definition: Truth = False
    read_only_options: Flag = None
    archivable: Flag = None


class PropertyDefinition(Received):
    """A property as the portal defines it.

    Attributes:
        name: The internal name, which is what is written.
        type: `bool`, `date`, `datetime`, `enumeration`, `number`, `phone_number`, `string`, or one that
            HubSpot adds.
        field_type: How the form shows it: `checkbox` means that several options may be set.
        has_unique_value: Two records cannot have the same value; such a property can be an `idProperty`.
        calculated: HubSpot computes it.
    """

    name: str
    label: Text = ""
    type: Text = "string"
    field_type: Text = ""
    description: OptionalText = None
    group_name: OptionalText = None
    options: Annotated[list[PropertyOption], Listed] = Field(default_factory=list)
    has_unique_value: Truth = False
    calculated: Truth = False
    archived: Truth = False
    hidden: Truth = False
    hubspot_defined: Truth = False
    external_options: Truth = False
    form_field: Flag = None
    display_order: Count = None
    referenced_object_type: OptionalText = None
    data_sensitivity: Name = None
    modification_metadata: Annotated[ModificationMetadata, Mapped] = ModificationMetadata()
    created_at: Instant = None
    updated_at: Instant = None

    @property
    def read_only(self) -> bool:
        """True if a value cannot be written."""
        return self.calculated or self.modification_metadata.read_only_value


class Owner(Received):
    """Somebody who may own records.

    Attributes:
        id: What `hubspot_owner_id` holds; not the user's id.
        email: The address that the person signs in with.
        archived: The user was removed; HubSpot takes no archived owner.
    """

    id: RecordId
    email: OptionalText = None
    first_name: OptionalText = None
    last_name: OptionalText = None
    user_id: Count = None
    archived: Truth = False


Sensitivity = Literal["sensitive", "highly_sensitive"]
"""What HubSpot's default list of properties leaves out."""


class PropertyOptionCreate(Sent):
    """An option of a property to be made."""

    value: str
    label: str
    hidden: bool = False
    display_order: int | None = None
    description: str | None = None


class PropertyCreate(Sent):
    """A property to be made.

    Attributes:
        has_unique_value: Cannot be switched on or off later; a type may have ten such properties.
        group_name: A group that exists.
    """

    name: str = Field(min_length=1)
    label: str = Field(min_length=1)
    type: PropertyType
    field_type: str
    group_name: str
    options: list[PropertyOptionCreate] | None = None
    has_unique_value: bool | None = None
    description: str | None = None
    hidden: bool | None = None
    form_field: bool | None = None
    display_order: int | None = None
    data_sensitivity: str | None = None


class PropertyBatchAnswer(BatchEnvelope[PropertyDefinition]):
    """The answer to a batch of properties to be made. `errors` hold those that exist already."""


class SchemaLabels(Received):
    """What people call an object type."""

    singular: OptionalText = None
    plural: OptionalText = None


class SchemaAssociation(Received):
    """An association that a custom object's schema allows, one per direction."""

    id: Text = ""
    name: OptionalText = None
    from_object_type_id: Text = ""
    to_object_type_id: Text = ""


class ObjectSchema(Received):
    """A custom object type as the portal defines it."""

    name: str
    object_type_id: Text = ""
    fully_qualified_name: Text = ""
    labels: SchemaLabels = SchemaLabels()
    required_properties: Annotated[list[str], Listed] = Field(default_factory=list)
    searchable_properties: Annotated[list[str], Listed] = Field(default_factory=list)
    primary_display_property: OptionalText = None
    secondary_display_properties: Annotated[list[str], Listed] = Field(default_factory=list)
    properties: Annotated[list[PropertyDefinition], Listed] = Field(default_factory=list)
    associations: Annotated[list[SchemaAssociation], Listed] = Field(default_factory=list)
    archived: Truth = False


class PipelineStage(Received):
    """A stage of a pipeline; records hold its id, not its label."""

    id: Text
    label: Text = ""
    display_order: Count = None
    archived: Truth = False
    metadata: Annotated[dict[str, OptionalText], Mapped] = Field(default_factory=dict)


class Pipeline(Received):
    """A pipeline; records hold its id, not its label."""

    id: Text
    label: Text = ""
    display_order: Count = None
    archived: Truth = False
    stages: Annotated[list[PipelineStage], Listed] = Field(default_factory=list)


class AccountDetails(Received):
    """The account that the token belongs to.

    Attributes:
        portal_id: The account's number.
        time_zone: Its days, and so its daily limit, begin at midnight there.
        ui_domain: Where its pages are.
    """

    portal_id: int
    account_type: OptionalText = None
    time_zone: OptionalText = None
    utc_offset: OptionalText = None
    utc_offset_milliseconds: Count = None
    ui_domain: OptionalText = None
    data_hosting_location: OptionalText = None
    company_currency: OptionalText = None


class DailyUsage(Received):
    """How much of a daily limit is used.

    Attributes:
        name: Which limit, such as `private-apps-api-calls-daily`.
        usage_limit: Requests a day.
        current_usage: Requests made today, as of `collected_at`.
        resets_at: When the day ends.
    """

    name: OptionalText = None
    usage_limit: Count = None
    current_usage: Count = None
    collected_at: Instant = None
    resets_at: Instant = None
    fetch_status: OptionalText = None
