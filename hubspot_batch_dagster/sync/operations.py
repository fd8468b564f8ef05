"""What the user asks for: ``Create``, ``Upsert``, ``Update`` and ``Archive``, HubSpot's own batch verbs.

An operation is a frozen value. It is checked when it is made, so that a wrong one fails where the asset is
defined and not at two in the morning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import pydantic

from hubspot_batch_dagster.api.endpoints import endpoint, object_type
from hubspot_batch_dagster.api.errors import InputError

Properties = Mapping[str, str] | Sequence[str]
OnNull = Literal["omit", "clear"]
OnDuplicate = Literal["first", "last", "reject"]

Action = Literal["create", "upsert", "update", "archive"]


@dataclass(frozen=True)
class Association:
    """A link that a created record gets to records that exist already.

    Args:
        to: Object type of the target, such as ``"contacts"``.
        column: Column with the target's record id. A list column makes several links. A null cell makes none.
        type: Association type id, such as ``194`` (call to contact). ``None`` takes HubSpot's unlabelled type
            for the pair where it is known.
        category: ``HUBSPOT_DEFINED``, ``USER_DEFINED``, ``INTEGRATOR_DEFINED`` or ``WORK``.
        required: A row whose cell is null is rejected instead of being sent without the link.
    """

    to: str
    column: str
    type: int | None = None
    category: Literal["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"] = "HUBSPOT_DEFINED"
    required: bool = False

    def __post_init__(self) -> None:
        if not self.column:
            raise InputError(
                f"The association to {self.to!r} names no column.",
                remedy="Name the column that holds the target's record ids: Association(to=..., column=...).",
            )
        if self.type is None and self.category != "HUBSPOT_DEFINED":
            raise InputError(
                f"The association to {self.to!r} is {self.category} and names no type.",
                remedy="Give type= the label's association type id (HubSpot shows it under association labels).",
            )


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What every operation shares; use one of its four subclasses."""

    action: ClassVar[Action]

    object_type: str = field(kw_only=False)
    on_duplicate: OnDuplicate = "first"
    model: type[pydantic.BaseModel] | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        object_type(self.object_type)
        _one_of("on_duplicate", self.on_duplicate, ("first", "last", "reject"))
        self._check()

    def _check(self) -> None:
        """Refuse what cannot be meant; each subclass knows its own."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """The batch verbs that this operation may send."""
        return (self.action,)

    def check_version(self, default: str) -> None:
        """Refuse an operation that the object type does not have in the API version, naming those it has."""
        for action in self.actions:
            endpoint(self.object_type, action, self.version or default)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that identify a row from one run to the next."""
        raise NotImplementedError

    @property
    def id_property_name(self) -> str | None:
        """The unique property by which HubSpot itself finds the record, if the operation uses one."""
        return None

    @property
    def record_id_column(self) -> str | None:
        """The column of record ids, if the operation uses one."""
        return None

    @property
    def property_columns(self) -> dict[str, str] | None:
        """Property -> column as the user gave it; ``None`` means every other column under its own name."""
        return None

    @property
    def repeatable(self) -> bool:
        """Whether sending a row twice leaves the same record as sending it once."""
        return True

    def definition(self) -> str:
        """A short hash of all that decides what is sent and how.

        A row that HubSpot rejected is sent again when this changes.
        """
        parts: dict[str, Any] = {"class": type(self).__name__}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _NOT_PART_OF_THE_WIRE:
                continue
            parts[each.name] = value.__qualname__ if isinstance(value, type) else _plain(value)
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_NOT_PART_OF_THE_WIRE = frozenset({"on_duplicate", "when_gone", "max_gone", "adopt_existing", "compare"})


