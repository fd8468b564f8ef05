"""hubspot_asset: an asset whose rows go to HubSpot and whose value is the ids table."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.associations_check import association_specs
from hubspot_batch_dagster.checks import Tolerance, check_specs
from hubspot_batch_dagster.definition import (
    HubSpotSync,
    HubSpotTranslator,
    asset_options,
    introduced,
    with_syncs,
)
from hubspot_batch_dagster.execution import HubSpotRunConfig, Sending, materialize, step, sync_name
from hubspot_batch_dagster.ids_value import IdsForm, check_ids
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.returned_rows import plain_function, signature_of
from hubspot_batch_dagster.step_options import refuse_options
from hubspot_batch_dagster.sync.state.names import joined_name

__all__ = ["HubSpotRunConfig", "hubspot_asset"]


@checked
def hubspot_asset(
    operation: Operation,
    *,
    max_rejected: float = 0.05,
    max_unknown: float = 0,
    max_unresolved: float | None = None,
    ids: IdsForm | None = None,
    resource: str | Mapping[str, str] = "hubspot",
    translator: HubSpotTranslator | None = None,
    portal: str | Path | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset of a function that returns rows: the rows go to HubSpot, the ids table is the asset's
    value.

    Thin over :func:`dagster.asset`. The function may take ``context``, ``config``, upstream assets and
    resources as usual, and may return anything with an Arrow C stream (pandas, polars, pyarrow, DuckDB), a
    record batch reader, a list of dicts, or be a generator of dicts or of frames with the same columns.

    The asset reports four checks: ``rows_accounted_for``, ``rows_rejected``, ``rows_unknown`` and
    ``portal_schema``; with associations also ``associations_resolved``. Assets whose keys the operation looks
    up (``through``) become upstream dependencies, unless they are that already.

    Args:
        operation: What to do with the rows: ``Create``, ``Upsert``, ``Update`` or ``Archive``.
        max_rejected: Up to so many rejected rows the check only warns; above, the step fails after the value
            was saved, and nothing downstream runs in this run. A number of rows, or a share of them (default
            5 %).
        max_unknown: The same for rows whose answer was lost and that HubSpot does not show (default none). A
            RetryPolicy makes another attempt, which looks again.
        max_unresolved: The same for associations that are wanted and not made: above it the step fails. By
            default they only warn.
        ids: What the IO manager is given: the ids table as ``"arrow"``, ``"pandas"`` or ``"polars"``, or
            ``"none"``: the asset has no value, and the table is in the store alone. By default what the IO
            manager takes, as far as it says so, else what the function is annotated to return, else Arrow.
        resource: Key of the :class:`HubSpotResource`. For several portals a mapping of partition key to
            resource key: each partition goes to its own portal, and has an ids table of its own.
        translator: Changes how the asset introduces itself; see :class:`HubSpotTranslator`.
        portal: A file that ``hubspot-batch-dagster portal --out`` wrote. The columns get the portal's types,
            labels and descriptions, and ``dg check defs`` refuses what the portal would refuse, such as a
            misspelt property. A code location that loads only warns of it: the file may be older than
            HubSpot, and a run asks HubSpot itself.
        **options: Passed to :func:`dagster.asset`. All partitions share one ids table, so a row is known
            whichever partition brings it. By default ``pool="hubspot"`` and the kind ``hubspot``. A function
            with ``check_specs`` of its own is a generator, and yields their results between its rows.

    Raises:
        InputError: The operation archives what left the source, and a partition is never the whole source. Or
            ``config_schema``, ``required_resource_keys`` or ``resource_defs`` is given: config and resources
            are parameters. When definitions are checked, also: the portal would refuse the operation, or the
            file holds no definitions.

    Examples:
        >>> import pandas as pd
        >>> from hubspot_batch_dagster import Upsert, hubspot_asset
        >>> @hubspot_asset(Upsert("contacts", id_property="email"), group_name="crm")
        ... def contacts(customers: pd.DataFrame) -> pd.DataFrame:
        ...     return customers[["email", "firstname"]]
    """
    tolerance = Tolerance(max_rejected, max_unknown, max_unresolved)
    check_ids(ids)
    refuse_options(options)

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        sending = Sending(operation, tolerance, ids, signature_of(function).return_annotation)
        body = step(
            function,
            resource,
            lambda context, rows, hubspot, config: materialize(
                context, rows, hubspot, config, sending, sync_name(context, resource)
            ),
        )
        made = made_asset(function, body, operation, dict(options), translator, portal)
        refuse_portals(resource, made.partitions_def)
        return made

    return decorate


