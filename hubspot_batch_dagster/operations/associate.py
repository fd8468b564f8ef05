"""``Associate``: rows that are associations between records that exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from hubspot_batch_dagster.api.endpoints import association_endpoint
from hubspot_batch_dagster.operations.association import Association, check_associations, sync_name_of
from hubspot_batch_dagster.operations.base import Action, Operation, columns


@dataclass(frozen=True, kw_only=True)
class Associate(Operation):
    """Associate records that exist, one pair for each row.

    A row is known by its two columns. An association that an earlier run made counts as ``unchanged``; one
    that HubSpot has already is made again without harm, so a run may be repeated at any time. The lines of
    the ids table have no ``hs_object_id``: an association has none.

    Args:
        object_type: Object type that they start from.
        to_type: Object type that they lead to.
        from_column: Column with record ids of ``object_type``, or keys with ``from_through``.
        to_column: Column with record ids of ``to_type``, or keys with ``to_through``.
        type: What they mean, as for :class:`Association`. A label is added to those that a pair has already.
        category: Of a type id, as for :class:`Association`.
        from_through: Name of the sync whose keys ``from_column`` holds. A row whose key its ids table does
            not know is rejected with ``UNRESOLVED_ASSOCIATION``.
        to_through: The same for ``to_column``.
        replace: The records in ``from_column`` end up with those of the table and no others to ``to_type``
            (with a label or a type id of its own: no others of that label). All of them are read in every
            run, 1,000 in a request, and what somebody took away is made again. Records that are not in the
            table at all are left alone, and so are those with a rejected row.
        on_duplicate: What to do with rows that name one pair twice; as for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.
        max_created: The most associations that one run may make.

    Source: HubSpot, associations guide (2,000 in a request).

    Examples:
        >>> from hubspot_batch_dagster import Associate
        >>> seats = Associate(
        ...     "contacts", to_type="companies", from_column="mail", to_column="account_id",
        ...     from_through="contacts", to_through="companies",
        ... )
        >>> seats.key_columns
        ('mail', 'account_id')
    """

    action: ClassVar[Action] = "associate"

    to_type: str = field(kw_only=False)
    from_column: str
    to_column: str
    type: int | str | None = None
    category: Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"] = "HUBSPOT_DEFINED"
    from_through: str | None = None
    to_through: str | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        for name in ("from_through", "to_through"):
            object.__setattr__(self, name, sync_name_of(getattr(self, name), name))
        super().__post_init__()

    def _check(self) -> None:
        columns("from_column and to_column", (self.from_column, self.to_column))
        check_associations(self.object_type, self.associations)

    @property
    def associations(self) -> tuple[Association, ...]:
        """The one association that the rows make."""
        return (
            Association(
                to=self.to_type,
                column=self.to_column,
                type=self.type,
                category=self.category,
                required=True,
                through=self.to_through,
                replace=self.replace,
            ),
        )

    @property
    def is_association(self) -> bool:
        return True

    @property
    def replaces_associations(self) -> bool:
        return self.replace

    @property
    def looks_up_record_ids_in(self) -> str | None:
        return self.from_through

    def undocumented(self, default: str) -> list[str]:
        association_endpoint(self.object_type, self.to_type, "create", self.version or default)
        return []

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.from_column, self.to_column)

    @property
    def record_id_column(self) -> str | None:
        return self.from_column

    @property
    def property_columns(self) -> dict[str, str] | None:
        return {}
