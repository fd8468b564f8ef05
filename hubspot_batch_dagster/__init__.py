"""Tables into HubSpot from Dagster: every row accounted for, no record made twice.

Names are loaded when first used, so that ``import hubspot_batch_dagster.api`` costs neither Dagster nor
Arrow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubspot_batch_dagster.api.client import HubSpotClient
    from hubspot_batch_dagster.api.errors import HubSpotError, InputError, StoreError
    from hubspot_batch_dagster.asset import HubSpotRunConfig, hubspot_asset
    from hubspot_batch_dagster.automation import eager_when_checks_pass
    from hubspot_batch_dagster.component.collection import (
        HubSpotSyncCollectionComponent,
        build_hubspot_sync_assets,
    )
    from hubspot_batch_dagster.component.component import HubSpotSyncComponent
    from hubspot_batch_dagster.component.portal_component import HubSpotPortalComponent
    from hubspot_batch_dagster.definition import HubSpotTranslator
    from hubspot_batch_dagster.io_manager import ArrowParquetIOManager
    from hubspot_batch_dagster.objects import hubspot_object_specs
    from hubspot_batch_dagster.op import hubspot_op
    from hubspot_batch_dagster.operations.associate import Associate
    from hubspot_batch_dagster.operations.association import Association
    from hubspot_batch_dagster.operations.existing_records import Archive, Update
    from hubspot_batch_dagster.operations.properties import Cast, Property
    from hubspot_batch_dagster.operations.records import Create, Upsert
    from hubspot_batch_dagster.reconcile_check import hubspot_reconcile_check
    from hubspot_batch_dagster.resource import HubSpotResource
    from hubspot_batch_dagster.session import HubSpotSession
    from hubspot_batch_dagster.session_settings import SessionSettings
    from hubspot_batch_dagster.sync.changed_since import ChangedSince
    from hubspot_batch_dagster.sync.planning.preview import SyncPlan
    from hubspot_batch_dagster.sync.prepare import prepare
    from hubspot_batch_dagster.sync.result import SyncResult
    from hubspot_batch_dagster.sync.warehouse.warehouse_query import Warehouse

__all__ = [
    "Archive",
    "ArrowParquetIOManager",
    "Associate",
    "Association",
    "Cast",
    "ChangedSince",
    "Create",
    "HubSpotClient",
    "HubSpotError",
    "HubSpotPortalComponent",
    "HubSpotResource",
    "HubSpotRunConfig",
    "HubSpotSession",
    "HubSpotSyncCollectionComponent",
    "HubSpotSyncComponent",
    "HubSpotTranslator",
    "InputError",
    "Property",
    "SessionSettings",
    "StoreError",
    "SyncPlan",
    "SyncResult",
    "Update",
    "Upsert",
    "Warehouse",
    "build_hubspot_sync_assets",
    "eager_when_checks_pass",
    "hubspot_asset",
    "hubspot_object_specs",
    "hubspot_op",
    "hubspot_reconcile_check",
    "prepare",
]

_HOME = {
    "Archive": "operations.existing_records",
    "ArrowParquetIOManager": "io_manager",
    "Associate": "operations.associate",
    "Association": "operations.association",
    "Cast": "operations.properties",
    "ChangedSince": "sync.changed_since",
    "Create": "operations.records",
    "HubSpotClient": "api.client",
    "HubSpotError": "api.errors",
    "HubSpotPortalComponent": "component.portal_component",
    "HubSpotResource": "resource",
    "HubSpotRunConfig": "asset",
    "HubSpotSession": "session",
    "HubSpotSyncCollectionComponent": "component.collection",
    "HubSpotSyncComponent": "component.component",
    "HubSpotTranslator": "definition",
    "InputError": "api.errors",
    "Property": "operations.properties",
    "SessionSettings": "session_settings",
    "StoreError": "api.errors",
    "SyncPlan": "sync.planning.preview",
    "SyncResult": "sync.result",
    "Update": "operations.existing_records",
    "Upsert": "operations.records",
    "Warehouse": "sync.warehouse.warehouse_query",
    "build_hubspot_sync_assets": "component.collection",
    "eager_when_checks_pass": "automation",
    "hubspot_asset": "asset",
    "hubspot_object_specs": "objects",
    "hubspot_op": "op",
    "hubspot_reconcile_check": "reconcile_check",
    "prepare": "sync.prepare",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hubspot-batch-dagster")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
