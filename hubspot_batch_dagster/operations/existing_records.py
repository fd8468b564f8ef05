"""``Update`` and ``Archive``: the operations on records that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.association import Association, check_associations
from hubspot_batch_dagster.operations.base import (
    PROPERTY_GROUP,
    Action,
    MissingProperties,
    OnNull,
    Operation,
    columns,
    exactly_one,
    known_property,
    refuse_record_id_property,
)
from hubspot_batch_dagster.operations.properties import Properties
from hubspot_batch_dagster.operations.writes_properties import WritesProperties


@dataclass(frozen=True, kw_only=True)
class _ByRecord(Operation):
    """Operations on records that exist: found by record id, unique property, or key."""

    record_id: str | None = None
    id_property: str | None = None
    key: str | Sequence[str] | None = None
    through: str | None = None

    def _check(self) -> None:
        exactly_one(self, "record_id", "id_property", "key")
        if self.id_property is not None:
            refuse_record_id_property(self.id_property)
        if self.through is not None and self.key is None:
            raise InputError(
                "through names the sync whose ids table knows the key.", remedy="Give key= with it."
            )
        if self.key is not None and self.through is None:
            raise InputError(
                "A key is looked up in the ids table of the sync that made the records.",
                remedy="Name that sync: through='companies' (its asset key, joined by /).",
            )

    @property
    def key_columns(self) -> tuple[str, ...]:
        if self.key is not None:
            return columns("key", self.key)
        if self.record_id is not None:
            return (self.record_id,)
        assert self.id_property is not None
        return ((self.property_columns or {}).get(self.id_property, self.id_property),)

    @property
    def id_property_name(self) -> str | None:
        return self.id_property

    @property
    def record_id_column(self) -> str | None:
        return self.record_id

    @property
    def looks_up_keys_in(self) -> str | None:
        return self.through


@dataclass(frozen=True, kw_only=True)
class Update(_ByRecord, WritesProperties):
    """Change records that exist; a row whose record does not exist is rejected.

    Give one of ``record_id``, ``id_property`` and ``key``.

    Args:
        object_type: Any type that HubSpot can update.
        record_id: Column with HubSpot's record ids.
        id_property: A property with unique values. HubSpot refuses ``email`` here: use :class:`Upsert`.
        key: Column (or columns) looked up in the ids table of the sync named by ``through``.
        through: Name of the sync that made the records: its asset key, joined by ``/``.
        properties: As for :class:`Create`; with ``id_property`` the mapping must contain it.
        associations: As for :class:`Upsert`.
        on_null: As for :class:`Create`.
        keep_before: As for :class:`Upsert`.
        as_of: As for :class:`Upsert`.
        on_duplicate: As for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.
        max_created: As for :class:`Create`.
        max_changed: As for :class:`Create`.
        cast: As for :class:`Create`.
        missing_properties: As for :class:`Create`.
        property_group: As for :class:`Create`.

    Source: HubSpot, "Using object APIs" (batch update).

    Examples:
        >>> from hubspot_batch_dagster import Update
        >>> Update("deals", record_id="hs_object_id", properties=["amount"]).key_columns
        ('hs_object_id',)
        >>> Update("contacts", id_property="email")
        Traceback (most recent call last):
        ...
        hubspot_batch_dagster.api.errors.InputError: HubSpot's batch update of contacts ...
    """

    action: ClassVar[Action] = "update"

    properties: Properties | None = None
    associations: Sequence[Association] = ()
    on_null: OnNull = "omit"
    keep_before: bool = False
    as_of: str | None = None
    missing_properties: MissingProperties = "refuse"
    property_group: str = PROPERTY_GROUP

    def _check(self) -> None:
        never = [name for name, each in self.rules.items() if each.write == "on_create"]
        if never:
            raise InputError(
                f"Update makes no record, so {never[0]} with write='on_create' would never be sent.",
                remedy="Leave write away, or use Upsert(...).",
            )
        super()._check()
        check_associations(self.object_type, self.associations)
        known_property("id_property", self.id_property, self.property_columns)
        if self.id_property == "email" and object_type(self.object_type).name == "contacts":
            raise InputError(
                "HubSpot's batch update of contacts refuses email as id_property.",
                remedy="Use Upsert('contacts', id_property='email'), or record_id= with the record ids.",
            )

    @property
    def keeps_before_images(self) -> bool:
        return self.keep_before


@dataclass(frozen=True, kw_only=True)
class Archive(_ByRecord):
    """Move records to HubSpot's bin, from where they can be restored for 90 days.

    Give one of ``record_id``, ``id_property`` and ``key``. HubSpot answers without a word about single
    records: one that was archived already counts as ``archived``.

    Args:
        object_type: Any type that HubSpot can archive.
        record_id: Column with HubSpot's record ids.
        id_property: A property with unique values; the record ids are read first (one request for 100 rows),
            and a row without a record is rejected.
        key: Column (or columns) looked up in the ids table of the sync named by ``through``.
        through: Name of the sync that made the records: its asset key, joined by ``/``.
        on_duplicate: As for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.
        max_created: As for :class:`Create`.
        max_changed: As for :class:`Create`.
        cast: As for :class:`Create`.

    Source: HubSpot, "Using object APIs" (batch archive).

    Examples:
        >>> from hubspot_batch_dagster import Archive
        >>> Archive("tickets", key="ticket_id", through="tickets").key_columns
        ('ticket_id',)
    """

    action: ClassVar[Action] = "archive"

    @property
    def property_columns(self) -> dict[str, str]:
        return {} if self.id_property is None else {self.id_property: self.id_property}

    @property
    def sends_properties(self) -> bool:
        return False

    @property
    def done_outcomes(self) -> tuple[str, ...]:
        return ("archived",)
