"""What every operation shares: the base class, and the checks of what a user writes down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import pydantic

from hubspot_batch_dagster.api.arguments import check_count_or_share, check_fields
from hubspot_batch_dagster.api.endpoints import check_version, object_type, undocumented
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.properties import Cast, Property, cast_of

OnNull = Literal["omit", "clear"]
OnDuplicate = Literal["first", "last", "reject"]
MissingProperties = Literal["refuse", "create"]
PROPERTY_GROUP = "hubspot_batch_dagster"

Action = Literal["create", "upsert", "update", "archive", "associate"]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What every operation shares; use one of its four subclasses."""

    action: ClassVar[Action]

    object_type: str = field(kw_only=False)
    on_duplicate: OnDuplicate | None = None
    model: type[pydantic.BaseModel] | None = None
    version: str | None = None
    max_created: float | None = None
    max_changed: float | None = None
    cast: Cast | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for each in fields(self):
            if getattr(self, each.name) == "" and each.default != "" and each.name != "key":
                raise InputError(
                    f"{each.name} is empty.", remedy=f"Name what is meant, or leave {each.name}= away."
                )
        object.__setattr__(self, "cast", cast_of(self.cast))
        object_type(self.object_type)
        for name in ("max_created", "max_changed"):
            check_count_or_share(type(self).__name__, name, getattr(self, name))
        if self.version is not None:
            check_version(self.version)
        self._check()
        identify = {*self.key_columns, self.id_property_name}
        for name, rule in self.rules.items():
            if rule.on_invalid != "reject" and identify & {name, rule.column}:
                raise InputError(
                    f"properties: '{rule.column}' identifies the row, so a cell of it cannot be left out.",
                    remedy="Leave on_invalid away: a key takes only cast.",
                )

    def _check(self) -> None:
        """Refuse what cannot be meant; each subclass knows its own."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """The batch verbs that this operation may send."""
        return (self.action,)

    def undocumented(self, default: str) -> list[str]:
        """Return what HubSpot's pages do not list for the object type in the API version: it is tried all the
        same.

        Raises:
            InputError: There is no such version.
        """
        version = check_version(self.version or default)
        said = [
            undocumented(self.object_type, action, version)
            for action in self.actions
            if action != "associate"
        ]
        return [each for each in said if each is not None]

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
    def rules(self) -> Mapping[str, Property]:
        """The properties that have rules of their own."""
        return {}

    @property
    def has_conditional_properties(self) -> bool:
        """Whether some properties are not written to every record, so that new records and others are told
        apart.
        """
        return any(each.write != "always" for each in self.rules.values())

    @property
    def reads_new_rows(self) -> bool:
        """Whether rows that the ids table does not know are looked for in the portal first, in every run."""
        return False

    @property
    def repeatable(self) -> bool:
        """Whether sending a row twice leaves the same record as sending it once."""
        return True

    @property
    def associations(self) -> Sequence[Association]:
        """The associations that the operation writes."""
        return ()

    @property
    def creation_key(self) -> str | None:
        """The unique property by which a created record is found again, if the operation names one."""
        return None

    @property
    def found_by(self) -> str | None:
        """The unique property by which a record that should be created is found where it is there already."""
        return self.creation_key

    @property
    def unique_property(self) -> str | None:
        """The property by which the records can be found in the portal, whichever way the operation uses
        it.
        """
        return self.id_property_name or self.found_by

    @property
    def is_association(self) -> bool:
        """Whether the rows are associations and not records."""
        return False

    @property
    def replaces_associations(self) -> bool:
        """Whether the records of the table lose the associations that no row names, once all rows are
        sent.
        """
        return False

    @property
    def makes_records(self) -> bool:
        """Whether a row may become a new record."""
        return not {"create", "upsert"}.isdisjoint(self.actions)

    @property
    def relies_on_ids_table(self) -> bool:
        """Whether the ids table alone says which rows have a record: without it every record would be made
        again.
        """
        return "create" in self.actions and self.found_by is None

    @property
    def as_of(self) -> str | None:
        """The column that says which of two rows of a key is newer, if there is one."""
        return None

    @property
    def sends_properties(self) -> bool:
        """Whether the columns that are sent are values to write, and not only to find records by."""
        return True

    @property
    def on_null(self) -> OnNull:
        """What a null cell does."""
        return "omit"

    @property
    def matched_by(self) -> tuple[str, ...]:
        """The properties by which records are looked for before rows that the ids table does not know are
        created.
        """
        return ()

    @property
    def updates_made_records(self) -> bool:
        """Whether a row that became a record is sent again when it changes."""
        return True

    @property
    def updates_by_known_id(self) -> bool:
        """Whether the ids table says which rows are updated and by which record id; the others are
        created.
        """
        return False

    @property
    def updates_found_records(self) -> bool:
        """Whether a create that finds its record there already goes on as an update of it."""
        return False

    @property
    def recreates_missing(self) -> bool:
        """Whether a row whose record is gone makes a new one."""
        return False

    @property
    def archives_gone(self) -> bool:
        """Whether the records of rows that left the source are archived."""
        return False

    @property
    def most_gone(self) -> float:
        """The largest share of the known records that one run may archive because their rows left the
        source.
        """
        return 1.0

    @property
    def adopts_on_first_run(self) -> bool:
        """Whether a run without an ids table reads the records of its rows from the portal first."""
        return False

    @property
    def compares_with_portal(self) -> bool:
        """Whether a row is compared with HubSpot's current values, and not with what was sent last."""
        return False

    @property
    def keeps_before_images(self) -> bool:
        """Whether records are read before they are changed, so that the run can be undone."""
        return False

    @property
    def looks_up_keys_in(self) -> str | None:
        """The sync whose ids table has the record ids of the row keys."""
        return None

    @property
    def looks_up_record_ids_in(self) -> str | None:
        """The sync whose ids table has the record ids of ``record_id_column``, which then holds that sync's
        keys.
        """
        return None

    @property
    def syncs_looked_up(self) -> tuple[str, ...]:
        """The other syncs whose ids tables the operation reads: they must have run before it."""
        named = [each.through for each in self.associations]
        named += [self.looks_up_keys_in, self.looks_up_record_ids_in]
        return tuple(dict.fromkeys(each for each in named if each is not None))

    @property
    def done_outcomes(self) -> tuple[str, ...]:
        """The outcomes after which a row is not sent again until it changes."""
        return ("created", "updated", "unchanged")

    @property
    def makes_missing_properties(self) -> bool:
        """Whether properties that the portal does not have are made before the first write."""
        return False

    @property
    def property_group(self) -> str:
        """The property group that made properties go to."""
        return ""

    def definition(self) -> str:
        """Return a short hash of all that decides what is sent and how.

        A row that HubSpot rejected is sent again when this changes.
        """
        parts: dict[str, Any] = {"class": type(self).__name__}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _NOT_PART_OF_THE_WIRE:
                continue
            parts[each.name] = value.__qualname__ if isinstance(value, type) else _plain(value)
        # What can be written in several ways is hashed in one.
        parts |= {"object_type": object_type(self.object_type).name, "properties": self.property_columns}
        parts["key"] = self.key_columns
        if self.cast is not None:
            parts["cast"] = str(self.cast)
        ruled = {name: each for name, each in self.rules.items() if each != Property(each.column)}
        if ruled:
            parts["rules"] = {
                name: [each.on_invalid, str(each.cast), each.write] for name, each in ruled.items()
            }
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_NOT_PART_OF_THE_WIRE = frozenset(
    {
        "as_of",
        "cast",
        "on_duplicate",
        "when_gone",
        "max_gone",
        "adopt_existing",
        "match_existing",
        "compare",
        "max_created",
        "max_changed",
        "missing_properties",
        "property_group",
        "keep_before",
    }
)


