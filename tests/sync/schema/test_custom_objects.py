"""Custom objects go by four names, and requests by the type id that the portal's schemas say."""

from __future__ import annotations

import pytest
from bench.sync_bench import BY_EMAIL, Bench, people, shown

from hubspot_batch_dagster import HubSpotResource
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.emulator import Fault
from hubspot_batch_dagster.operations.associate import Associate
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.existing_records import Archive, Update
from hubspot_batch_dagster.operations.records import Create, Upsert

NAMES = ["cars", "p_cars", "P_Cars", "p{portal}_cars", "{id}"]
ROWS = [{"id": i, "vin": f"V{i}", "doors": i} for i in range(3)]
FORBIDDEN = {"category": "MISSING_SCOPES", "message": "This app hasn't been granted all scopes."}


@pytest.fixture
def type_id(bench: Bench) -> str:
    """The id of `cars`, which only the portal knows."""
    return bench.emulator.add_object_type(
        "cars",
        [{"name": "vin", "hasUniqueValue": True}, {"name": "doors", "type": "number"}],
        required=["vin"],
    )


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, bench: Bench, type_id: str) -> str:
    """One of its names."""
    return str(request.param).format(portal=bench.emulator.portal.settings.portal_id, id=type_id)


def segments(bench: Bench) -> set[str]:
    """What requests about records have in their path for the object type."""
    operations = ("create", "update", "upsert", "read", "archive", "search")
    return {
        each.path.split("?")[0].split("/")[4]
        for each in bench.emulator.books.requests()
        if each.operation in operations and "/associations/" not in each.path
    }


@pytest.mark.parametrize(
    "operation",
    [
        lambda kind: Create(kind, key="id", properties=["vin", "doors"]),
        lambda kind: Upsert(kind, key="id", properties=["vin", "doors"], match_existing="vin"),
        lambda kind: Upsert(kind, id_property="vin", properties=["vin", "doors"]),
    ],
    ids=["create", "upsert by key", "upsert"],
)
def test_every_name_of_a_custom_object_leads_to_requests_by_its_type_id(
    bench: Bench, name: str, type_id: str, operation: object
) -> None:
    chosen = operation(name)  # type: ignore[operator]
    assert shown(bench.run(ROWS, chosen)) == {"created": 3}
    assert shown(bench.run(ROWS, chosen)) == {"unchanged": 3}
    assert segments(bench) == {type_id}
    assert len(bench.emulator.records("p_cars")) == 3


def test_updates_and_archives_go_by_it_too(bench: Bench, name: str, type_id: str) -> None:
    bench.seed_old("p_cars", [{"vin": f"V{i}"} for i in range(3)])
    assert shown(bench.run(ROWS, Update(name, id_property="vin", properties=["vin", "doors"]))) == {
        "updated": 3
    }
    assert shown(bench.run(ROWS, Archive(name, id_property="vin"), "gone")) == {"archived": 3}
    assert segments(bench) == {type_id}


def test_associations_lead_to_it_by_every_name(bench: Bench, name: str, type_id: str) -> None:
    cars = bench.seed_old("p_cars", [{"vin": f"V{i}"} for i in range(3)])
    rows = [{**each, "car": cars[each["id"]]} for each in people(3)]
    linked = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[Association(name, column="car")],
    )
    bench.run(rows, linked)
    pairs = [{"who": each, "car": cars[0]} for each in bench.emulator.records("contacts")]
    bench.run(pairs, Associate("contacts", name, from_column="who", to_column="car", replace=True), "pairs")
    paths = [each.path for each in bench.emulator.books.requests() if "/associations/" in each.path]
    assert paths
    assert all(f"/contacts/{type_id}/" in each or f"/{type_id}/contacts/" in each for each in paths)
    assert bench.pairs("contacts", "cars") == {(each["who"], each["car"]) for each in pairs}


@pytest.mark.usefixtures("type_id")
def test_without_leave_to_read_schemas_the_short_name_goes_into_paths(bench: Bench) -> None:
    bench.emulator.faults.add(Fault.answer(403, FORBIDDEN, path="schemas"))
    assert shown(bench.run(ROWS, Upsert("cars", id_property="vin", properties=["vin"]))) == {"created": 3}
    assert segments(bench) == {"p_cars"}
    assert any("schemas of custom objects cannot be read" in each for each in bench.warnings)


@pytest.mark.usefixtures("type_id")
def test_without_checks_nothing_is_asked_and_the_short_name_goes_into_paths(bench: Bench) -> None:
    bench.portal = None
    assert shown(bench.run(ROWS, Upsert("cars", id_property="vin", properties=["vin"]))) == {"created": 3}
    assert segments(bench) == {"p_cars"}
    assert bench.definitions_asked() == []


def test_hubspots_own_types_and_type_ids_cost_no_request_for_schemas(bench: Bench, type_id: str) -> None:
    bench.run(people(1), BY_EMAIL)
    bench.run([{"vin": "a"}], Update(type_id, id_property="vin"), "cars")
    assert not any(each.startswith("schemas") for each in bench.definitions_asked())


