"""What an association means: from what the user wrote to HubSpot's category and type id, in the right
direction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hubspot_batch_dagster.api.association_types import (
    default_association,
    direction_of,
    plain_association,
)
from hubspot_batch_dagster.api.associations import LabelDefinition
from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import Forbidden, InputError, InvalidBatch, NotFound
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation

Labels = Callable[[str, str], list[LabelDefinition]]
"""Reads the types from one object type to another."""

AssociationTypeKey = tuple[str, int]
"""Association category and type id."""


@dataclass(frozen=True)
class TypedAssociation:
    """An association of an operation, with its type found.

    Attributes:
        association: As the user wrote it.
        to: Object type of the target.
        type: Category and type id of this direction.
        plain: Whether it carries no label. Such an association is added without a word about the labels that
            a pair has.
    """

    association: Association
    to: str
    type: AssociationTypeKey
    plain: bool

    @property
    def counts_for_both_ends(self) -> bool:
        """Whether, between records of one type, the other end has the same meaning: of a parent it has
        another one.
        """
        return self.type not in (("HUBSPOT_DEFINED", 13), ("HUBSPOT_DEFINED", 14))

    @property
    def name(self) -> str:
        """What it is called from one run to the next, whatever its place in the operation."""
        given = self.association
        return json.dumps([self.to, *self.type, given.column, given.through or ""])

    @property
    def label(self) -> str | None:
        """The type as the user gave it, as text; ``None`` where they left it out."""
        given = self.association.type
        return None if given is None else str(given)

    @property
    def replace(self) -> bool:
        """Whether associations that a row does not name are removed."""
        return self.association.replace


def typed_associations(operation: Operation, labels: Labels | None) -> tuple[TypedAssociation, ...]:
    """Return the operation's associations with their types.

    Args:
        operation: What the user asks for.
        labels: Reads a pair's types from the portal, which is needed for labels, for types of the portal's
            own and for pairs that HubSpot documents no type of. ``None`` where there is no connection.

    Raises:
        InputError: There is no such label or type in this direction; the message names what there is.
        HubSpotError: The portal's labels are needed and cannot be read.
    """
    source = object_type(operation.object_type).name
    associations = tuple(_typed_association(source, each, labels) for each in operation.associations)
    meant: dict[AssociationTypeKey, str] = {}
    for association in associations:
        if meant.setdefault(association.type, association.to) != association.to:
            raise InputError(
                f"Association type {association.type[1]} is given for {meant[association.type]} and for"
                f" {association.to}.",
                column=association.association.column,
                remedy="A type id belongs to one pair of object types: correct one of them.",
            )
    return associations


def _typed_association(source: str, association: Association, labels: Labels | None) -> TypedAssociation:
    to = object_type(association.to).name
    known = _documented(source, to, association)
    if known is not None:
        return TypedAssociation(
            association, to, ("HUBSPOT_DEFINED", known), known == plain_association(source, to)
        )
    if labels is None:
        return _unseen(source, to, association)
    wanted = association.type
    if isinstance(wanted, int):
        return _by_id(source, to, association, wanted, labels)
    listed = labels(source, to)
    found = _unlabelled(listed) if wanted is None else _labelled(source, to, association, wanted, listed)
    if found is None:
        raise InputError(
            f"The table of association types in this package has none from {source} to {to}, and the portal"
            " lists none.",
            column=association.column,
            remedy=(
                "Give type= an association type id, if you know one, or check in the portal that the two"
                " object types can be associated."
            ),
        )
    return TypedAssociation(association, to, _type_of(found), not found.label)


def _documented(source: str, to: str, association: Association) -> int | None:
    if association.type is None:
        return default_association(source, to)
    if isinstance(association.type, int) and association.category == "HUBSPOT_DEFINED":
        return association.type if direction_of(association.type) == (source, to) else None
    return None


def _unseen(source: str, to: str, association: Association) -> TypedAssociation:
    if isinstance(association.type, int):
        return TypedAssociation(association, to, (association.category, association.type), plain=False)
    if association.type:
        said = f"The label {association.type!r} from {source} to {to} is not known here, only in the portal."
    else:
        said = (
            f"The table of association types in this package has none from {source} to {to}; the portal is"
            " asked for it."
        )
    raise InputError(
        said,
        column=association.column,
        remedy="Send the rows with sync, or give type=: HubSpot lists the ids under association labels.",
    )


def _by_id(source: str, to: str, association: Association, wanted: int, labels: Labels) -> TypedAssociation:
    given = (str(association.category), wanted)
    try:
        listed = labels(source, to)
    except (Forbidden, NotFound, InvalidBatch):
        # The type may still be written; HubSpot checks it then.
        return TypedAssociation(association, to, given, plain=False)
    found = next((each for each in listed if _type_of(each) == given), None)
    if found is not None:
        return TypedAssociation(association, to, given, not found.label)
    back = next((each for each in labels(to, source) if _type_of(each) == given), None)
    same = next((each for each in listed if back is not None and each.label == back.label), None)
    if back is None:
        said = f"From {source} to {to} there is no association type {wanted} of category {given[0]}."
    else:
        said = f"Association type {wanted} leads from {to} to {source}, not from {source} to {to}."
    remedy = (
        f"From {source} to {to} it is {same.type_id}." if same is not None else _there_are(source, to, listed)
    )
    raise InputError(said, column=association.column, remedy=remedy)


def _unlabelled(listed: Sequence[LabelDefinition]) -> LabelDefinition | None:
    return next((each for each in listed if not each.label), None)


def _labelled(
    source: str, to: str, association: Association, label: str, listed: Sequence[LabelDefinition]
) -> LabelDefinition:
    exact = [each for each in listed if each.label == label]
    found = exact or [each for each in listed if (each.label or "").casefold() == label.casefold()]
    if len(found) == 1:
        return found[0]
    what = "no label" if not found else "more than one label"
    raise InputError(
        f"From {source} to {to} there is {what} {label!r}.",
        column=association.column,
        remedy=_there_are(source, to, listed),
    )


def _there_are(source: str, to: str, listed: Sequence[LabelDefinition]) -> str:
    shown = ", ".join(f"{each.label or 'no label'} ({each.category} {each.type_id})" for each in listed)
    return f"From {source} to {to} there are: {shown or 'none'}. Each direction has its own."


def _type_of(label: LabelDefinition) -> AssociationTypeKey:
    return label.category or "HUBSPOT_DEFINED", label.type_id or 0
