"""HubSpot's objects as nodes of the asset graph: external assets below the syncs that write to them."""

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg
from dagster_shared.check import CheckError

from hubspot_batch_dagster.api.arguments import check, checked
from hubspot_batch_dagster.api.endpoints import object_type
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.definition import OBJECT_TYPE

OBJECT = "hubspot/object"
"""The metadata key by which a run finds the node of the object that it wrote to."""


@checked
def hubspot_object_specs(
    assets: Iterable[dg.AssetsDefinition], *, key_prefix: str | Sequence[str] = "hubspot"
) -> list[dg.AssetSpec]:
    """Make one node for each HubSpot object that the assets write to, below all of them.

    The node is an external asset: nothing materializes it, and every run of a sync observes it. Give all
    syncs of a project in one call: two nodes of one key would break the code location.

    Args:
        assets: The project's HubSpot assets; others are passed over.
        key_prefix: What comes before the object's name in the key of its node. A second call for other assets
            that write to the same objects needs a prefix of its own.

    Raises:
        InputError: One of the assets would have the key of a node.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import Upsert, hubspot_asset, hubspot_object_specs
        >>> @hubspot_asset(Upsert("contacts", id_property="email"))
        ... def customers():
        ...     return []
        >>> @hubspot_asset(Upsert("contacts", id_property="email"))
        ... def leads_of_the_fair():
        ...     return []
        >>> [node] = hubspot_object_specs([customers, leads_of_the_fair])
        >>> node.key.to_user_string(), sorted(dep.asset_key.to_user_string() for dep in node.deps)
        ('hubspot/contacts', ['customers', 'leads_of_the_fair'])
        >>> defs = dg.Definitions(assets=[customers, leads_of_the_fair, node])
    """
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
    writers: dict[str, list[dg.AssetKey]] = {}
    keys: set[dg.AssetKey] = set()
    for asset in assets:
        check("hubspot_object_specs", "assets", asset, dg.AssetsDefinition)
        keys |= set(asset.keys)
        for spec in asset.specs:
            kind = spec.metadata.get(OBJECT_TYPE)
            if kind is not None:
                writers.setdefault(object_type(str(_plain(kind))).name, []).append(spec.key)
    nodes = [
        dg.AssetSpec(
            key=[*prefix, name],
            deps=sorted(set(found)),
            description=f"The {name} of the HubSpot account.",
            group_name="hubspot",
            kinds={"hubspot"},
            metadata={
                OBJECT: name,
                "dagster/storage_kind": "hubspot",
                "dagster/table_name": f"hubspot.{name}",
            },
        )
        for name, found in sorted(writers.items())
    ]
    for node in nodes:
        if node.key in keys:
            raise InputError(
                f"The node of the object has the key {node.key.to_user_string()}, and so has one of the"
                " assets.",
                remedy="Give another key_prefix.",
            )
    return nodes


def observe_object(context: dg.AssetExecutionContext, counts: dict[str, int], url: str | None) -> None:
    """Tell the node of the object, if the project has one, what a run did to it."""
    try:
        graph = context.repository_def.asset_graph
        below = [graph.get(key) for key in graph.get(context.asset_key).child_keys]
    except (CheckError, dg.DagsterError, AttributeError, KeyError):
        return  # a run in this process, without a code location
    for node in below:
        if OBJECT in node.metadata:
            metadata: dict[str, Any] = {"written_by": dg.MetadataValue.asset(context.asset_key)}
            metadata |= {name: n for name, n in counts.items() if n}
            if url is not None:
                metadata["records_url"] = dg.MetadataValue.url(url)
            metadata |= {name: n for name, n in counts.items() if not n}  # for Dagster's plots
            context.log_event(dg.AssetObservation(asset_key=node.key, metadata=metadata))


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
