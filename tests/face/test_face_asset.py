"""hubspot_asset: what its function may take and return, and what it hands on to Dagster."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from face_helpers import BY_EMAIL, FIRMS, Bench, config_of, firms, people

from hubspot_batch_dagster import (
    ArrowParquetIOManager,
    HubSpotResource,
    Update,
    Upsert,
    hubspot_asset,
)
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.asset import HubSpotRunConfig

CHECKS = {"rows_accounted_for", "rows_rejected", "rows_unknown", "portal_schema"}


@dg.asset
def source() -> pa.Table:
    return pa.Table.from_pylist(people(3))


def test_parameters_are_those_of_any_asset_and_upstream_frames_come_as_annotated(bench: Bench) -> None:
    seen: dict[str, object] = {}

    class Mail(dg.ConfigurableResource):
        domain: str

    @hubspot_asset(BY_EMAIL)
    def from_pandas(context: dg.AssetExecutionContext, source: pd.DataFrame, mail: Mail) -> pd.DataFrame:
        seen["pandas"] = (type(source), context.asset_key.to_user_string())
        return source.assign(email=source.email.str.replace("x.org", mail.domain))

    @hubspot_asset(BY_EMAIL)
    def from_polars(source: pl.DataFrame) -> pl.DataFrame:
        seen["polars"] = type(source)
        return source.head(2)

    @hubspot_asset(BY_EMAIL)
    def from_arrow(source: pa.Table, hubspot: HubSpotResource) -> pa.RecordBatchReader:
        seen["arrow"] = (type(source), type(hubspot))
        return source.slice(0, 1).to_reader()

    @dg.asset
    def joined(from_polars: pa.Table, source: pa.Table) -> pa.Table:
        return source.join(from_polars.select(["email", "hs_object_id"]), keys="email", join_type="inner")

    ran = bench.materialize(
        source, from_pandas, from_polars, from_arrow, joined, resources={"mail": Mail(domain="y.org")}
    )
    assert ran.success
    assert seen == {
        "pandas": (pd.DataFrame, "from_pandas"),
        "polars": pl.DataFrame,
        "arrow": (pa.Table, HubSpotResource),
    }
    assert [ran.metadata(f"from_{name}")["dagster/row_count"] for name in ("pandas", "polars", "arrow")] == [
        3,
        2,
        1,
    ]
    assert {each["email"] for each in bench.emulator.records("contacts").values()} == {
        *(f"p{i}@y.org" for i in range(3)),
        *(f"p{i}@x.org" for i in range(2)),
    }
    records = bench.emulator.records("contacts")
    for row in ran.value("joined").to_pylist():
        assert records[row["hs_object_id"]]["email"] == row["email"]
    assert ran.value("joined").num_rows == 2


def test_the_value_of_the_asset_is_the_ids_table(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts() -> list:
        return people(5, bad=2)

    ids = bench.materialize(contacts).value("contacts")
    assert isinstance(ids, pa.Table)
    assert ids.column_names[:4] == ["email", "hs_object_id", "outcome", "synced_at"]
    assert ids["outcome"].to_pylist() == ["created"] * 3 + ["rejected"] * 2
    assert set(ids["hs_object_id"].to_pylist()[:3]) == set(bench.emulator.records("contacts"))
    assert ids["error_message"].null_count == 3


@pytest.mark.parametrize(
    "parts",
    [
        people(4),
        [pd.DataFrame(people(2)), pd.DataFrame(people(4)[2:])],
        pa.Table.from_pylist(people(4)).to_batches(2),
    ],
    ids=["dicts", "frames", "batches"],
)
def test_a_function_may_yield_its_rows_part_by_part(bench: Bench, parts: list) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts():
        yield from parts

    ran = bench.materialize(contacts)
    assert ran.metadata("contacts")["created"] == 4


def test_its_own_checks_are_reported_beside_the_usual_ones(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, check_specs=[dg.AssetCheckSpec("enough", asset="contacts", blocking=True)])
    def contacts():
        rows = people(3)
        yield from rows
        yield dg.AssetCheckResult(check_name="enough", passed=len(rows) > 10, metadata={"rows": len(rows)})

    ran = bench.materialize(contacts)
    assert not ran.success
    assert ran.check("enough").metadata["rows"].value == 3
    assert ran.check("rows_accounted_for").passed
    assert ran.metadata("contacts")["created"] == 3, "the rows were sent all the same"


def test_options_are_handed_on_to_dagster() -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01")
    retry = dg.RetryPolicy(max_retries=2)

    @hubspot_asset(
        BY_EMAIL,
        key_prefix=["crm", "eu"],
        name="people",
        partitions_def=days,
        group_name="sales",
        owners=["team:crm"],
        tags={"tier": "gold"},
        deps=["elsewhere"],
        ins={"rows": dg.AssetIn("customers")},
        retry_policy=retry,
        kinds={"pandas"},
        metadata={"wiki": "contacts"},
        code_version="7",
        check_specs=[dg.AssetCheckSpec("mine", asset=["crm", "eu", "people"])],
        io_manager_key="warehouse",
        automation_condition=dg.AutomationCondition.eager(),
    )
    def contacts(rows: pd.DataFrame) -> pd.DataFrame:
        """Customers become contacts."""
        return rows

    key = dg.AssetKey(["crm", "eu", "people"])
    spec = contacts.get_asset_spec(key)
    assert contacts.keys == {key}
    assert spec.group_name == "sales"
    assert spec.owners == ["team:crm"]
    assert spec.tags["tier"] == "gold"
    assert spec.kinds == {"hubspot", "pandas"}
    assert spec.description == (
        "Customers become contacts.\n\nUpserts contacts by email from customers, elsewhere."
    )
    assert spec.metadata["wiki"] == "contacts"
    assert spec.code_version == "7"
    assert spec.automation_condition is not None
    assert contacts.partitions_def == days
    assert {each.asset_key.to_user_string() for each in spec.deps} == {"elsewhere", "customers"}
    assert contacts.op.retry_policy == retry
    assert contacts.op.pool == "hubspot"
    assert {each.name for each in contacts.check_specs} == CHECKS | {"mine"}
    assert {each.asset_key for each in contacts.check_specs} == {key}
    assert {"hubspot", "warehouse"} <= set(contacts.required_resource_keys)


def test_the_pool_can_be_another_one_and_the_key_can_be_given_whole() -> None:
    @hubspot_asset(BY_EMAIL, pool="portal/eu", key=["a", "b"])
    def contacts():
        return []

    assert contacts.op.pool == "portal/eu"
    assert contacts.keys == {dg.AssetKey(["a", "b"])}
    assert {each.asset_key for each in contacts.check_specs} == {dg.AssetKey(["a", "b"])}


def test_its_own_config_keeps_full_refresh_by_deriving_from_the_run_config(bench: Bench) -> None:
    class Mine(HubSpotRunConfig):
        rows: int = 2

    @hubspot_asset(BY_EMAIL, key_prefix="crm")
    def contacts(config: Mine):
        return people(config.rows)

    first = bench.materialize(contacts, run_config=config_of("crm__contacts", rows=4))
    again = bench.materialize(contacts, run_config=config_of("crm__contacts", rows=4))
    full = bench.materialize(contacts, run_config=config_of("crm__contacts", rows=4, full_refresh=True))
    assert first.metadata("crm/contacts")["created"] == 4
    assert again.metadata("crm/contacts")["unchanged"] == 4
    assert full.metadata("crm/contacts")["updated"] == 4
    assert len(bench.books.requests("upsert")) == 2
    assert len(bench.emulator.records("contacts")) == 4


def test_a_config_that_knows_nothing_of_hubspot_will_do(bench: Bench) -> None:
    class Mine(dg.Config):
        rows: int = 2

    @hubspot_asset(BY_EMAIL)
    def contacts(config: Mine):
        return people(config.rows)

    assert bench.materialize(contacts).metadata("contacts")["created"] == 2


def test_a_partition_sends_its_rows_and_knows_those_of_the_others(bench: Bench) -> None:
    @hubspot_asset(FIRMS, partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def companies(context: dg.AssetExecutionContext):
        return firms(3) if context.partition_key == "a" else firms(5)

    first = bench.materialize(companies, partition_key="a")
    second = bench.materialize(companies, partition_key="b")
    assert first.metadata("companies")["created"] == 3
    assert second.metadata("companies")["created"] == 2
    assert second.metadata("companies")["unchanged"] == 3
    assert bench.once_each("companies", "name", [f"Firm {i}" for i in range(5)])


def test_it_can_be_called_in_a_unit_test(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts(customers: pd.DataFrame) -> pd.DataFrame:
        return customers[customers.active].drop(columns="active")

    customers = pd.DataFrame(people(3)).assign(active=[True, False, True])
    with bench.resource().open() as hubspot:
        told = list(
            contacts(
                dg.build_asset_context(), config=HubSpotRunConfig(), customers=customers, hubspot=hubspot
            )
        )
    *checks, made = told
    assert made.value["email"].to_pylist() == ["p0@x.org", "p2@x.org"]
    assert made.metadata["created"] == 2
    assert {each.check_name for each in checks} == CHECKS
    assert all(each.passed for each in checks)


def test_two_portals_are_two_resources(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    from hubspot_batch_dagster.emulator import Emulator

    @hubspot_asset(BY_EMAIL)
    def here():
        return people(2)

    @hubspot_asset(BY_EMAIL, resource="hubspot_eu")
    def there():
        return people(3)

    with Emulator() as eu:
        other = bench.resource(
            base_url=eu.url, access_token=eu.token, store=str(tmp_path_factory.mktemp("eu"))
        )
        ran = bench.materialize(here, there, resources={"hubspot_eu": other})
        assert ran.success
        assert len(eu.records("contacts")) == 3
    assert len(bench.emulator.records("contacts")) == 2


@pytest.mark.parametrize("value", [-1, -0.1, 1.5, True, float("nan"), "5"])
def test_a_threshold_that_cannot_be_meant_is_refused_where_it_is_written(value: float) -> None:
    for name in ("max_rejected", "max_unknown"):
        with pytest.raises(InputError, match=name):
            hubspot_asset(BY_EMAIL, **{name: value})


def test_archiving_what_left_the_source_is_refused_with_partitions() -> None:
    with pytest.raises(InputError, match="when_gone"):

        @hubspot_asset(
            Upsert("companies", key="id", when_gone="archive"),
            partitions_def=dg.StaticPartitionsDefinition(["a"]),
        )
        def companies():
            return []


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Upsert("contacts", id_property="email", properties=["email", "fristname"]), "fristname"),
        (Upsert("contacts", key="no_such_column"), "no_such_column"),
        (Update("contacts", record_id="contact_id"), "contact_id"),
    ],
    ids=["property column", "key", "record id"],
)
def test_a_wrong_column_stops_the_step_before_anything_is_sent_and_no_retry_is_made(
    bench: Bench, operation: Upsert, said: str
) -> None:
    @hubspot_asset(operation, retry_policy=dg.RetryPolicy(max_retries=3))
    def contacts():
        return people(3)

    ran = bench.materialize(contacts)
    assert ran.step_events("contacts") == ["STEP_START", "STEP_FAILURE"]
    assert said in ran.failure("contacts")
    assert "firstname" in ran.failure("contacts"), "it names the columns that there are"
    assert bench.books.commits() == []


def test_a_function_that_returns_no_rows_is_told_what_to_return(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL)
    def contacts():
        return None

    ran = bench.materialize(contacts)
    assert not ran.success
    assert "pandas" in ran.failure("contacts")
    assert bench.books.commits() == []


def test_the_same_manager_keeps_values_of_assets_with_prefixes_apart(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, key_prefix="crm")
    def contacts():
        return people(1)

    bench.materialize(
        contacts, resources={"io_manager": ArrowParquetIOManager(base_dir=str(bench.folder / "v"))}
    )
    assert (bench.folder / "v" / "crm" / "contacts.parquet").exists()
    assert (bench.store / "crm" / "contacts" / "ids.parquet").exists()


class Seeing(ArrowParquetIOManager):
    """Tells what it was given to store."""

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: Any) -> None:
        context.log.info(f"given a {type(obj).__name__}")
        super().dump_to_path(context, obj, path)


def a_project(url: str, token: str, store: str, values: str) -> dg.JobDefinition:
    @hubspot_asset(FIRMS)
    def companies() -> list[dict[str, Any]]:
        return firms(3)

    defs = dg.Definitions(
        assets=[companies],
        jobs=[dg.define_asset_job("everything", executor_def=dg.in_process_executor)],
        resources={
            "hubspot": HubSpotResource(access_token=token, base_url=url, store=store),
            "io_manager": Seeing(base_dir=values),
        },
    )
    return defs.resolve_job_def("everything")


def test_an_io_manager_that_takes_streams_gets_the_ids_table_as_one(bench: Bench, tmp_path: Path) -> None:
    job = dg.build_reconstructable_job(
        "test_face_asset",
        "a_project",
        reconstructable_args=(
            bench.emulator.url,
            bench.emulator.token,
            str(bench.store),
            str(tmp_path / "values"),
        ),
        reconstructor_working_directory=str(Path(__file__).parent),
    )
    with dg.instance_for_test() as instance:
        ran = dg.execute_job(job, instance=instance)
        assert ran.success
        said = [each.user_message for each in instance.all_logs(ran.run_id)]
    assert "given a RecordBatchReader" in said
    written = pa.parquet.read_table(tmp_path / "values" / "companies.parquet")
    assert written["outcome"].to_pylist() == ["created"] * 3