def test_a_property_that_is_missing_is_made_by_it_too(bench: Bench, type_id: str) -> None:
    rows = [{**each, "colour": "red"} for each in ROWS]
    made = Upsert("cars", id_property="vin", properties=["vin", "colour"], missing_properties="create")
    assert shown(bench.run(rows, made)) == {"created": 3}
    paths = [each.path for each in bench.emulator.books.requests() if "/properties/" in each.path]
    assert paths
    assert all(f"/{type_id}" in each for each in paths)


def test_a_sync_may_call_its_custom_object_by_another_of_its_names(
    bench: Bench, name: str, type_id: str
) -> None:
    """Also where a run of a version that knew no type ids wrote its state, and where the last run was killed."""
    bench.run(ROWS, Upsert("p_cars", key="id", properties=["vin"]))
    bench.reopen()
    assert shown(bench.run(ROWS, Upsert(name, key="id", properties=["vin"]))) == {"unchanged": 3}
    bench.emulator.faults.add(Fault.drop(operation="create", after_commit=True))
    for kind in (name, "cars"):
        bench.reopen()
        bench.run([{"id": 9, "vin": "new"}], Create(kind, key="id", properties=["vin"]), "lost")
        bench.emulator.faults.clear()
    assert len(bench.emulator.records("p_cars")) == 4
    assert bench.nothing_doubled()
    assert segments(bench) - {"p_cars"} == {type_id}


def test_another_object_is_refused_and_so_is_a_name_that_nobody_can_tell(bench: Bench, type_id: str) -> None:
    bench.emulator.add_object_type("vans", [{"name": "vin"}])
    bench.run(ROWS, Upsert("cars", key="id", properties=["vin"]))
    sent = bench.writes()
    for check in (True, False):
        bench.reopen(check=check)
        with pytest.raises(InputError, match="holds cars, and the operation is about vans"):
            bench.run(ROWS, Upsert("vans", key="id", properties=["vin"]))
    bench.emulator.faults.add(Fault.answer(403, FORBIDDEN, path="schemas"))
    bench.reopen()
    with pytest.raises(InputError, match="write 'cars' as before"):
        bench.run(ROWS, Upsert(type_id, key="id", properties=["vin"]))
    assert bench.writes() == sent


def test_a_second_sync_of_the_same_rows_is_noticed_by_every_name(bench: Bench, name: str) -> None:
    bench.reopen()
    bench.run(ROWS, Upsert("cars", key="id", properties=["vin"]), "first")
    bench.reopen()
    with pytest.raises(InputError, match="'first' of this store knows 3 of 3 rows"):
        bench.run(ROWS, Upsert(name, key="id", properties=["vin"]), "renamed")


@pytest.mark.parametrize("by_id", [False, True])
def test_read_reconcile_and_undo_of_a_new_session_go_by_it_too(
    bench: Bench, type_id: str, by_id: bool
) -> None:
    """One request for the schemas, and none where the id is given."""
    name = type_id if by_id else "cars"
    bench.reopen()
    bench.run(ROWS[:1], Upsert(name, key="id", properties=["vin"]))
    changed = [{**each, "vin": f"{each['vin']}b"} for each in ROWS]
    run = bench.run(changed, Upsert(name, key="id", properties=["vin"], keep_before=True))
    for way in ("read", "reconcile", "undo"):
        bench.emulator.books.clear()
        token, url, store = bench.address()
        with HubSpotResource(access_token=token, base_url=url, store=store).open() as hubspot:
            if way == "read":
                found = hubspot.read(name, run.ids.column("hs_object_id").to_pylist(), properties=["vin"])
                assert found.column("vin").to_pylist() == ["V0b", "V1b", "V2b"]
            elif way == "reconcile":
                assert hubspot.reconcile("sync").table.column("state").to_pylist() == ["as_sent"] * 3
            else:
                hubspot.undo("sync", run.run)
        assert segments(bench) == {type_id}, way
        asked = [each for each in bench.definitions_asked() if each.startswith("schemas")]
        assert len(asked) == (name != type_id), way
    assert bench.living("p_cars", "vin") == {"V0": 1}


def test_keys_are_looked_up_through_a_sync_that_calls_it_otherwise(bench: Bench, name: str) -> None:
    bench.run(ROWS, Upsert("p_cars", key="id", properties=["vin"]), "garage")
    linked = Upsert(
        "contacts",
        id_property="email",
        properties=["email", "firstname"],
        associations=[Association(name, column="id", through="garage")],
    )
    bench.reopen()
    bench.run(people(3), linked)
    assert len(bench.pairs("contacts", "cars")) == 3


def test_a_name_that_the_account_does_not_have_is_refused_with_those_that_it_has_and_how_they_are_written(
    bench: Bench, type_id: str
) -> None:
    with pytest.raises(InputError) as caught:
        bench.run(ROWS, Create("cras", key="id", properties=["vin"]))
    said = str(caught.value)
    for each in (
        "no object type 'cras'",
        f"The account has cars ({type_id})",
        "p_cars",
        "p123_cars",
        "2-123",
    ):
        assert each in said
