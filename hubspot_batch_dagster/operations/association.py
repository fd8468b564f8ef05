"""The associations of a row's record with other records, as the user writes them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hubspot_batch_dagster.api.arguments import check_fields, shown
from hubspot_batch_dagster.api.association_types import check_direction
from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError


@dataclass(frozen=True)
class Association:
    """An association from a row's record to other records.

    A record that is created gets its associations in the same request; where HubSpot refuses that, the record
    is made without those that are not required. All others are written once the rows are sent, 2,000 in a
    request. What becomes of an association does not change its row's outcome: it has one of its own.
    Associations are added; what else there is stays, and so do labels, unless ``replace`` says otherwise.

    Args:
        to: Object type of the target, such as ``"contacts"``.
        column: Column with the target's record id, or its key with ``through``. A cell may be a list, which
            makes several, whatever the other rows' cells are. A null cell makes none.
        type: What the association means. ``None`` is HubSpot's unlabelled type (for a lead's contact the
            primary one). An ``int`` is an association type id, such as ``194`` (call to contact): each
            direction has its own. A text is the label as HubSpot shows it, looked up once for each run. The
            primary variants (1, 2, 5, 6, 25, 26, 578, 580, 582, 583) change which record is the primary one
            and are used only when given.
        category: Of a type id: ``HUBSPOT_DEFINED``, ``USER_DEFINED``, ``INTEGRATOR_DEFINED`` or ``WORK``. A
            label brings its own.
        required: A row without a target is rejected instead of being sent without the association: its cell
            is null or names no record, ``through`` does not know one of its keys, or HubSpot does not create
            the record with it.
        through: The sync that made the targets, by its name (an asset's key joined by ``/``), or the asset
            itself: ``column`` holds its keys, and its ids table has the record ids. In Dagster that asset
            becomes an upstream dependency, unless the asset names it already. A key that it does not know yet
            is ``unresolved``: every run looks for it again, whether or not the row changes. The sync itself
            may be named, as for parent companies.
        replace: Associations that a row does not name are removed from its record: with a label or a type id
            of its own that label alone, else the whole association. A null cell names none, so all of them
            go. Only rows that are sent, or that name others than last time, are looked at: for what somebody
            changed in HubSpot run with ``full_refresh``.

    Source: HubSpot, associations guide.

    Examples:
        >>> from hubspot_batch_dagster import Association
        >>> Association("companies", column="account_id", through="companies").required
        False
        >>> Association("contacts", column="contact_id", type="Decision maker", replace=True).type
        'Decision maker'
    """

    to: str
    column: str
    type: int | str | None = None
    category: Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"] = "HUBSPOT_DEFINED"
    required: bool = False
    through: str | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "through", sync_name_of(self.through, "through"))
        check_fields(self)
        object_type(self.to)
        if not self.column:
            raise InputError(
                f"The association to {self.to!r} names no column.",
                remedy="Name the column that holds the target's record ids: Association(to=..., column=...).",
            )
        if self.type is None and self.category != "HUBSPOT_DEFINED":
            raise InputError(
                f"The association to {self.to!r} is {self.category} and names no type.",
                remedy=(
                    "Give type= the label, or its association type id (HubSpot shows it under association"
                    " labels)."
                ),
            )
        if self.type == "" or self.through == "":
            raise InputError(
                f"The association to {self.to!r} has an empty text for type or through.",
                remedy="Leave it out, or name the label or the sync.",
            )


def sync_name_of(given: object, what: str = "through") -> str | None:
    """Return the name of a sync, of its name, an asset key, or an asset: the parts of its key joined by
    ``/``.
    """
    if given is None or isinstance(given, str):
        return given
    path = getattr(getattr(given, "key", given), "path", None)
    if isinstance(path, list | tuple) and path and all(isinstance(part, str) for part in path):
        if any("/" in part for part in path):
            raise InputError(
                f"{what} is the asset key {list(path)}, of which a part holds a '/'.",
                remedy="Make it two parts, or give the sync's name.",
            )
        return "/".join(path)
    raise InputError(
        f"{what} is {shown(what, given)}, which is no sync.",
        remedy="Give the sync's name, an asset key, or the asset that sends its rows.",
    )


def check_associations(source: str, associations: Sequence[Association]) -> None:
    """Refuse HubSpot's own types that belong to another pair or direction."""
    for each in associations:
        if isinstance(each.type, int) and each.category == "HUBSPOT_DEFINED":
            check_direction(object_type(source).name, object_type(each.to).name, each.type)