def made_asset(
    function: Callable[..., Any],
    body: Callable[..., Any],
    operation: Operation,
    options: dict[str, Any],
    translator: HubSpotTranslator | None = None,
    portal: str | Path | None = None,
) -> dg.AssetsDefinition:
    """Return an asset over a body, which introduces itself by its operation.

    Args:
        function: What the user wrote.
        body: The step around it.
        operation: What is done in HubSpot.
        options: Arguments of :func:`dagster.asset`.
        translator: What changes the spec.
        portal: Kept definitions, against which the operation is held.
    """
    own_words = options.get("description") is not None
    options.setdefault("description", inspect.getdoc(plain_function(function)))
    options.setdefault("pool", "hubspot")
    options["output_required"] = False  # a dry run materializes nothing
    options["kinds"] = {"hubspot", *(options.get("kinds") or ())}
    own_checks = options.pop("check_specs", None) or []
    if options.get("key") is None:
        options["key"] = _key(function, options)
    for name in ("name", "key_prefix"):
        options.pop(name, None)
    # Made twice: what its upstream assets are is known once it is made, and the spec tells of them.
    draft: dg.AssetsDefinition = dg.asset(**options)(body)
    spec = with_syncs(introduced(draft.get_asset_spec(), operation, own_words=own_words), operation)
    if portal is not None:
        spec = _known(spec, operation, portal)
    if translator is not None:
        spec = translator.get_asset_spec(HubSpotSync(operation, spec))
    joined_name(spec.key.path)  # of its parts the name of the sync is made
    if spec.partitions_def is not None:
        refuse_archiving(operation)
    named = {*inspect.signature(body).parameters, *(options.get("ins") or ())}
    inputs = [key for name, key in draft.keys_by_input_name.items() if name in named]
    options |= asset_options(spec, inputs)
    options["check_specs"] = [
        *check_specs(spec.key),
        *association_specs(spec.key, operation),
        *own_checks,
    ]
    made: dg.AssetsDefinition = dg.asset(**options)(body)
    return made


def _known(spec: dg.AssetSpec, operation: Operation, path: str | Path) -> dg.AssetSpec:
    from hubspot_batch_dagster.known_portal import (
        KnownPortal,
    )  # brings the client, which only a run needs else

    portal = KnownPortal.read(path)
    if portal is None:
        return spec
    portal.hold(operation, spec.key)
    return portal.describe(spec, operation)


def refuse_archiving(operation: Operation) -> None:
    """Refuse to archive what left the source where the source is a partition: the other partitions' rows are
    not gone.
    """
    if operation.archives_gone:
        raise InputError(
            "when_gone='archive' cannot be used with partitions: every partition would archive the rows of"
            " the others.",
            remedy=(
                "Send the whole table in one unpartitioned asset, or archive with an Archive(...) asset of"
                " its own."
            ),
        )


def refuse_portals(resource: object, partitions: dg.PartitionsDefinition[Any] | None) -> None:
    """Refuse several portals where no partition says which one is meant, or one of those that are known says
    none.
    """
    if not isinstance(resource, Mapping):
        return
    if partitions is None:
        raise InputError(
            "resource names a portal for each partition, and the asset has no partitions.",
            remedy="Give partitions_def, or one key of a resource.",
        )
    parts = [partitions]
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        parts = [each.partitions_def for each in partitions.partitions_defs]
    if all(isinstance(each, dg.StaticPartitionsDefinition) for each in parts):
        missing = [[key for key in each.get_partition_keys() if key not in resource] for each in parts]
        if all(missing):
            keys = min(missing, key=lambda keys: len(keys))
            raise InputError(
                f"resource names no portal for the partitions {', '.join(keys)}.",
                remedy="Add them, each with the key of its resource.",
            )


def _key(function: Callable[..., Any], options: dict[str, Any]) -> dg.AssetKey:
    if options.get("key") is not None:
        return dg.AssetKey.from_coercible(options["key"])
    prefix = options.get("key_prefix") or []
    parts = [prefix] if isinstance(prefix, str) else list(prefix)
    name = options.get("name") or getattr(plain_function(function), "__name__", None)
    if not isinstance(name, str):
        raise InputError("The asset has no name.", remedy="Decorate a function, or give name=.")
    return dg.AssetKey([*parts, name])
