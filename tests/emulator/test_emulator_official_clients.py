"""HubSpot's own Python packages, which we did not write, work against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hubspot as official
import pytest
from hubspot.crm import contacts as v3_contacts
from hubspot.crm import deals as v3_deals
from hubspot.crm.associations import v4 as v4_associations
from hubspot.crm.properties import PropertyCreate
from hubspot_sdk import APIStatusError, HubSpot

from hubspot_batch_dagster.emulator import Emulator


@pytest.fixture
def v3(hubspot: Emulator) -> Any:
    return official.Client.create(access_token=hubspot.token, host=hubspot.url)


@pytest.fixture
def dated(hubspot: Emulator) -> Iterator[HubSpot]:
    with HubSpot(access_token=hubspot.token, base_url=hubspot.url, max_retries=0) as client:
        yield client


def test_hubspot_api_client_creates_upserts_reads_updates_and_archives_contacts(
    v3: Any, hubspot: Emulator
) -> None:
    models, api = v3_contacts, v3.crm.contacts.batch_api
    created = api.create(
        models.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                models.SimplePublicObjectBatchInputForCreate(
                    properties={"email": f"{n}@example.com"}, associations=[], object_write_trace_id=str(n)
                )
                for n in range(3)
            ]
        )
    )
    assert created.status == "COMPLETE"
    ids = {result.object_write_trace_id: result.id for result in created.results}
    upserted = api.upsert(
        models.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                models.SimplePublicObjectBatchInputUpsert(
                    id=f"{n}@example.com", id_property="email", properties={"city": "Bonn"}
                )
                for n in (2, 3)
            ]
        )
    )
    assert sorted(result.new for result in upserted.results) == [False, True]
    updated = api.update(
        models.BatchInputSimplePublicObjectBatchInput(
            inputs=[models.SimplePublicObjectBatchInput(id=ids["0"], properties={"city": "Ulm"})]
        )
    )
    assert updated.results[0].properties["city"] == "Ulm"
    read = api.read(
        models.BatchReadInputSimplePublicObjectId(
            inputs=[models.SimplePublicObjectId(id=ids["0"])],
            properties=["city"],
            properties_with_history=[],
        )
    )
    assert read.results[0].properties["city"] == "Ulm"
    api.archive(models.BatchInputSimplePublicObjectId(inputs=[models.SimplePublicObjectId(id=ids["0"])]))
    assert ids["0"] not in hubspot.records("contacts")
    assert len(hubspot.records("contacts")) == 3


def test_hubspot_api_client_works_one_deal_at_a_time_searches_and_associates(
    v3: Any, hubspot: Emulator
) -> None:
    hubspot.change(search_lag=0.0)
    (company,) = hubspot.seed_records("companies", [{"name": "A"}])
    values = {"dealname": "D", "pipeline": "default", "dealstage": "closedwon", "amount": "12.50"}
    api = v3.crm.deals.basic_api
    deal = api.create(v3_deals.SimplePublicObjectInputForCreate(properties=values, associations=[]))
    api.update(deal.id, v3_deals.SimplePublicObjectInput(properties={"amount": "13"}))
    assert api.get_by_id(deal.id, properties=["amount"]).properties["amount"] == "13"
    assert [listed.id for listed in api.get_page(limit=10).results] == [deal.id]
    wanted = v3_deals.Filter(property_name="amount", operator="GTE", value="13")
    asked = v3_deals.PublicObjectSearchRequest(
        filter_groups=[v3_deals.FilterGroup(filters=[wanted])], limit=5, properties=["amount"], sorts=[]
    )
    assert v3.crm.deals.search_api.do_search(asked).total == 1
    pair = v4_associations.PublicDefaultAssociationMultiPost(
        _from=v4_associations.PublicObjectId(id=deal.id), to=v4_associations.PublicObjectId(id=company)
    )
    linked = v3.crm.associations.v4.batch_api.create_default(
        "deals",
        "companies",
        v4_associations.BatchInputPublicDefaultAssociationMultiPost(inputs=[pair]),
    )
    assert len(linked.results) == 2
    made = v3.crm.properties.core_api.create(
        "deals",
        PropertyCreate(
            name="order_no",
            label="Order",
            type="string",
            field_type="text",
            group_name="dealinformation",
            has_unique_value=True,
        ),
    )
    assert made.has_unique_value
    api.archive(deal.id)
    with pytest.raises(v3_deals.ApiException) as missing:
        api.get_by_id(deal.id)
    assert missing.value.status == 404


def test_hubspot_sdk_creates_upserts_reads_updates_and_archives_contacts(
    dated: HubSpot, hubspot: Emulator
) -> None:
    api = dated.crm.objects.contacts.batch
    created = api.create(
        inputs=[
            {"properties": {"email": f"{n}@example.com"}, "associations": [], "object_write_trace_id": str(n)}
            for n in range(3)
        ]
    )
    ids = {result.object_write_trace_id: result.id for result in created.results}
    assert set(ids) == {"0", "1", "2"}
    upserted = api.upsert(
        inputs=[
            {"id": f"{n}@example.com", "id_property": "email", "properties": {"city": "Bonn"}} for n in (2, 3)
        ]
    )
    assert len(upserted.results) == 2
    api.update(inputs=[{"id": ids["0"], "properties": {"city": "Ulm"}}])
    read = api.get(
        inputs=[{"id": "0@example.com"}],
        properties=["city"],
        properties_with_history=[],
        id_property="email",
    )
    assert read.results[0].properties["city"] == "Ulm"
    api.delete(inputs=[{"id": ids["0"]}])
    assert len(hubspot.records("contacts")) == 3


def test_hubspot_sdk_creates_companies_and_sees_the_emulators_errors(
    dated: HubSpot, hubspot: Emulator
) -> None:
    api = dated.crm.objects.companies.batch
    created = api.create(inputs=[{"properties": {"name": "A"}, "associations": []}])
    api.update(inputs=[{"id": created.results[0].id, "properties": {"name": "B"}}])
    assert [record["name"] for record in hubspot.records("companies").values()] == ["B"]
    with pytest.raises(APIStatusError) as refused:
        api.create(inputs=[{"properties": {"annualrevenue": "much"}, "associations": []}])
    assert refused.value.status_code == 400
    api.delete(inputs=[{"id": created.results[0].id}])
    assert hubspot.records("companies") == {}
