"""The ids table fits what the project's IO manager takes, and the account does not depend on whether it can
be stored.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from face_helpers import BY_EMAIL, Bench, people

from hubspot_batch_dagster import hubspot_asset
from hubspot_batch_dagster.api.errors import InputError


class Shelf(dg.IOManager):
    """A project's own IO manager, which keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ARG002
        self.given.append(obj)

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ARG002
        return self.given[-1]


class Full(Shelf):
    """A disk without room."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:  # noqa: ARG002
        raise OSError("No space left on device")


def test_what_was_sent_is_told_where_the_value_cannot_be_stored(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, max_rejected=1)
    def contacts():
        return people(3, bad=1)

    ran = bench.materialize(contacts, resources={"io_manager": Full()})
    assert not ran.success
    assert "No space left" in ran.failure("contacts")
    assert len(bench.emulator.records("contacts")) == 2
    counts = {name: each.value for name, each in ran.check("rows_accounted_for").metadata.items()}
    assert (counts["rows"], counts["created"], counts["rejected"]) == (3, 2, 1)
    assert ran.check("rows_rejected").metadata["reasons"].records[0].data["code"] == "INVALID_EMAIL"


def with_pandas() -> pd.DataFrame:
    return pd.DataFrame(people(2))


def with_polars() -> pl.DataFrame | None:
    return pl.DataFrame(people(2))


def with_nothing_said():
    return people(2)


def with_an_output_of_pandas() -> dg.Output[pd.DataFrame]:
    return dg.Output(pd.DataFrame(people(2)))


def with_partitions_of_polars() -> dict[str, pl.DataFrame]:
    return {"a": pl.DataFrame(people(2))}


@pytest.mark.parametrize(
    ("function", "ids", "kind"),
    [
        (with_pandas, None, pd.DataFrame),
        (with_polars, None, pl.DataFrame),
        (with_nothing_said, None, pa.Table),
        (with_an_output_of_pandas, None, pd.DataFrame),
        (with_partitions_of_polars, None, pl.DataFrame),
        (with_nothing_said, "pandas", pd.DataFrame),
        (with_pandas, "polars", pl.DataFrame),
        (with_pandas, "arrow", pa.Table),
    ],
)
def test_an_io_manager_of_the_project_is_given_what_the_function_returns_or_what_is_asked_for(
    bench: Bench, function: Any, ids: Any, kind: type
) -> None:
    shelf = Shelf()
    contacts = hubspot_asset(BY_EMAIL, name="contacts", ids=ids)(function)
    assert bench.materialize(contacts, resources={"io_manager": shelf}).success
    [value] = shelf.given
    assert isinstance(value, kind)
    assert len(value) == 2
    assert list(value["outcome" if kind is not pa.Table else 2]) != []


def test_without_a_value_no_io_manager_is_asked_and_the_asset_is_materialized(bench: Bench) -> None:
    @hubspot_asset(BY_EMAIL, ids="none")
    def contacts():
        return people(2)

    ran = bench.materialize(contacts, resources={"io_manager": Full()})
    assert ran.success
    assert ran.metadata("contacts")["created"] == 2
    assert Path(ran.metadata("contacts")["ids_path"]).exists()


def test_managers_that_take_polars_alone_are_given_polars(bench: Bench, tmp_path: Path) -> None:
    managers = pytest.importorskip("dagster_polars")
    handlers = pytest.importorskip("dagster_duckdb_polars")

    @hubspot_asset(BY_EMAIL, name="in_a_file", io_manager_key="file")
    def in_a_file():
        return people(2)

    @hubspot_asset(BY_EMAIL, name="in_duckdb", io_manager_key="duckdb")
    def in_duckdb() -> pd.DataFrame:
        return pd.DataFrame(people(2))

    resources = {
        "file": managers.PolarsParquetIOManager(base_dir=str(tmp_path / "polars")),
        "duckdb": handlers.DuckDBPolarsIOManager(database=str(tmp_path / "w.duckdb"), schema="crm"),
        "io_manager": dg.mem_io_manager,
    }
    assert bench.materialize(in_a_file, in_duckdb, resources=resources).success
    with duckdb.connect(str(tmp_path / "w.duckdb")) as warehouse:
        written = warehouse.execute("SELECT count(*), count(hs_object_id) FROM crm.in_duckdb").fetchone()
    assert written == (2, 2)
    assert pl.read_parquet(tmp_path / "polars" / "in_a_file.parquet").height == 2


def test_a_manager_that_takes_no_table_stops_the_run_before_anything_is_sent(bench: Bench) -> None:
    class Texts(Shelf):
        _handlers_by_type = {str: None}  # noqa: RUF012 - as Dagster's managers of databases have it

    @hubspot_asset(BY_EMAIL)
    def contacts():
        return people(2)

    ran = bench.materialize(contacts, resources={"io_manager": Texts()})
    assert not ran.success
    assert 'ids="none"' in ran.failure("contacts")
    assert bench.books.requests() == []


def test_a_form_that_there_is_not_is_refused_where_it_is_written() -> None:
    with pytest.raises(InputError, match="ids is 'csv': hubspot_asset takes 'arrow'"):
        hubspot_asset(BY_EMAIL, ids="csv")  # type: ignore[arg-type]
