"""Associations in Dagster: what they depend on, and the check that tells of those that are open."""

import dagster as dg
import pytest
from face_helpers import Bench

from hubspot_batch_dagster import Associate, Association, Create, HubSpotResource, Upsert, hubspot_asset
from hubspot_batch_dagster.api.errors import InputError

PEOPLE = Upsert("contacts", id_property="email", properties=["email"])
ROWS = [{"call": 1, "at": "2026-01-01T09:00:00Z", "mail": "ada@x.org"}]


def calls(through: object = "people") -> Create:
    association = Association("contacts", column="mail", through=through)  # type: ignore[arg-type]
    return Create("calls", key="call", properties={"hs_timestamp": "at"}, associations=[association])


@hubspot_asset(PEOPLE)
def people():
    return [{"email": "bob@x.org"}]


def upstream(asset: dg.AssetsDefinition) -> list[str]:
    return sorted(key.to_user_string() for key in asset.asset_deps[asset.key])


@pytest.mark.parametrize("named", ["people", people, people.key], ids=["name", "asset", "key"])
def test_the_sync_that_an_association_leads_through_is_upstream(named: object) -> None:
    """By its name, by the asset, or by its key."""

    @hubspot_asset(calls(named))
    def logged():
        return ROWS

    assert upstream(logged) == ["people"]


def test_an_upstream_asset_that_is_named_already_is_not_named_again() -> None:
    """An argument, deps with a partition mapping, and other upstream assets stay as they are."""
    mapping = dg.AllPartitionMapping()

    @hubspot_asset(calls(), deps=[dg.AssetDep("people", partition_mapping=mapping), "phone_log"])
    def by_deps():
        return ROWS

    @hubspot_asset(calls())
    def by_argument(people):  # noqa: ARG001
        return ROWS

    assert upstream(by_deps) == ["people", "phone_log"]
    (dep,) = [each for each in by_deps.get_asset_spec().deps if each.asset_key == dg.AssetKey("people")]
    assert dep.partition_mapping is mapping
    assert upstream(by_argument) == ["people"]


def test_a_sync_that_leads_to_its_own_records_does_not_depend_on_itself() -> None:
    """Parent companies of one table."""
    parents = Association("companies", column="parent", type=14, through="crm/firms")

    @hubspot_asset(
        Upsert("companies", key="id", properties=["name"], associations=[parents]), key=["crm", "firms"]
    )
    def firms():
        return [{"id": 1, "name": "F", "parent": None}]

    assert upstream(firms) == []


def test_both_ends_of_associate_are_upstream() -> None:
    """from_through and to_through."""

    @hubspot_asset(
        Associate(
            "contacts",
            "companies",
            from_column="mail",
            to_column="firm",
            from_through="people",
            to_through="crm/firms",
        )
    )
    def seats():
        return [{"mail": "ada@x.org", "firm": 1}]

    assert upstream(seats) == ["crm/firms", "people"]


def test_a_circle_of_syncs_is_refused_with_both_names_and_one_side_may_be_an_asset_of_its_own() -> None:
    """Contacts that lead to companies, which lead to contacts; with an Associate asset there is no circle."""

    resources = {"hubspot": HubSpotResource(access_token="none")}

    def to(object_type: str, through: str) -> list[Association]:
        return [Association(object_type, column="other", through=through)]

    @hubspot_asset(
        Upsert("contacts", id_property="email", properties=["email"], associations=to("companies", "houses"))
    )
    def persons():
        return []

    @hubspot_asset(Upsert("companies", key="id", properties=["name"], associations=to("contacts", "persons")))
    def houses():
        return []

    with pytest.raises(Exception, match=r"(?s)persons.*houses|houses.*persons"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[persons, houses], resources=resources))

    @hubspot_asset(Upsert("companies", key="id", properties=["name"]), name="houses")
    def plain_houses():
        return []

    @hubspot_asset(
        Associate(
            "companies",
            "contacts",
            from_column="id",
            to_column="mail",
            from_through="houses",
            to_through="persons",
        )
    )
    def work_there():
        return []

    graph = dg.Definitions(
        assets=[persons, plain_houses, work_there], resources=resources
    ).resolve_asset_graph()
    names = [key.to_user_string() for key in graph.toposorted_asset_keys]
    assert names.index("houses") < names.index("persons") < names.index("work_there")


def test_what_is_no_sync_is_refused() -> None:
    """The message says what through= takes."""
    with pytest.raises(InputError, match="no sync"):
        calls(5)


def test_open_associations_are_a_yellow_check_with_reasons_and_keys(bench: Bench) -> None:
    """The run goes on; the check counts them, says why, and shows which rows they are of."""

    @hubspot_asset(calls())
    def logged():
        return ROWS

    result = bench.materialize(people, logged)
    assert result.success
    check = result.check("associations_resolved")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["unresolved"].value == 1
    assert check.metadata["wanted"].value == 1
    (line,) = check.metadata["sample"].records
    assert (line.data["key"], line.data["target"], line.data["outcome"]) == ("1", "ada@x.org", "unresolved")
    metadata = result.metadata("logged")
    assert metadata["associations_unresolved"] == 1
    assert metadata["associations_associated"] == 0


def test_more_open_associations_than_allowed_fail_the_step(bench: Bench) -> None:
    """max_unresolved makes the check red; the rows were sent all the same."""

    @hubspot_asset(calls(), max_unresolved=0)
    def logged():
        return ROWS

    result = bench.materialize(people, logged)
    assert not result.success
    assert result.check("associations_resolved").severity == dg.AssetCheckSeverity.ERROR
    assert len(bench.emulator.records("calls")) == 1


@pytest.mark.parametrize(
    ("allowed", "fails"), [(0, True), (0.4, True), (0.5, False), (1, False), (None, False)]
)
def test_a_dry_run_says_what_would_be_associated_and_whether_the_run_would_fail(
    bench: Bench, allowed: float | None, fails: bool
) -> None:
    """max_unresolved is a number of associations or a share of them; the run that follows says the same."""
    rows = [{**ROWS[0], "mail": ["ada@x.org", "bob@x.org"]}]

    @hubspot_asset(calls(), max_unresolved=allowed)
    def logged():
        return rows

    bench.materialize(people)
    plan = bench.materialize(logged, run_config={"ops": {"logged": {"config": {"dry_run": True}}}})
    (observed,) = plan.result.get_asset_observation_events()
    observed = observed.event_specific_data.asset_observation
    said = {
        name: observed.metadata[name].value for name in observed.metadata if name.startswith("associations_")
    }
    assert said == {"associations_would_be_associated": 1, "associations_would_be_unresolved": 1}
    assert observed.metadata["would_fail"].value is fails
    assert ("max_unresolved" in observed.metadata["verdict"].value) is fails
    assert bench.materialize(logged).success is not fails


def test_an_asset_without_associations_has_no_such_check() -> None:
    """It would always be green."""
    names = {spec.name for spec in people.check_specs}
    assert "associations_resolved" not in names