@dataclass(frozen=True, kw_only=True)
class Create(Operation):
    """Make a record for each row whose key the ids table does not know yet.

    A row that was made by an earlier run is never made again, and later changes of it are not sent:
    use :class:`Upsert` with ``key=`` for that.

    Args:
        object_type: ``"contacts"``, ``"0-1"``, ``"2-123"``, ``"p123_cars"``: any type that HubSpot can create.
        key: Column (or columns) that identify a row from one run to the next. They are not sent unless
            ``properties`` names them.
        properties: Which columns to send: a list of columns named like their property, or a mapping of
            property to column. By default every column except the key and the association columns.
        associations: Links to existing records, made together with the record.
        creation_key: A property with unique values in HubSpot that ``properties`` sends. With it a create
            can be repeated safely: HubSpot refuses the second record and its id is read back.
            Without it, a row whose answer was lost is looked up by search before it may be sent again.
        on_null: ``"omit"`` leaves a null out; ``"clear"`` sends an empty text, which clears the property.
        on_duplicate: What to do with rows that share a key: send the ``"first"``, the ``"last"``, or
            ``"reject"`` them all. Those not sent are rejected with ``DUPLICATE_KEY``.
        model: A pydantic model that each row must satisfy. Its errors reject the row; its values are not used.
        version: API version for this operation alone, such as ``"2025-09"``.

    Source: HubSpot, "Using object APIs" and each object's guide (batch create).
    """

    action: ClassVar[Action] = "create"

    key: str | Sequence[str]
    properties: Properties | None = None
    associations: Sequence[Association] = ()
    creation_key: str | None = None
    on_null: OnNull = "omit"

    def _check(self) -> None:
        _columns("key", self.key)
        _one_of("on_null", self.on_null, ("omit", "clear"))
        _known_property("creation_key", self.creation_key, self.property_columns)
        if isinstance(self.associations, Association):
            raise InputError("associations takes a list.", remedy="Write associations=[Association(...)].")

    @property
    def key_columns(self) -> tuple[str, ...]:
        return _columns("key", self.key)

    @property
    def property_columns(self) -> dict[str, str] | None:
        return _mapping(self.properties)

    @property
    def repeatable(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Upsert(Operation):
    """Create the records that are missing and update those that exist.

    Give one of ``id_property`` and ``key``:

    * ``id_property``: HubSpot finds the record by a property with unique values (``email`` for contacts, or one of
      your own). One request does both, and repeating it is safe.
    * ``key``: for the many types without a unique property. The ids table is the key: rows that it does
      not know are created, rows that it knows are updated by record id.

    Args:
        object_type: Any type that HubSpot can upsert (with ``id_property``) or create and update (with ``key``).
        id_property: The unique property; its column is the row key.
        key: Column (or columns) that identify a row from one run to the next.
        properties: As for :class:`Create`. With ``id_property`` the mapping must contain it.
        associations: With ``key`` only, and used for the rows that are created: HubSpot's upsert takes none.
        creation_key: With ``key`` only; as for :class:`Create`.
        on_null: As for :class:`Create`.
        if_missing: With ``key`` only. A record that was deleted in HubSpot meanwhile is ``"report"``-ed as a
            rejected row, or made again with ``"recreate"``.
        when_gone: Rows that left the source are kept in HubSpot (``"keep"``) or archived (``"archive"``).
        max_gone: The largest share of the known records that one run may archive with ``when_gone="archive"``.
            More than that, or an empty source, stops the run before the first write.
        adopt_existing: With ``id_property``, or with ``key`` and ``creation_key``: a run that has no ids table
            yet reads the records of its rows from the portal first, so that a lost file costs reads and not writes.
        compare: What a row is compared with to decide whether it changed: the last text sent (``"ids"``), or
            HubSpot's current values (``"portal"``; one read for each 100 rows).
        on_duplicate: As for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.

    Source: HubSpot, "Using object APIs" (batch upsert); contacts guide.
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
    compare: Literal["ids", "portal"] = "ids"

    def _check(self) -> None:
        _exactly_one(self, "id_property", "key")
        _one_of("on_null", self.on_null, ("omit", "clear"))
        _one_of("if_missing", self.if_missing, ("report", "recreate"))
        _one_of("when_gone", self.when_gone, ("keep", "archive"))
        _one_of("compare", self.compare, ("ids", "portal"))
        if not 0 < self.max_gone <= 1:
            raise InputError(
                f"max_gone is a share above 0 and up to 1, not {self.max_gone!r}.",
                remedy="Use 1 for no limit.",
            )
        _known_property("id_property", self.id_property, self.property_columns)
        _known_property("creation_key", self.creation_key, self.property_columns)
        if self.id_property is not None:
            _refuse_record_id_property(self.id_property)
            for name in ("associations", "creation_key"):
                if getattr(self, name):
                    raise InputError(
                        f"Upsert by id_property takes no {name}: HubSpot's batch upsert has no place for it.",
                        remedy=f"Use Upsert(..., key=...) or Create(...) for {name}.",
                    )
        if self.adopt_existing and self.id_property is None and self.creation_key is None:
            raise InputError(
                "adopt_existing needs a unique property to find the records by.",
                remedy="Give id_property=, or creation_key= together with key=.",
            )

    @property
    def actions(self) -> tuple[Action, ...]:
        verbs: tuple[Action, ...] = ("upsert",) if self.id_property else ("create", "update")
        return (*verbs, "archive") if self.when_gone == "archive" else verbs

    @property
    def key_columns(self) -> tuple[str, ...]:
        if self.id_property is None:
            return _columns("key", self.key or ())
        return ((self.property_columns or {}).get(self.id_property, self.id_property),)

    @property
    def id_property_name(self) -> str | None:
        return self.id_property

    @property
    def property_columns(self) -> dict[str, str] | None:
        return _mapping(self.properties)


@dataclass(frozen=True, kw_only=True)
class _ByRecord(Operation):
    """Operations on records that exist: found by record id, unique property, or key."""

    record_id: str | None = None
    id_property: str | None = None
    key: str | Sequence[str] | None = None
    through: str | None = None

    def _check(self) -> None:
        _exactly_one(self, "record_id", "id_property", "key")
        if self.id_property is not None:
            _refuse_record_id_property(self.id_property)
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
            return _columns("key", self.key)
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


@dataclass(frozen=True, kw_only=True)
class Update(_ByRecord):
    """Change records that exist; a row whose record does not exist is rejected.

    Give one of ``record_id``, ``id_property`` and ``key``.

    Args:
        object_type: Any type that HubSpot can update.
        record_id: Column with HubSpot's record ids.
        id_property: A property with unique values. HubSpot refuses ``email`` here: use :class:`Upsert`.
        key: Column (or columns) looked up in the ids table of the sync named by ``through``.
        through: Name of the sync that made the records: its asset key, joined by ``/``.
        properties: As for :class:`Create`; with ``id_property`` the mapping must contain it.
        on_null: As for :class:`Create`.
        on_duplicate: As for :class:`Create`.
        model: As for :class:`Create`.
        version: As for :class:`Create`.

    Source: HubSpot, "Using object APIs" (batch update).
    """

    action: ClassVar[Action] = "update"

    properties: Properties | None = None
    on_null: OnNull = "omit"

    def _check(self) -> None:
        super()._check()
        _one_of("on_null", self.on_null, ("omit", "clear"))
        _known_property("id_property", self.id_property, self.property_columns)
        if self.id_property == "email" and object_type(self.object_type).name == "contacts":
            raise InputError(
                "HubSpot's batch update of contacts refuses email as id_property.",
                remedy="Use Upsert('contacts', id_property='email'), or record_id= with the record ids.",
            )

    @property
    def property_columns(self) -> dict[str, str] | None:
        return _mapping(self.properties)


@dataclass(frozen=True, kw_only=True)
class Archive(_ByRecord):
    """Move records to HubSpot's bin, from where they can be restored for 90 days.

    Give one of ``record_id``, ``id_property`` and ``key``. HubSpot answers without a word about single records:
    one that was archived already counts as ``archived``.

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

    Source: HubSpot, "Using object APIs" (batch archive).
    """

    action: ClassVar[Action] = "archive"

    @property
    def property_columns(self) -> dict[str, str]:
        return {} if self.id_property is None else {self.id_property: self.id_property}


def _columns(what: str, value: str | Sequence[str]) -> tuple[str, ...]:
    columns = (value,) if isinstance(value, str) else tuple(value)
    if not columns or not all(isinstance(column, str) and column for column in columns):
        raise InputError(f"{what} names no column.", remedy=f"Give {what} a column name or a list of them.")
    if len(set(columns)) != len(columns):
        raise InputError(f"{what} names a column twice: {list(columns)}.", remedy="Name each column once.")
    return columns


def _mapping(properties: Properties | None) -> dict[str, str] | None:
    if properties is None:
        return None
    if isinstance(properties, str):
        raise InputError(
            f"properties is a list or a mapping, not the text {properties!r}.",
            remedy=f"Write properties=[{properties!r}].",
        )
    if isinstance(properties, Mapping):
        return dict(properties)
    names = list(properties)
    if len(set(names)) != len(names):
        raise InputError(f"properties names a property twice: {names}.", remedy="Name each property once.")
    return {name: name for name in names}


def _known_property(what: str, name: str | None, properties: dict[str, str] | None) -> None:
    if name is not None and properties is not None and name not in properties:
        raise InputError(
            f"{what}={name!r} is not among the properties that are sent: {sorted(properties)}.",
            remedy=f"Add {name!r} to properties, with the column that holds it.",
        )


def _refuse_record_id_property(name: str) -> None:
    if name == "hs_object_id":
        raise InputError(
            "HubSpot does not take hs_object_id as id_property.",
            remedy="Use Update(..., record_id='<column with record ids>').",
        )


def _exactly_one(operation: Operation, *names: str) -> None:
    given = [name for name in names if getattr(operation, name)]
    if len(given) != 1:
        choice = " or ".join(f"{name}=" for name in names)
        found = "none" if not given else " and ".join(given)
        raise InputError(
            f"{type(operation).__name__} takes exactly one of {choice}; {found} given.",
            remedy="See the docstring for which one fits the object type.",
        )


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(
            f"{what} is one of {', '.join(allowed)}, not {value!r}.", remedy="Check the spelling."
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Association):
        return [value.to, value.column, value.type, value.category, value.required]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
