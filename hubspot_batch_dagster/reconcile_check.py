"""A check for a weekly schedule: does HubSpot still have what an asset sent?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.resource import HubSpotResource
from hubspot_batch_dagster.sync.state.names import joined_name

if TYPE_CHECKING:
    from hubspot_batch_dagster.sync.reconciliation.reconcile import Reconciliation

NAME = "still_in_hubspot"

SHOWN = 20
"""Records shown: Dagster renders every row of a table, without pages."""


@checked
def hubspot_reconcile_check(
    asset: dg.AssetsDefinition | dg.AssetKey | str,
    *,
    properties: Sequence[str] = (),
    sample: int | None = None,
    max_amiss: float = 0.0,
    sync: str | None = None,
    name: str = NAME,
) -> dg.AssetChecksDefinition:
    """Make a check that reads an asset's records in HubSpot, with their associations, and tells which are no
    longer as they were sent.

    It is not part of the asset's own step: give it a schedule of its own. It warns, and never blocks.
    ``repair`` is a command: ``hubspot-batch-dagster reconcile SYNC --repair``.

    Args:
        asset: The asset whose records are read.
        properties: Properties that nobody else should change; those alone are looked at.
        sample: Read so many records, chosen by chance; ``None`` reads all, 100 a request.
        max_amiss: The part of the records read, from 0 to 1, that may be changed, archived, merged or gone;
            and the part of the associations that may be missing, too many or unknown.
        sync: Whose ids table is read; by default the asset's key joined by ``/``.
        name: The check's name.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import hubspot_reconcile_check
        >>> check = hubspot_reconcile_check("contacts", properties=["lifecyclestage"], sample=5_000)
        >>> weekly = dg.ScheduleDefinition(
        ...     name="weekly", target=dg.AssetSelection.checks(check), cron_schedule="0 6 * * 0"
        ... )
    """
    key = asset.key if isinstance(asset, dg.AssetsDefinition) else asset
    try:
        named = dg.AssetKey.from_user_string(key) if isinstance(key, str) else key
    except dg.DagsterInvalidDefinitionError as error:
        raise InputError(f"asset is {key!r}: {error}", remedy="Give the asset, or its key.") from None
    if (
        not named.path
        or not all(named.path)
        or (sample is not None and sample < 1)
        or not 0 <= max_amiss <= 1
    ):
        raise InputError(
            f"asset={key!r}, sample={sample!r}, max_amiss={max_amiss!r} cannot be meant.",
            remedy="Give an asset, a number of records of 1 or more, and a part from 0 to 1.",
        )
    whose = sync or joined_name(named.path)

    @dg.asset_check(
        asset=named,
        name=name,
        description="HubSpot still has the asset's records and associations as they were sent.",
    )
    def still_in_hubspot(hubspot: HubSpotResource) -> dg.AssetCheckResult:
        found = hubspot.reconcile(whose, properties=properties, sample=sample)
        return _result(found, max_amiss)

    return still_in_hubspot


def _result(found: "Reconciliation", max_amiss: float) -> dg.AssetCheckResult:
    amiss, read = found.amiss.num_rows, found.table.num_rows
    counts = {f"records_{state}": dg.MetadataValue.int(n) for state, n in found.counts.items()}
    of_associations, in_bounds = _of_associations(found, max_amiss)
    return dg.AssetCheckResult(
        passed=amiss <= max_amiss * read and in_bounds,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(found),
        metadata={
            **counts,
            "records_known": found.known,
            "requests": found.requests,
            **({"sample": _table(found.sample(SHOWN))} if amiss else {}),
            **of_associations,
        },
    )


def _of_associations(found: "Reconciliation", max_amiss: float) -> tuple[dict[str, Any], bool]:
    """Return the metadata of associations, and whether no more of them are amiss than may be."""
    associations = found.associations
    if associations is None:
        return {}, True
    amiss, read = associations.amiss.num_rows, associations.table.num_rows
    metadata: dict[str, Any] = {
        f"associations_{state}": dg.MetadataValue.int(n) for state, n in associations.counts.items()
    }
    if amiss:
        metadata["associations_sample"] = _table(associations.sample(SHOWN))
    return metadata, amiss <= max_amiss * read


def _table(lines: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    columns = list(lines[0])
    records = [dg.TableRecord({name: _cell(value) for name, value in line.items()}) for line in lines]
    return dg.MetadataValue.table(
        records, schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    )


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
