"""The bodies of the association batch endpoints (v4 and dated versions have the same).

None of them takes a trace id: match answers by the records' ids.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hubspot_batch_dagster.api.bodies import Count, Listed, OptionalText, Received, RecordId, Sent, Text
from hubspot_batch_dagster.api.models import AssociationType, BatchEnvelope, ToObject


class DefaultAssociationInput(Sent):
    """A pair to associate without a label."""

    from_: ToObject = Field(alias="from")
    to: ToObject


class AssociationInput(DefaultAssociationInput):
    """A pair and its labels.

    For create, the labels **replace** the pair's present ones: send the old ones too to keep them. For a
    label archive, these are the labels to take away; taking the unlabelled type away removes the association.
    """

    types: list[AssociationType] = Field(min_length=1)


class AssociationReadInput(Sent):
    """A record whose associations are wanted; `after` continues a long list."""

    id: RecordId
    after: str | None = None


class AssociationArchiveInput(Sent):
    """A record and those that it shall no longer be associated with, in any way."""

    from_: ToObject = Field(alias="from")
    to: list[ToObject] = Field(min_length=1)


class Reference(Received):
    """A record, by its id."""

    id: Text = ""


class CreatedAssociation(Received):
    """A pair that has these labels now."""

    from_object_type_id: Text = ""
    from_object_id: Text = ""
    to_object_type_id: Text = ""
    to_object_id: Text = ""
    labels: Annotated[list[OptionalText], Listed] = Field(default_factory=list)


class AssociationSpec(Received):
    """What an association means."""

    association_category: OptionalText = None
    association_type_id: Count = None


class DefaultAssociation(Received):
    """An unlabelled association; each pair comes twice, once per direction."""

    from_: Annotated[Reference, Field(alias="from")] = Reference()
    to: Reference = Reference()
    association_spec: AssociationSpec | None = None


class LabelDefinition(Received):
    """One meaning that an association between two types can have, in one direction.

    Attributes:
        category: `HUBSPOT_DEFINED`, `USER_DEFINED` and so on.
        type_id: Its number in this direction; the other direction has its own.
        label: What people see; None for the unlabelled one.
    """

    category: OptionalText = None
    type_id: Count = None
    label: OptionalText = None


class AssociatedRecord(Received):
    """One record at the other end, with all that the association means."""

    to_object_id: Text = ""
    association_types: Annotated[list[LabelDefinition], Listed] = Field(default_factory=list)


class NextPage(Received):
    """Where a list goes on."""

    after: Text = ""


class Paging(Received):
    """Whether a list goes on."""

    next: NextPage | None = None


class RecordAssociations(Received):
    """A record and what it is associated with."""

    from_: Annotated[Reference, Field(alias="from")] = Reference()
    to: Annotated[list[AssociatedRecord], Listed] = Field(default_factory=list)
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """What to send as `after` for the rest of a long list; None at its end."""
        return self.paging.next.after if self.paging and self.paging.next else None


class CreatedAnswer(BatchEnvelope[CreatedAssociation]):
    """The answer to labelled associations."""


class DefaultAnswer(BatchEnvelope[DefaultAssociation]):
    """The answer to unlabelled associations."""


class ReadAnswer(BatchEnvelope[RecordAssociations]):
    """The answer to a read of associations."""


class ArchiveAnswer(BatchEnvelope[dict[str, Any]]):
    """The answer to an archive of associations. v4 has no body, which reads as complete without errors."""
