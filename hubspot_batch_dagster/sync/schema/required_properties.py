"""What a record needs before HubSpot makes it, checked row by row before anything is sent.

A rule refuses only where HubSpot certainly refuses. What its pages list and its examples or guides contradict
is a warning, and HubSpot answers for itself. Rows that change a record need none of it, so the plan decides
for which rows a missing value counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.schema.definitions import Definitions, pipeline_properties
from hubspot_batch_dagster.table.kernels import Array, cells, pc

Choice = tuple[str, ...]
"""Properties of which one suffices."""


@dataclass(frozen=True)
class Needed:
    """What HubSpot is said to need of a new record.

    Attributes:
        choice: Properties of which one suffices.
        source: Who says so.
        certain: Whether HubSpot refuses a record without it for sure. Otherwise it is warned of.
    """

    choice: Choice
    source: str
    certain: bool = True

    def __str__(self) -> str:
        return " or ".join(self.choice)


_LIST = "'Using object APIs', required properties"
_TIME = Needed(("hs_timestamp",), _LIST)
_SCHEMA = "the object's schema, requiredProperties"


def _listed(*choices: Choice) -> tuple[Needed, ...]:
    """Return lists that HubSpot's own guides and examples contradict."""
    return tuple(Needed(each, _LIST, certain=False) for each in choices)


_STAGED = _listed(("hs_name",), ("hs_pipeline",), ("hs_pipeline_stage",))

NEEDED: Mapping[str, tuple[Needed, ...]] = {
    "calls": (_TIME,),
    "notes": (_TIME,),
    "tasks": (_TIME,),
    "meetings": (_TIME,),
    "postal_mail": (_TIME,),
    "communications": (_TIME, Needed(("hs_communication_channel_type",), _LIST)),
    "emails": (_TIME, Needed(("hs_email_direction",), _LIST)),
    "leads": (Needed(("hs_lead_name",), "the leads guide"),),
    "companies": _listed(("name", "domain")),
    "deals": _listed(("dealname",), ("dealstage",), ("pipeline",)),
    "tickets": _listed(("subject",), ("hs_pipeline_stage",), ("hs_pipeline",)),
    "products": _listed(("name",)),
    "services": _STAGED,
    "projects": _STAGED,
    "users": _listed(("hs_internal_user_id",), ("hs_email",)),
}
"""In every version. A deal without a pipeline goes to the default one (deals guide), a ticket with nothing
but a stage is in HubSpot's own examples, and what 2026-09 enforces are the rules of a portal's administrator
and not these lists.
"""

MISSING = "MISSING_REQUIRED_PROPERTY"
MISSING_CONTACT = "MISSING_REQUIRED_ASSOCIATION"

_REASONS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "column": pa.string(),
    "property": pa.string(),
    "code": pa.string(),
    "message": pa.string(),
}
_Reason = tuple[str | None, str | None, str, str]
"""Column, property, code and message."""

REASONS = pa.schema(_REASONS)
"""Why rows cannot become new records: position, column, property, code, message."""

_DOUBTFUL: dict[str, pa.DataType] = {"row": pa.int64(), "doubt": pa.int32()}
DOUBTFUL = pa.schema(_DOUBTFUL)
"""Which of ``CreateRules.doubts`` there are about which rows."""


