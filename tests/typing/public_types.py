"""The types that users see of the public names: mypy checks this file, and nothing runs it."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow as pa
from typing_extensions import assert_type

from hubspot_batch_dagster import (
    Archive,
    Associate,
    Association,
    Create,
    HubSpotClient,
    HubSpotError,
    HubSpotResource,
    HubSpotRunConfig,
    HubSpotSession,
    InputError,
    SessionSettings,
    StoreError,
    SyncPlan,
    SyncResult,
    Update,
    Upsert,
    hubspot_asset,
    hubspot_op,
    prepare,
)
from hubspot_batch_dagster.sync.prepare import Prepared

CREATE = Create("calls", key="call_id", associations=[Association("contacts", column="contact_id")])
OPERATIONS = (
    CREATE,
    Upsert("contacts", id_property="email"),
    Update("deals", record_id="hs_object_id"),
    Archive("deals", record_id="hs_object_id"),
    Associate("contacts", to_type="companies", from_column="mail", to_column="account_id"),
)


def resource(hubspot: HubSpotResource, rows: list[dict[str, object]]) -> None:
    """A dry run gives a plan, and nothing else does."""
    for operation in OPERATIONS:
        assert_type(hubspot.sync(rows, operation, name="calls"), SyncResult)
    assert_type(hubspot.sync(rows, CREATE, name="calls", dry_run=False), SyncResult)
    assert_type(hubspot.sync(rows, CREATE, name="calls", dry_run=True), SyncPlan)
    assert_type(hubspot.plan(rows, CREATE, name="calls"), SyncPlan)
    assert_type(hubspot.adopt(rows, CREATE, name="calls"), SyncResult)
    assert_type(hubspot.undo("calls", "run"), tuple[SyncResult, SyncResult])
    assert_type(hubspot.read("contacts", ["1"], properties=["email"]), pa.Table)
    assert_type(hubspot.client, HubSpotClient)
    assert_type(hubspot.session, HubSpotSession)
    assert_type(hubspot.settings(), SessionSettings)


def session(hubspot: HubSpotSession, rows: list[dict[str, object]]) -> None:
    """The same without Dagster."""
    assert_type(hubspot.sync(rows, CREATE, name="calls"), SyncResult)
    assert_type(hubspot.plan(rows, CREATE, name="calls"), SyncPlan)
    assert_type(hubspot.read("contacts", ["1"], properties=["email"]), pa.Table)


def result(found: SyncResult, plan: SyncPlan) -> None:
    """What comes out is typed."""
    assert_type(found.ids, pa.Table)
    assert_type(found.rejected, pa.Table)
    assert_type(found.counts["created"], int)
    assert_type(found.stopped, HubSpotError | None)
    assert_type(plan.counts["created"], int)
    assert_type(prepare([], CREATE), Prepared)


def decorators() -> None:
    """The decorators give what Dagster's own give."""
    assert_type(hubspot_asset(CREATE), Callable[[Callable[..., Any]], dg.AssetsDefinition])
    assert_type(hubspot_op(CREATE), Callable[[Callable[..., Any]], dg.OpDefinition])
    assert_type(HubSpotRunConfig().dry_run, bool)


def errors(error: HubSpotError) -> None:
    """One tree."""
    if isinstance(error, InputError | StoreError):
        assert_type(error.remedy, str)