def columns(what: str, value: str | Sequence[str]) -> tuple[str, ...]:
    """One column name or several, as a tuple; refused if there is none, or one twice."""
    if isinstance(value, AbstractSet):  # its order is another one in each process
        raise InputError(f"{what} is a set, whose names have no order.", remedy=f"Give {what} a list.")
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(names):
        raise InputError(f"{what} names no column.", remedy=f"Give {what} a column name or a list of them.")
    if len(set(names)) != len(names):
        raise InputError(f"{what} names a column twice: {list(names)}.", remedy="Name each column once.")
    return names


def known_property(what: str, name: str | None, properties: dict[str, str] | None) -> None:
    """Refuse a unique property that is not sent."""
    if name is not None and properties is not None and name not in properties:
        raise InputError(
            f"{what}={name!r} is not among the properties that are sent: {sorted(properties)}.",
            remedy=f"Add {name!r} to properties, with the column that holds it.",
        )


def refuse_record_id_property(name: str) -> None:
    """Refuse what HubSpot refuses as an id property."""
    if name == "hs_object_id":
        raise InputError(
            "HubSpot does not take hs_object_id as id_property.",
            remedy="Use Update(..., record_id='<column with record ids>').",
        )


def exactly_one(operation: Operation, *names: str) -> None:
    """Refuse none or several of fields that exclude each other."""
    given = [name for name in names if getattr(operation, name)]
    if len(given) != 1:
        choice = " or ".join(f"{name}=" for name in names)
        found = "none" if not given else " and ".join(given)
        raise InputError(
            f"{type(operation).__name__} takes exactly one of {choice}; {found} given.",
            remedy="See the docstring for which one fits the object type.",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Association):
        more = [value.through, value.replace] if value.through or value.replace else []
        return [value.to, value.column, value.type, value.category, value.required, *more]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
