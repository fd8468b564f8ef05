"""The example's declarative automation: made anew whenever what it is made of is."""

import dagster as dg
import pyarrow as pa
from example_helpers import Project

from example_project.assets.shop import known_customers

CONTACTS, KNOWN = dg.AssetKey("contacts"), dg.AssetKey("known_customers")


def test_it_is_requested_when_the_contacts_are_new_and_else_not(project: Project) -> None:
    instance, defs = project.instance, project.defs

    def made(key: dg.AssetKey) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(key))

    made(CONTACTS)
    made(KNOWN)
    tick = dg.evaluate_automation_conditions(defs, instance)
    assert tick.total_requested == 0

    made(CONTACTS)
    tick = dg.evaluate_automation_conditions(defs, instance, cursor=tick.cursor)
    assert tick.total_requested == 1
    assert tick.get_num_requested(KNOWN) == 1

    made(KNOWN)
    tick = dg.evaluate_automation_conditions(defs, instance, cursor=tick.cursor)
    assert tick.total_requested == 0


def test_a_sensor_that_is_on_carries_it_out(project: Project) -> None:
    sensor = project.defs.resolve_sensor_def("automation")
    assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_it_holds_who_has_a_record() -> None:
    ids = pa.table(
        {
            "mail": ["ada@example.com", "no mail", "bob@example.com"],
            "hs_object_id": ["11", None, "12"],
            "outcome": ["created", "rejected", "unchanged"],
        }
    )
    assert known_customers(ids).to_pydict() == {
        "mail": ["ada@example.com", "bob@example.com"],
        "hs_object_id": ["11", "12"],
    }
