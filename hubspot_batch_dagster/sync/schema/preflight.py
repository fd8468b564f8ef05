"""The preflight: what a run finds out about the portal before its first write, in at most three requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from hubspot_batch_dagster.api.definitions import PropertyCreate
from hubspot_batch_dagster.api.endpoints import CUTTING_TIMES, object_type
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.sync.column_mapping import mapped
from hubspot_batch_dagster.sync.schema.column_checks import check_columns, check_unique, unknown_properties
from hubspot_batch_dagster.sync.schema.definitions import Definitions, pipeline_properties
from hubspot_batch_dagster.sync.schema.drift import (
    Drift,
    Snapshot,
    drift,
    read_snapshot,
    refusing,
    write_snapshot,
)
from hubspot_batch_dagster.sync.schema.new_properties import (
    as_definition,
    make_properties,
    planned_properties,
)
from hubspot_batch_dagster.sync.schema.owners import Ask, OwnersOfRun
from hubspot_batch_dagster.sync.schema.portal import Portal, Warn
from hubspot_batch_dagster.sync.schema.required_properties import CreateRules, create_rules
from hubspot_batch_dagster.sync.state.store import Store
from hubspot_batch_dagster.table.layout import Definition

KEPT_IN = "portal.json"


@dataclass(frozen=True)
class Preflight:
    """What a run knows of the portal.

    Attributes:
        portal_id: The account; ``None`` where it is not known.
        definitions: Of the object type; ``None`` where they are not known: then columns are written by their
            own type.
        mapping: Property -> column.
        rules: What new records need; ``None`` if nothing.
        missing: Properties that the run makes before its first write.
        drift: What changed since the last run.
    """

    portal_id: int | None = None
    definitions: Definitions | None = None
    mapping: Mapping[str, str] | None = None
    rules: CreateRules | None = None
    missing: tuple[PropertyCreate, ...] = ()
    drift: Drift = field(default_factory=Drift)

    def definition(self, operation: Operation) -> str:
        """Return a short hash of all that decides what is sent and how: the operation, and the definitions it
        meets.
        """
        if self.definitions is None or self.mapping is None:
            return operation.definition()
        return f"{operation.definition()}{self.definitions.fingerprint(self.mapping)}"

    def encoded(self) -> dict[str, Definition]:
        """Return the mapped properties as the encoder wants them."""
        if self.definitions is None or self.mapping is None:
            return {}
        return self.definitions.encoded(self.mapping)

    def keep(self, store: Store, name: str, folder: Path, generation: int) -> None:
        """Keep the definitions beside the ids table, for the next run to compare with."""
        if self.definitions is None or self.mapping is None:
            return
        written = folder / KEPT_IN
        write_snapshot(
            written, self.definitions.kind, self.portal_id, self.definitions.snapshot(self.mapping)
        )
        store.put_version(name, generation, written, KEPT_IN)

    def is_kept(self, store: Store, name: str) -> bool:
        """Whether the definitions that are kept beside the ids table are these."""
        if self.definitions is None or self.mapping is None:
            return True
        with store.local(name, KEPT_IN) as path:
            now: Snapshot = json.loads(json.dumps(self.definitions.snapshot(self.mapping)))
            return read_snapshot(path) == now

    def make_missing(self, portal: Portal, operation: Operation, ask: Ask) -> None:
        """Make the properties that are missing; called once the plan is settled, and never by a dry run."""
        if self.missing:
            make_properties(portal.client, operation.object_type, self.missing, ask)
            portal.properties(operation.object_type, ask, fresh=True)


@dataclass(frozen=True)
class Inquiry:
    """How a run asks the portal.

    Attributes:
        portal: The portal.
        ask: How to read.
        warn: Where to say what cannot be read.
        store: Where the last run's definitions are.
        name: Of the sync.
    """

    portal: Portal
    ask: Ask
    warn: Warn
    store: Store
    name: str

    def preflight(self, operation: Operation, schema: pa.Schema) -> Preflight:
        """Ask what a run needs to know, and refuse what cannot be sent.

        Args:
            operation: What the user asks for.
            schema: The columns of the table; empty for an empty source.

        Raises:
            InputError: A column, the unique property or the portal itself is not what it must be.
            DriftRefused: The same, after a change of the portal's definitions that takes a column away.
            HubSpotError: HubSpot does not answer, or does not accept the token.
        """
        mapping = mapped(operation, schema)
        account = None
        if self.portal.check or self.portal.pinned is not None:
            account = self.portal.account(self.ask, self.warn)
        portal_id = account.portal_id if account is not None else None
        makes = operation.makes_records
        types = [operation.object_type, *(each.to for each in operation.associations)]
        self.portal.learn_types(types, self.ask, self.warn)
        if not self.portal.check or not (mapping or makes or operation.id_property_name):
            return Preflight(portal_id)
        definitions = self._definitions(operation, mapping)
        if definitions is None:
            return Preflight(portal_id, rules=create_rules(operation, mapping, None))
        definitions, missing = self._completed(operation, mapping, schema, definitions)
        found = drift(self._last(), mapping, definitions)
        made = {each.name for each in missing}
        archived = (
            self.portal.archived(operation.object_type, self.ask)
            if unknown_properties(mapping, definitions)
            else set()
        )
        with refusing(found):
            if operation.sends_properties:
                check_columns(operation, mapping, definitions, archived, made)
            check_unique(operation, definitions, made)
        rules = create_rules(operation, mapping, definitions)
        return Preflight(portal_id, definitions, mapping, rules, missing, found)

    def _last(self) -> Snapshot | None:
        with self.store.local(self.name, KEPT_IN) as path:
            return read_snapshot(path)

    def _definitions(self, operation: Operation, mapping: Mapping[str, str]) -> Definitions | None:
        kind, portal = operation.object_type, self.portal
        schema = None
        staged = bool(set(pipeline_properties(kind)) & set(mapping))
        makes = operation.makes_records
        if staged and object_type(kind).custom:
            # One request for both: the schema holds the properties too, and three requests are the most.
            schema = portal.schema(kind, self.ask, self.warn)
        found = portal.properties_with(kind, mapping, self.ask, self.warn)
        if found is None:
            return None
        properties, complete = found
        if makes and schema is None:
            schema = portal.schema(kind, self.ask, self.warn)
        return Definitions(
            kind=object_type(kind).name,
            properties=properties,
            pipelines=portal.pipelines(kind, self.ask) if staged else (),
            required=tuple(schema.required_properties) if schema is not None and makes else (),
            complete=complete,
            owners=OwnersOfRun(portal.owners, self.ask),
            cuts_times=portal.client.version in CUTTING_TIMES,
        )

    def _completed(
        self, operation: Operation, mapping: Mapping[str, str], schema: pa.Schema, definitions: Definitions
    ) -> tuple[Definitions, tuple[PropertyCreate, ...]]:
        """Return the definitions with the properties that will be made, and how they will be made."""
        missing = unknown_properties(mapping, definitions)
        if not missing or not operation.makes_missing_properties or len(schema) == 0:
            return definitions, ()
        planned = planned_properties(operation, missing, mapping, schema, operation.property_group)
        made = {each.name: as_definition(each) for each in planned}
        return replace(definitions, properties={**definitions.properties, **made}), tuple(planned)
