"""What is below a sync is requested by eager_when_checks_pass only while the sync's checks pass."""

import contextlib

import dagster as dg
import pytest
from face_helpers import FIRMS, QUIET, Bench, firms
from test_face_trouble import interrupt_when

from hubspot_batch_dagster import eager_when_checks_pass, hubspot_asset
from hubspot_batch_dagster.emulator import Fault


def requested(defs: dg.Definitions, instance: dg.DagsterInstance, cursor: object) -> tuple[set[str], object]:
    ticked = dg.evaluate_automation_conditions(defs=defs, instance=instance, cursor=cursor)
    keys = {name for name in ("careful", "eager") if ticked.get_num_requested(dg.AssetKey(name)) > 0}
    return keys, ticked.cursor


@pytest.mark.parametrize("how", ["red", "unknown", "terminated"])
def test_a_sync_that_did_not_go_well_holds_back_what_is_below_until_it_did(bench: Bench, how: str) -> None:
    rows = firms(3)

    @hubspot_asset(FIRMS, max_rejected=0)
    def companies():
        return rows

    @dg.asset(deps=[companies], automation_condition=eager_when_checks_pass())
    def careful() -> None: ...

    @dg.asset(deps=[companies], automation_condition=dg.AutomationCondition.eager())
    def eager() -> None: ...

    patient = bench.resource(patience=0.5, certain_after=3600.0, limit=80, wait_for_unknown=False)
    defs = dg.Definitions(
        assets=[companies, careful, eager], resources={"hubspot": patient, "io_manager": dg.mem_io_manager}
    )

    def run(instance: dg.DagsterInstance) -> None:
        job = defs.resolve_implicit_global_asset_job_def()
        with contextlib.suppress(KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            job.execute_in_process(
                asset_selection=[dg.AssetKey("companies")],
                instance=instance,
                run_config=QUIET,
                raise_on_error=False,
            )

    with dg.instance_for_test() as instance:
        _, cursor = requested(defs, instance, None)
        if how == "red":
            rows = [*firms(3), {"id": None, "name": "Nobody"}]
        elif how == "unknown":
            bench.emulator.faults.add(Fault.answer(503, operation="create", times=100))
        else:
            rows = firms(3000)
            bench.emulator.change(latency=0.25)
            sender = interrupt_when(lambda: bool(bench.books.requests("create")), after=0.05)
        run(instance)
        keys, cursor = requested(defs, instance, cursor)
        assert keys == {"eager"}
        bench.emulator.faults.clear()
        bench.emulator.change(latency=0.0)
        if how == "terminated":
            sender.join(15)
        if how == "unknown":
            return  # until certain_after has passed, the next run could not settle them either
        rows = [each for each in rows if each["id"] is not None]
        run(instance)
        keys, cursor = requested(defs, instance, cursor)
        assert "careful" in keys
