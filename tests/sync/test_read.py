"""Batch read as a function: ids or a frame in, an Arrow table out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from bench.sync_bench import Bench

from hubspot_batch_dagster import HubSpotResource, Upsert
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault


@pytest.fixture
def hubspot(bench: Bench) -> Iterator[HubSpotResource]:
    """The open resource."""
    resource = HubSpotResource(
        access_token=bench.emulator.token,
        base_url=bench.emulator.url,
        store=str(bench.root),
        backoff=0.01,
    )
    with resource.open() as ready:
        yield ready


def test_records_come_in_the_order_of_their_ids(bench: Bench, hubspot: HubSpotResource) -> None:
    """100 in a request, in parallel, and the lines stand as they were asked for, each once."""
    ids = bench.contacts(250)[::-1]
    found = hubspot.read("contacts", [*ids, ids[0]], properties=["email", "firstname"])
    assert found.column_names == [
        "requested", "hs_object_id", "email", "firstname", "created_at", "updated_at", "archived",
    ]  # fmt: skip
    assert found.column("hs_object_id").to_pylist() == ids
    assert found.column("email").to_pylist() == [f"p{i}@x.org" for i in range(249, -1, -1)]
    assert found.column("firstname").null_count == 250
    assert found.schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert found.column("archived").to_pylist() == [False] * 250
    sizes = sorted(each.inputs for each in bench.emulator.books.requests("read"))
    assert sizes == [50, 100, 100]


@pytest.mark.parametrize(
    "shape",
    [
        lambda ids: ids,
        lambda ids: [int(each) for each in ids],
        lambda ids: pa.array(ids),
        lambda ids: pa.chunked_array([ids[:1], ids[1:]]),
        lambda ids: pd.Series(ids),
        lambda ids: pd.DataFrame({"hs_object_id": ids, "other": 1}),
        lambda ids: pd.DataFrame({"anything": ids}),
        lambda ids: pa.table({"hs_object_id": pa.array([*ids, None])}),
        lambda ids: [{"hs_object_id": each} for each in ids],
    ],
)
def test_ids_may_come_in_any_shape(bench: Bench, hubspot: HubSpotResource, shape: Any) -> None:
    """Lists, arrays, series, frames and lists of dicts are all the same ids."""
    ids = bench.contacts(3)
    found = hubspot.read("contacts", shape(ids), properties=["email"])
    assert found.column("hs_object_id").to_pylist() == ids


def test_an_ids_table_can_be_read_back(hubspot: HubSpotResource) -> None:
    """The value of one asset is what another one reads."""
    made = hubspot.sync(
        [{"email": "a@x.org"}], Upsert("contacts", id_property="email", properties=["email"]), name="c"
    )
    found = hubspot.read("contacts", made.ids, properties=["email"])
    assert found.column("email").to_pylist() == ["a@x.org"]


def test_missing_records_are_left_out_or_kept(bench: Bench, hubspot: HubSpotResource) -> None:
    """By choice: no line, or a line with nothing but what was asked for."""
    (record,) = bench.contacts(1)
    assert hubspot.read("contacts", [record, "999"], properties=["email"]).num_rows == 1
    kept = hubspot.read("contacts", ["999", record], properties=["email"], missing="keep").to_pylist()
    assert [each["requested"] for each in kept] == ["999", record]
    assert [each["hs_object_id"] for each in kept] == [None, record]
    assert kept[0]["archived"] is None


def test_records_are_found_by_a_unique_property(bench: Bench, hubspot: HubSpotResource) -> None:
    """Emails in any case, secondary addresses too; the requested text stands beside the record."""
    first, second = bench.emulator.seed_records(
        "contacts",
        [{"email": "a@x.org", "hs_additional_emails": "old@x.org"}, {"email": "b@x.org"}],
    )
    asked = ["B@X.org", "old@x.org", "none@x.org"]
    found = hubspot.read("contacts", asked, properties=["firstname"], id_property="email")
    assert found.column_names[:3] == ["requested", "hs_object_id", "firstname"]
    assert list(zip(found["requested"].to_pylist(), found["hs_object_id"].to_pylist(), strict=True)) == [
        ("B@X.org", second),
        ("old@x.org", first),
    ]


def test_history_comes_as_lists(bench: Bench, hubspot: HubSpotResource) -> None:
    """With history 50 records go in a request, and each property has a list of its former values."""
    ids = bench.contacts(60)
    found = hubspot.read("contacts", ids, properties=["email"], history=True)
    assert found.num_rows == 60
    assert pa.types.is_list(found.schema.field("email_history").type)
    assert found.column("email_history")[0].as_py()[0]["value"] == "p0@x.org"
    assert sorted(each.inputs for each in bench.emulator.books.requests("read")) == [10, 50]


def test_nothing_asked_is_an_empty_table(hubspot: HubSpotResource) -> None:
    """No ids make no request and give a table with its columns."""
    found = hubspot.read("contacts", [], properties=["email"])
    assert found.num_rows == 0
    assert "email" in found.column_names


def test_trouble_is_read_over(bench: Bench, hubspot: HubSpotResource) -> None:
    """A read does no harm and is repeated."""
    ids = bench.contacts(3)
    bench.emulator.faults.add(Fault.html(502, operation="read", times=2))
    assert hubspot.read("contacts", ids, properties=["email"]).num_rows == 3


def test_what_is_no_id_is_refused(hubspot: HubSpotResource) -> None:
    """Before anything is sent, with the row and the reason."""
    with pytest.raises(InputError, match="Row 1: 'x' is not a record id"):
        hubspot.read("contacts", ["1", "x"], properties=["email"])
    with pytest.raises(InputError, match="no column 'hs_object_id'"):
        hubspot.read("contacts", [{"a": 1, "b": 2}], properties=["email"])
    with pytest.raises(InputError, match=r"properties is 'email': HubSpotResource\.read takes a list"):
        hubspot.read("contacts", ["1"], properties="email")
