"""What an asset tells of itself before it ever ran, and the nodes of HubSpot's objects."""

from typing import Any

import dagster as dg
import pandas as pd
import pytest
from face_helpers import BY_EMAIL, Bench, people

from hubspot_batch_dagster import (
    Archive,
    Associate,
    Association,
    Create,
    HubSpotTranslator,
    Update,
    Upsert,
    hubspot_asset,
    hubspot_object_specs,
)
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.definition import HubSpotSync, described

CUSTOMERS = Upsert(
    "contacts",
    id_property="email",
    properties={"email": "mail", "firstname": "first_name"},
    associations=[Association("companies", column="firm")],
)


@dg.asset
def customers() -> pd.DataFrame:
    return pd.DataFrame({"mail": ["a@x.org"], "first_name": ["Ada"], "firm": [None]})


@hubspot_asset(CUSTOMERS)
def contacts(customers: pd.DataFrame) -> pd.DataFrame:
    """Everybody who bought something."""
    return customers


def values(spec: dg.AssetSpec) -> dict[str, Any]:
    return {name: getattr(each, "value", each) for name, each in spec.metadata.items()}


def test_an_asset_tells_operation_object_key_mapping_columns_and_lineage() -> None:
    spec = contacts.get_asset_spec()
    assert spec.description == (
        "Everybody who bought something.\n\n"
        "Upserts contacts by email from customers; 2 properties, 1 association."
    )
    told = values(spec)
    assert told["hubspot/operation"] == "Upsert"
    assert told["hubspot/object_type"] == "contacts"
    assert told["hubspot/key"] == "mail"
    assert told["hubspot/properties"] == {"email": "mail", "firstname": "first_name"}
    assert told["dagster/storage_kind"] == "hubspot"
    assert told["dagster/table_name"] == "hubspot.contacts"
    assert [each.name for each in told["dagster/column_schema"].columns] == ["email", "firstname"]
    [source] = told["dagster/column_lineage"].deps_by_column["firstname"]
    assert (source.asset_key, source.column_name) == (dg.AssetKey("customers"), "first_name")


def test_a_sync_that_is_looked_up_is_upstream_and_no_source_of_the_rows() -> None:
    through = Association("companies", column="firm", through="firms")

    @hubspot_asset(
        Upsert("contacts", id_property="email", properties={"email": "mail"}, associations=[through])
    )
    def buyers(customers: pd.DataFrame) -> pd.DataFrame:
        return customers

    spec = buyers.get_asset_spec()
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {"customers", "firms"}
    assert spec.description == "Upserts contacts by email from customers; 1 property, 1 association."
    [source] = values(spec)["dagster/column_lineage"].deps_by_column["email"]
    assert (source.asset_key, source.column_name) == (dg.AssetKey("customers"), "mail")


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (Create("calls", key="call_id"), "Creates calls by call_id."),
        (
            Update("deals", record_id="hs_object_id", properties=["amount"]),
            "Updates deals by hs_object_id; 1 property.",
        ),
        (Archive("tickets", key=["a", "b"], through="tickets"), "Archives tickets by a, b."),
        (
            Associate("contacts", to_type="companies", from_column="c", to_column="f"),
            "Associates contacts with companies by c, f.",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_every_operation_is_described_in_one_sentence(operation: Any, sentence: str) -> None:
    assert described(operation) == sentence


def test_what_the_user_writes_down_stays() -> None:
    @hubspot_asset(CUSTOMERS, description="Ours.", metadata={"dagster/table_name": "crm.people"})
    def people():
        return []

    spec = people.get_asset_spec()
    assert spec.description == "Ours."
    assert values(spec)["dagster/table_name"] == "crm.people"


def test_a_translator_changes_the_spec_key_and_checks_included(bench: Bench) -> None:
    class Crm(HubSpotTranslator):
        def get_asset_spec(self, sync: HubSpotSync) -> dg.AssetSpec:
            return sync.spec.replace_attributes(
                key=sync.spec.key.with_prefix("crm"),
                group_name=sync.operation.object_type,
                owners=["team:sales"],
            ).merge_attributes(tags={"tier": "gold"}, deps=["a_table"])

    @hubspot_asset(BY_EMAIL, translator=Crm())
    def people_of_the_fair():
        return people(2)

    spec = people_of_the_fair.get_asset_spec()
    assert spec.key == dg.AssetKey(["crm", "people_of_the_fair"])
    assert (spec.group_name, spec.owners, spec.tags["tier"]) == ("contacts", ["team:sales"], "gold")
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["a_table"]
    assert {each.asset_key for each in people_of_the_fair.check_specs} == {spec.key}
    assert bench.materialize(people_of_the_fair).metadata("crm/people_of_the_fair")["created"] == 2


def test_an_object_is_one_node_below_all_its_syncs(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def leads():
        return people(3)

    @hubspot_asset(Create("0-2", key="id", properties=["name"]))
    def firms():
        return []

    nodes = hubspot_object_specs([contacts, leads, firms, customers])
    assert {
        node.key.to_user_string(): sorted(d.asset_key.to_user_string() for d in node.deps) for node in nodes
    } == {
        "hubspot/contacts": ["contacts", "leads"],
        "hubspot/companies": ["firms"],
    }
    assert {node.group_name for node in nodes} == {"hubspot"}
    other = hubspot_object_specs([firms], key_prefix=["eu", "hubspot"])
    assert [node.key.to_user_string() for node in other] == ["eu/hubspot/companies"]
    assets = [customers, contacts, leads, firms, *nodes, *other]
    defs = dg.Definitions(assets=assets, resources={"hubspot": bench.resource()})
    dg.Definitions.validate_loadable(defs)
    assert bench.materialize(leads).success, "a run without a code location has no node to tell"


def test_a_node_with_the_key_of_an_asset_is_refused() -> None:
    with pytest.raises(InputError, match="key_prefix"):
        hubspot_object_specs([contacts], key_prefix=[])


def test_the_library_is_known_to_dagster() -> None:
    from dagster_shared.libraries import DagsterLibraryRegistry

    import hubspot_batch_dagster

    assert DagsterLibraryRegistry.get()["hubspot-batch-dagster"] == hubspot_batch_dagster.__version__
