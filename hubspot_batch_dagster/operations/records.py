"""``Create`` and ``Upsert``: the operations that make records.

An operation is a frozen value. It is checked when it is made, so that a wrong one fails where the asset is
defined and not at two in the morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from hubspot_batch_dagster.api.arguments import check_number
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.association import Association, check_associations
from hubspot_batch_dagster.operations.base import (
    PROPERTY_GROUP,
    Action,
    MissingProperties,
    OnNull,
    columns,
    exactly_one,
    known_property,
    refuse_record_id_property,
)
from hubspot_batch_dagster.operations.properties import Properties
from hubspot_batch_dagster.operations.writes_properties import WritesProperties


@dataclass(frozen=True, kw_only=True)
class Create(WritesProperties):
    """Make a record for each row whose key the ids table does not know yet.

    A row that was made by an earlier run is never made again, and later changes of it are not sent:
    use :class:`Upsert` with ``key=`` for that.

    Args:
        object_type: ``"contacts"``, ``"0-1"``, ``"2-123"``, ``"p123_cars"``: any type that HubSpot can
            create.
        key: Column (or columns) that identify a row from one run to the next. They are not sent unless
            ``properties`` names them.
        properties: Which columns to send: a list of columns named like their property, or a mapping of
            property to column, or to a :class:`Property` with rules for the column. By default every column
            except the key and the association columns.
        associations: Associations to existing records, made together with the record.
        creation_key: A property with unique values in HubSpot. One that ``properties`` does not send is
            filled from the key, and made first with ``missing_properties="create"``. It gets the key's text
            as the ids table compares it, which is one whatever type carries the value; a key of several
            columns fills a property of text, as ``["7","2026-01-31"]``. With it a create can be repeated
            safely: HubSpot refuses the second record and its id is read back; and ``adopt`` finds the records
            of a lost ids table. Without it, a row whose answer was lost is looked up by search before it may
            be sent again.
        on_null: ``"omit"`` leaves a null out; ``"clear"`` sends an empty text, which clears the property.
        on_duplicate: What to do with rows that share a key: send the ``"first"``, the ``"last"``, or
            ``"reject"`` them all. Those not sent are rejected with ``DUPLICATE_KEY``. By default the first;
            in one run for many partitions, the last, which is of the newest.
        model: A pydantic model that each row must satisfy. Its errors reject the row; its values are not
            used.
        version: API version for this operation alone, such as ``"2025-09"``.
        max_created: The most records that one run may make: a number, or a share of the rows as a float. A
            run that would make more stops before its first write.
        max_changed: The same for known records that are changed.
        cast: How text becomes a value in every column, as ``Cast(null_values=["N/A"])``; a :class:`Property`
            may have options of its own. Each option is used where the property is of its type.
        missing_properties: A property that the portal does not have stops the run before its first write
            (``"refuse"``), or is made with the type of its column (``"create"``). The unique property is made
            unique.
        property_group: The property group that made properties go to; it is made too.

    Source: HubSpot, "Using object APIs" and each object's guide (batch create).

    Examples:
        >>> from hubspot_batch_dagster import Association, Create
        >>> calls = Create(
        ...     "calls",
        ...     key=["office", "call_no"],
        ...     properties={"hs_timestamp": "started_at"},
        ...     associations=[Association("contacts", column="contact_id")],
        ... )
        >>> calls.key_columns
        ('office', 'call_no')
    """

    action: ClassVar[Action] = "create"

    key: str | Sequence[str]
    properties: Properties | None = None
    associations: Sequence[Association] = ()
    creation_key: str | None = None
    on_null: OnNull = "omit"
    missing_properties: MissingProperties = "refuse"
    property_group: str = PROPERTY_GROUP

    def _check(self) -> None:
        columns("key", self.key)
        _ = self.property_columns  # refuses one that is named twice
        check_associations(self.object_type, self.associations)

    @property
    def key_columns(self) -> tuple[str, ...]:
        return columns("key", self.key)

    @property
    def repeatable(self) -> bool:
        return False

    @property
    def updates_made_records(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Upsert(WritesProperties):
    """Create the records that are missing and update those that exist.

    Give one of ``id_property`` and ``key``:

    * ``id_property``: HubSpot finds the record by a property with unique values (``email`` for contacts, or
      one of your own). One request does both, and repeating it is safe.
    * ``key``: for the many types without a unique property. The ids table is the key: rows that it does
      not know are created, rows that it knows are updated by record id.

    Args:
        object_type: Any type that HubSpot can upsert (with ``id_property``) or create and update (with
            ``key``).
        id_property: The unique property; its column is the row key.
        key: Column (or columns) that identify a row from one run to the next.
        properties: As for :class:`Create`. With ``id_property`` the mapping must contain it.
        associations: Associations to existing records, made together with a record that is created, and right
            after one that is upserted or updated: HubSpot's upsert and update take none.
        creation_key: With ``key`` only; as for :class:`Create`.
        on_null: As for :class:`Create`.
        if_missing: With ``key`` only. A record that was deleted in HubSpot meanwhile is ``"report"``-ed as a
            rejected row, or made again with ``"recreate"``; with ``match_existing`` another record is looked
            for first.
        when_gone: Rows that left the source are kept in HubSpot (``"keep"``) or archived (``"archive"``).
        max_gone: The largest share of the known records that one run may archive with
            ``when_gone="archive"``. More than that, or an empty source, stops the run before the first write.
        adopt_existing: With ``id_property``, or with ``key`` and ``creation_key``: a run that has no ids
            table yet reads the records of its rows from the portal first, so that a lost file costs reads and
            not writes.
        match_existing: With ``key`` only. A property, or several, by which records are looked for before rows
            that the ids table does not know are created, such as ``"domain"``: most duplicates are made by a
            first load that did not look. A row matches a record if all of them are equal, without regard to
            capitals, blanks around them and the form that Unicode has of a letter (these count in a property
            with unique values); empty values match nothing. One match is the row's record, and it is updated.
            Several are refused as ``AMBIGUOUS_MATCH``, with their ids; a record that another row has, and a
            second row with the same values, as ``SAME_RECORD``. A property with unique values costs one read
            for each 100 new rows. Any other is searched, 100 values at a time and five searches a second for
            the whole account: a million new rows take about an hour.
        compare: What a row is compared with to decide whether it changed: the last text sent (``"ids"``), or
            HubSpot's current values (``"portal"``; one read for each 100 rows). Texts must be the same to the
            letter; emails, numbers and points in time may be written in another way. A record that is gone
            counts as changed.
        keep_before: Read each record before it is changed and keep its values, so that the run can be undone;
            one read for each 100 changed rows.
        as_of: A column of timestamps, dates or whole numbers that says how new a row is. Values of an older
            row never go over those of a newer one, in this run or in a later one: such a row is ``unchanged``
            with the code ``OLDER``. Of rows with the same key the newest is sent. The column is sent only if
            ``properties`` names it. It counts before the order of time partitions; a row without a value is
            sent as if there were no order.
        on_duplicate: As for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.
        max_created: As for :class:`Create`.
        max_changed: As for :class:`Create`.
        cast: As for :class:`Create`.
        missing_properties: As for :class:`Create`.
        property_group: As for :class:`Create`.

    Source: HubSpot, "Using object APIs" (batch upsert); contacts guide.

    Examples:
        >>> from hubspot_batch_dagster import Upsert
        >>> contacts = Upsert("contacts", id_property="email", properties={"email": "mail"})
        >>> contacts.key_columns
        ('mail',)
        >>> companies = Upsert("companies", key="account_id", when_gone="archive", max_created=500)
        >>> companies.actions
        ('create', 'update', 'archive')
    """

    action: ClassVar[Action] = "upsert"

    id_property: str | None = None
    key: str | Sequence[str] | None = None
    properties: Properties | None = None
    associations: Sequence[Association] = ()
    creation_key: str | None = None
    on_null: OnNull = "omit"
    if_missing: Literal["report", "recreate"] = "report"
    when_gone: Literal["keep", "archive"] = "keep"
    max_gone: float = 0.1
    adopt_existing: bool = False
    match_existing: str | Sequence[str] | None = None
    compare: Literal["ids", "portal"] = "ids"
    keep_before: bool = False
    as_of: str | None = None
    missing_properties: MissingProperties = "refuse"
    property_group: str = PROPERTY_GROUP

    def _check(self) -> None:
        exactly_one(self, "id_property", "key")
        check_number("Upsert", "max_gone", self.max_gone, above=0, most=1)
        known_property("id_property", self.id_property, self.property_columns)
        check_associations(self.object_type, self.associations)
        if self.id_property is not None:
            refuse_record_id_property(self.id_property)
            if self.creation_key:
                raise InputError(
                    "Upsert by id_property takes no creation_key: HubSpot's batch upsert has no place"
                    " for it.",
                    remedy="Use Upsert(..., key=...) or Create(...) for creation_key.",
                )
        if self.match_existing is not None:
            for name in columns("match_existing", self.match_existing):
                known_property("match_existing", name, self.property_columns)
            if self.key is None:
                raise InputError(
                    "match_existing goes with key=: with id_property HubSpot looks for the records itself.",
                    remedy="Leave match_existing out, or give key= instead of id_property=.",
                )
        if self.adopt_existing and self.id_property is None and self.creation_key is None:
            raise InputError(
                "adopt_existing needs a unique property to find the records by.",
                remedy="Give id_property=, or creation_key= together with key=.",
            )

    @property
    def actions(self) -> tuple[Action, ...]:
        verbs: tuple[Action, ...] = ("create", "update") if self.updates_by_known_id else ("upsert",)
        return (*verbs, "archive") if self.when_gone == "archive" else verbs

    @property
    def key_columns(self) -> tuple[str, ...]:
        if self.id_property is None:
            return columns("key", self.key or ())
        return ((self.property_columns or {}).get(self.id_property, self.id_property),)

    @property
    def id_property_name(self) -> str | None:
        return None if self.updates_by_known_id else self.id_property

    @property
    def found_by(self) -> str | None:
        return self.id_property if self.reads_new_rows else self.creation_key

    @property
    def reads_new_rows(self) -> bool:
        return self.id_property is not None and self.has_conditional_properties

    @property
    def updates_by_known_id(self) -> bool:
        return self.key is not None or self.has_conditional_properties

    @property
    def updates_found_records(self) -> bool:
        return True

    @property
    def recreates_missing(self) -> bool:
        return self.if_missing == "recreate" or self.reads_new_rows

    @property
    def archives_gone(self) -> bool:
        return self.when_gone == "archive"

    @property
    def most_gone(self) -> float:
        return self.max_gone

    @property
    def matched_by(self) -> tuple[str, ...]:
        return () if self.match_existing is None else columns("match_existing", self.match_existing)

    @property
    def adopts_on_first_run(self) -> bool:
        return self.adopt_existing

    @property
    def compares_with_portal(self) -> bool:
        return self.compare == "portal"

    @property
    def keeps_before_images(self) -> bool:
        return self.keep_before
