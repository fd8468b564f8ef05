"""What the component tests share: a component loaded from YAML as Dagster loads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster.components.testing import create_defs_folder_sandbox

from hubspot_batch_dagster import HubSpotResource, HubSpotSyncComponent

CONTACTS: Mapping[str, Any] = {
    "asset": {"key": "crm/contacts"},
    "source": {"asset": "customers"},
    "operation": "upsert",
    "object_type": "contacts",
    "id_property": "email",
}
KEY = dg.AssetKey(["crm", "contacts"])


@contextmanager
def loaded(
    *, kind: type[HubSpotSyncComponent] = HubSpotSyncComponent, **attributes: Any
) -> Iterator[tuple[HubSpotSyncComponent, dg.Definitions]]:
    """The component and its definitions; attributes that are None are left out."""
    given = {name: value for name, value in {**CONTACTS, **attributes}.items() if value is not None}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=kind,
            defs_yaml_contents={"type": f"{kind.__module__}.{kind.__name__}", "attributes": given},
        )
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, defs):
            assert isinstance(component, kind)
            yield component, defs


def refusal(**attributes: Any) -> str:
    """What Dagster says of attributes that cannot be loaded: the error and its causes."""
    try:
        with loaded(**attributes):
            pass
    except Exception as error:  # Dagster wraps ours in its own
        return told_by(error)
    raise AssertionError("it was loaded")


def told_by(error: BaseException) -> str:
    """What an error and its causes say."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__
    return "\n".join(said)


def run(
    defs: dg.Definitions,
    hubspot: HubSpotResource,
    *others: dg.AssetsDefinition,
    partition: str | None = None,
    **config: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize everything in this process, on the fixture's HubSpot."""
    everything = dg.Definitions.merge(
        defs, dg.Definitions(assets=list(others), resources={"hubspot": hubspot})
    )
    run_config = {"ops": {"crm__contacts": {"config": config}}} if config else None
    return everything.resolve_implicit_global_asset_job_def().execute_in_process(
        run_config=run_config, partition_key=partition, raise_on_error=False
    )


def counts(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    """The outcomes that the materialization reports, without the zeros."""
    assert result.success, [event.event_specific_data for event in result.get_step_failure_events()]
    (found,) = result.asset_materializations_for_node("crm__contacts")
    outcomes = ("created", "updated", "archived", "unchanged", "rejected", "unknown", "unsent")
    return {name: int(found.metadata[name].value) for name in outcomes if found.metadata[name].value}