@dataclass(frozen=True)
class CreateRules:
    """The rules for new records of one operation.

    Attributes:
        mapping: Property -> column.
        needed: What a new record needs.
        contact: Whether it needs an association to a contact.
        stages: Pipeline id -> ids of its stages, the default pipeline first; empty where no stage is sent.
        pipeline: The pipeline's property.
        stage: The stage's property.
    """

    mapping: Mapping[str, str]
    needed: tuple[Needed, ...] = ()
    contact: bool = False
    stages: Mapping[str, tuple[str, ...]] | None = None
    pipeline: str = ""
    stage: str = ""

    def check(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Table]:
        """Hold encoded rows against the rules.

        Returns:
            For each row that cannot become a new record its first reason, and a message of all, with the
            schema ``REASONS``; and for each doubt about a row its place in ``doubts``, with the schema
            ``DOUBTFUL``.
        """
        return self._incomplete(rows), self._doubtful(rows)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What may be wrong with new records, though only HubSpot can say."""
        lists = tuple(
            f"lack {each}, which {each.source} names; HubSpot may make them all the same"
            for each in self.needed
            if not each.certain
        )
        stages = (
            f"have a {self.stage} that is none of the first pipeline's and name no {self.pipeline}",
            f"have a {self.stage} that is none of their {self.pipeline}'s",
        )
        return (*lists, *(f"{each}; HubSpot may refuse them" for each in stages)) if self.stages else lists

    @property
    def doubts_about_all(self) -> frozenset[int]:
        """The places in ``doubts`` that are about every new record: no column is sent as the property."""
        doubted = [each for each in self.needed if not each.certain]
        return frozenset(at for at, each in enumerate(doubted) if not set(each.choice) & set(self.mapping))

    def _doubtful(self, rows: pa.RecordBatch) -> pa.Table:
        text = rows.column("properties")
        masks = [self._lacking(text, each.choice) for each in self.needed if not each.certain]
        if self.stages:
            masks += [self._not_in_default(text), self._misplaced(text)]
        parts = []
        for number, mask in enumerate(masks):
            if number not in self.doubts_about_all:
                row = rows.column("row").filter(pc.fill_null(mask, False))
                doubt = pa.array([number] * len(row), pa.int32())
                parts.append(pa.RecordBatch.from_arrays([row, doubt], schema=DOUBTFUL))
        return pa.Table.from_batches(parts, DOUBTFUL)

    @staticmethod
    def _lacking(text: Array, choice: Choice) -> Array:
        return pc.invert(_any([_present(text, name) for name in choice], len(text)))

    def also_lacking(self, withheld: pa.RecordBatch) -> pa.RecordBatch:
        """Return what rows lack besides that are rejected for the columns in ``faulty``: of those nothing
        more is told.

        Returns:
            Reasons, as from :meth:`check`.
        """
        return self._incomplete(withheld, [set(each) for each in cells(withheld.column("faulty"))])

    def _incomplete(self, rows: pa.RecordBatch, faulty: list[set[str]] | None = None) -> pa.RecordBatch:
        found: dict[int, list[_Reason]] = {}
        text = rows.column("properties")
        for each in self.needed:
            filled_by = {self.mapping[name] for name in each.choice if name in self.mapping}
            for at in _places(self._lacking(text, each.choice)) if each.certain else ():
                if faulty is None or not filled_by & faulty[at]:
                    found.setdefault(at, []).append(self._lacks(each.choice))
        if self.contact:
            for at in _places(rows.column("associations").is_null()):
                if faulty is not None and faulty[at] - set(self.mapping.values()):
                    continue
                said = (
                    "HubSpot makes no lead without its contact. Fill the contact's id, or leave the row out."
                )
                found.setdefault(at, []).append((None, None, MISSING_CONTACT, said))
        reasons = {at: (*each[0][:3], " Also ".join(one[3] for one in each)) for at, each in found.items()}
        order = sorted(reasons)
        row = rows.column("row").take(pa.array(order, pa.int64()))
        columns = list(zip(*(reasons[at] for at in order), strict=True)) or [()] * (len(REASONS) - 1)
        return pa.RecordBatch.from_arrays(
            [row, *(pa.array(each, pa.string()) for each in columns)], schema=REASONS
        )

    def _lacks(self, choice: Choice) -> _Reason:
        name = next((each for each in choice if each in self.mapping), choice[0])
        column = self.mapping.get(name)
        what = " or ".join(choice)
        remedy = (
            "Fill it, or leave the row out." if column else "Send a column as it: name it in properties=."
        )
        return column, name, MISSING, f"{column or name}: HubSpot makes no record without {what}. {remedy}"

    def _not_in_default(self, text: Array) -> Array:
        """Where a stage stands without a pipeline, and is none of the first pipeline's: that one seems to be
        the default.
        """
        assert self.stages
        stages = next(iter(self.stages.values()))
        stage = _value(text, self.stage)
        alone = pc.and_(pc.not_equal(stage, ""), pc.invert(_present(text, self.pipeline)))
        return pc.and_(alone, pc.invert(pc.is_in(stage, value_set=pa.array(stages, pa.string()))))

    def _misplaced(self, text: Array) -> Array:
        """Where a stage is none of the pipeline that stands beside it."""
        assert self.stages
        pipeline, stage = _value(text, self.pipeline), _value(text, self.stage)
        masks = [
            pc.and_(
                pc.and_(pc.equal(pipeline, name), pc.not_equal(stage, "")),
                pc.invert(pc.is_in(stage, value_set=pa.array(stages, pa.string()))),
            )
            for name, stages in self.stages.items()
        ]
        return _any(masks, len(text))


def create_rules(
    operation: Operation, mapping: Mapping[str, str], definitions: Definitions | None
) -> CreateRules | None:
    """Return the rules that an operation's rows are held against; ``None`` if there are none.

    An upsert by a unique property may find a record for every row, so only HubSpot can say what is missing
    there.

    Raises:
        InputError: A create sends no column for what HubSpot needs of every new record.
    """
    kind = object_type(operation.object_type).name
    makes = "create" in operation.actions
    needed = NEEDED.get(kind, ()) if makes else ()
    if makes and definitions is not None:
        needed = (*needed, *(Needed((name,), _SCHEMA) for name in definitions.required))
    contact = makes and kind == "leads"
    if makes and not operation.updates_made_records:
        _check_columns(kind, mapping, needed)
    if contact:
        _check_contact(operation)
    pipeline, stage = pipeline_properties(kind)
    stages = {
        each.id: tuple(one.id for one in each.stages if not one.archived)
        for each in (definitions.pipelines if definitions is not None else ())
    }
    if not needed and not contact and not stages:
        return None
    return CreateRules(mapping, needed, contact, stages if stage in mapping else None, pipeline, stage)


def _check_columns(kind: str, mapping: Mapping[str, str], needed: tuple[Needed, ...]) -> None:
    missing = [str(each) for each in needed if each.certain and not set(each.choice) & set(mapping)]
    if missing:
        raise InputError(
            f"HubSpot makes no {kind} without {', '.join(missing)}, and no column is sent as that. Nothing"
            " was sent.",
            remedy="Add a column for it to properties=.",
        )


def _check_contact(operation: Operation) -> None:
    """Check that a lead names its contact, to which it belongs from its first moment ("Leads guide")."""
    linked = [object_type(each.to).name for each in operation.associations]
    if "contacts" not in linked:
        raise InputError(
            "HubSpot makes no lead without an association to a contact. Nothing was sent.",
            remedy=(
                "Add associations=[Association('contacts', column='<column with contact ids>', type=578)]."
            ),
        )


def _present(text: Array, name: str) -> Array:
    """Where the JSON texts have a value for a property; in JSON text a quote inside a value is escaped, so
    this is exact.
    """
    has = pc.match_substring(text, f'"{name}":"')
    return pc.and_(has, pc.invert(pc.match_substring(text, f'"{name}":""')))


def _value(text: Array, name: str) -> Array:
    """Return the property's value in the JSON texts; empty where there is none. Values with escapes are cut,
    and no id has any.
    """
    found = pc.extract_regex(text, rf'"{re.escape(name)}":"(?P<value>[^"\\]*)')
    return pc.fill_null(pc.struct_field(found, "value"), "")


def _any(masks: list[Array], rows: int) -> Array:
    found: Array = pa.array([False] * rows, pa.bool_())
    for mask in masks:
        found = pc.or_(found, mask)
    return found


def _places(mask: Array) -> list[int]:
    return cells(pc.indices_nonzero(pc.fill_null(mask, False)))
