"""How the columns go to HubSpot: the portal is asked for its definitions, and the columns are bound to
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hubspot_batch_dagster.api.errors import Forbidden, HubSpotError, InputError, StoreError
from hubspot_batch_dagster.sync.associations.types import TypedAssociation, typed_associations
from hubspot_batch_dagster.sync.associations.writer import AssociationWriter
from hubspot_batch_dagster.sync.column_mapping import bind
from hubspot_batch_dagster.sync.context import RunContext
from hubspot_batch_dagster.sync.schema.preflight import Inquiry, Preflight
from hubspot_batch_dagster.table.encode import Encoder

T = TypeVar("T")


@dataclass(frozen=True)
class Schema:
    """How the columns of the table go to HubSpot.

    Attributes:
        preflight: What the portal says of the properties.
        associations: Writes the operation's associations.
        encoder: Turns rows into what is sent.
    """

    preflight: Preflight
    associations: AssociationWriter
    encoder: Encoder

    def definition(self, run: RunContext) -> str:
        """Return a short hash of all that decides what is sent and how."""
        return self.preflight.definition(run.operation)

    @property
    def number_properties(self) -> set[str]:
        """The properties whose values are numbers, as far as the portal says so."""
        definitions = [each.definition for each in self.encoder.layout.fields if each.definition is not None]
        return {each.name for each in definitions if each.type == "number"}


def resolve_schema(run: RunContext) -> Schema:
    """Ask the portal for the properties and the association types, and bind the columns to them.

    If the portal does not answer, the run stops here, and goes on with nothing to send: what was open stays
    open.

    Raises:
        InputError: A column, the unique property, a label or the portal itself is not what it must be.
        Forbidden: The token may not read what the run needs.
    """
    preflight = _answered(run, lambda: _preflight(run), Preflight())
    associations: tuple[TypedAssociation, ...] = _answered(
        run, lambda: typed_associations(run.operation, run.requester.labels), ()
    )
    encoder = bind(run.operation, run.definition.source.schema, preflight.encoded(), associations)
    return Schema(preflight, AssociationWriter(run.object_type, associations, run.requester), encoder)


def _preflight(run: RunContext) -> Preflight:
    if run.portal is None:
        return Preflight()
    inquiry = Inquiry(run.portal, run.requester.ask, run.options.on_warning, run.store, run.name)
    return inquiry.preflight(run.operation, run.definition.source.schema)


def _answered(run: RunContext, ask: Callable[[], T], nothing: T) -> T:
    """Return the answer; ``nothing`` if the portal does not give one, which stops the run."""
    try:
        return ask()
    except (InputError, Forbidden, StoreError):
        raise
    except HubSpotError as error:
        run.stop.set(error)
        return nothing
