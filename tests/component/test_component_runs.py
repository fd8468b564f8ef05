"""A component sends its rows, whatever they come from, and keeps secrets to itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from component_helpers import KEY, counts, loaded, refusal, run
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from hubspot_batch_dagster import HubSpotResource, HubSpotSyncComponent
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.emulator import Emulator

SECRET = "pat-na1-00000000-very-secret"
ROWS = [{"email": f"p{i}@x.example", "firstname": f"P{i}", "zip": f"0{i}234"} for i in range(3)]


@dg.asset
def customers() -> pd.DataFrame:
    return pd.DataFrame(ROWS)


def stored(emulator: Emulator) -> dict[str, dict[str, str]]:
    return {each["email"]: each for each in emulator.records("contacts").values()}


def sources(folder: Path) -> dict[str, dict[str, str]]:
    """The same three rows in every kind of source."""
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, folder / "rows.parquet")
    text = ["\t".join(ROWS[0]), *("\t".join(row.values()) for row in ROWS)]
    (folder / "rows.tsv").write_text("\n".join(text))
    (folder / "rows.csv").write_text("\n".join(text).replace("\t", ","))
    with duckdb.connect(str(folder / "rows.duckdb")) as database:
        database.execute(f"CREATE TABLE people AS SELECT * FROM '{folder}/rows.parquet'")
    with sqlite3.connect(folder / "rows.db") as lite:
        lite.execute("CREATE TABLE people (email, firstname, zip)")
        lite.executemany("INSERT INTO people VALUES (?, ?, ?)", [tuple(row.values()) for row in ROWS])
    lite.close()
    query = "SELECT * FROM people"
    return {
        "parquet": {"path": f"{folder}/rows.parquet"},
        "csv": {"path": f"{folder}/rows.csv"},
        "tsv": {"path": f"{folder}/rows.tsv"},
        "url": {"path": f"file://{folder}/rows.parquet"},
        "duckdb": {"sql": query, "connection": f"{folder}/rows.duckdb"},
        "duckdb url": {"sql": query, "connection": f"duckdb:///{folder}/rows.duckdb"},
        "sqlalchemy": {"sql": query, "connection": f"sqlite:///{folder}/rows.db"},
    }


def test_every_kind_of_source_gives_the_same_rows(tmp_path: Path) -> None:
    for name, given in sources(tmp_path).items():
        chunks = list(Source(**given).read({}))
        rows = [
            row for each in chunks for row in (each.to_pylist() if hasattr(each, "to_pylist") else [each])
        ]
        assert rows == ROWS, name


def test_an_upstream_assets_rows_are_sent_and_sent_again_only_when_they_changed(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    with loaded() as (_, defs):
        assert counts(run(defs, hubspot, customers)) == {"created": 3}
        assert counts(run(defs, hubspot, customers)) == {"unchanged": 3}
    assert stored(hubspot_emulator)["p1@x.example"]["firstname"] == "P1"
    assert hubspot_emulator.books.duplicates("contacts", "email") == {}


def test_rows_of_a_query_are_sent(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, tmp_path: Path
) -> None:
    with loaded(source=sources(tmp_path)["sqlalchemy"]) as (_, defs):
        assert counts(run(defs, hubspot)) == {"created": 3}
    assert stored(hubspot_emulator)["p2@x.example"]["zip"] == "02234"


def test_rows_that_stay_in_their_warehouse_are_counted_and_told(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as database:
        database.execute("CREATE TABLE people AS SELECT 'p' || i || '@x.org' AS email FROM range(150) t(i)")
    source = {"sql": "FROM people", "connection": f"{tmp_path}/w.duckdb", "diff": "warehouse"}
    with loaded(source=source) as (_, defs):
        assert counts(run(defs, hubspot)) == {"created": 150}
        result = run(defs, hubspot)
    assert counts(result) == {"unchanged": 150}
    (found,) = result.asset_materializations_for_node("crm__contacts")
    assert found.metadata["compared_in_warehouse"].value == 50
    assert len(hubspot_emulator.records("contacts")) == 150


def test_a_trial_of_some_rows_does_not_go_with_a_warehouse(hubspot: HubSpotResource, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as database:
        database.execute("CREATE TABLE people AS SELECT 'a@x.org' AS email")
    source = {"sql": "FROM people", "connection": f"{tmp_path}/w.duckdb", "diff": "warehouse"}
    with loaded(source=source) as (_, defs):
        result = run(defs, hubspot, limit_rows=1)
    assert not result.success


def test_an_empty_cell_is_null_and_a_quoted_line_break_stays_in_its_cell(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('a,b\n"1\n2",\n')
    (batch,) = Source(path=f"{tmp_path}/rows.csv").read({})
    assert batch.to_pylist() == [{"a": "1\n2", "b": None}]


def test_a_dry_run_writes_nothing(hubspot_emulator: Emulator, hubspot: HubSpotResource) -> None:
    with loaded() as (_, defs):
        result = run(defs, hubspot, customers, dry_run=True)
    assert result.success
    assert not [each for each in result.get_asset_materialization_events() if each.asset_key == KEY]
    assert hubspot_emulator.books.created_count() == 0


def test_more_rejected_rows_than_allowed_fail_the_step(
    hubspot: HubSpotResource, hubspot_emulator: Emulator
) -> None:
    @dg.asset(name="customers")
    def dirty() -> pd.DataFrame:
        return pd.DataFrame([*ROWS, {"email": None, "firstname": "?", "zip": ""}])

    with loaded(max_rejected=0) as (_, defs):
        assert not run(defs, hubspot, dirty).success
    assert hubspot_emulator.books.created_count("contacts") == 3
    with loaded(max_rejected=1) as (_, defs):
        assert run(defs, hubspot, dirty).success


def test_a_partition_reads_its_own_rows(
    hubspot: HubSpotResource, hubspot_emulator: Emulator, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "days.duckdb")) as database:
        database.execute(
            "CREATE TABLE days AS SELECT * FROM (VALUES ('a@x.example', DATE '2026-01-01'), ('b@x.example',"
            " DATE '2026-01-02')) v(email, day)"
        )
    for sql in (
        "SELECT email FROM days WHERE day = CAST($partition_key AS DATE)",
        "SELECT email FROM days WHERE day >= $partition_start AND day < $partition_end",
    ):
        hubspot_emulator.reset()
        daily = {"key": "crm/contacts", "partitions_def": {"type": "daily", "start_date": "2026-01-01"}}
        with loaded(
            asset=daily, source={"sql": sql, "connection": f"{tmp_path}/days.duckdb"}, properties=["email"]
        ) as (_, defs):
            result = run(defs, hubspot, partition="2026-01-02", first_run=True)
            assert result.success
        assert list(stored(hubspot_emulator)) == ["b@x.example"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "/nowhere/rows.csv"}, "There is no file /nowhere/rows.csv"),
        ({"sql": "SELECT 1", "connection": "/nowhere/x.duckdb"}, "There is no DuckDB file"),
        ({"sql": "SELECT 1", "connection": "nosuch://me:hunter2@host/db"}, "not the URL of a database"),
        ({"sql": "SELECT 1", "connection": "postgresql+psycopg://me:hunter2@host:99999/db"}, "port 99999"),
        ({"path": "nonsense://bucket/rows.csv"}, "which no file system here is called"),
        ({"path": "s3:/bucket/rows.csv"}, "neither a folder nor a URL"),
        ({"sql": "SELECT 1 AS a, 2 AS a", "connection": "sqlite://"}, "two columns the name 'a'"),
        ({"sql": "SELECT :partition_key", "connection": "sqlite://"}, "names partition_key"),
        ({"path": "/tmp/{day}.csv"}, "names day"),
    ],
)
def test_a_source_that_cannot_be_read_is_explained_without_its_password(
    source: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError) as error:
        list(Source(**source).read({}))
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


class Shouting(HubSpotSyncComponent):
    """Changes the rows, and its spec."""

    def get_asset_spec(self) -> dg.AssetSpec:
        return super().get_asset_spec().replace_attributes(owners=["team:loud"])

    def execute(self, context: Any, hubspot: Any, rows: Any) -> Iterator[Any]:
        yield from super().execute(context, hubspot, rows.assign(firstname=rows.firstname + "!"))
        context.log.info("sent")


def test_a_subclass_changes_the_rows_and_the_spec(
    hubspot_emulator: Emulator, hubspot: HubSpotResource
) -> None:
    with loaded(kind=Shouting) as (_, defs):
        (made,) = [each for each in defs.assets or [] if isinstance(each, dg.AssetsDefinition)]
        assert next(iter(made.specs)).owners == ["team:loud"]
        assert counts(run(defs, hubspot, customers)) == {"created": 3}
    assert {each["firstname"] for each in stored(hubspot_emulator).values()} == {"P0!", "P1!", "P2!"}


def test_a_component_may_bring_its_own_resource(
    hubspot_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", hubspot_emulator.token)
    settings = {"base_url": hubspot_emulator.url, "store": f"{tmp_path}/ids", "share": 0.5}
    with loaded(hubspot={**settings, "access_token_env": "SOME_TOKEN"}, source=sources(tmp_path)["csv"]) as (
        component,
        defs,
    ):
        assert set(defs.resources or {}) == {"crm__contacts_hubspot"}
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
        assert counts(result) == {"created": 3}
    assert (tmp_path / "ids" / "crm").is_dir()
    assert hubspot_emulator.token not in repr(component)


@pytest.mark.parametrize(
    "token", [{"access_token_env": "SOME_TOKEN"}, {"access_token": "{{ env.SOME_TOKEN }}"}]
)
def test_a_token_is_read_in_the_run_and_not_at_load(
    token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_TOKEN", raising=False)
    with loaded(hubspot=token) as (component, _):
        assert component.hubspot is not None
        assert component.hubspot.access_token == "SOME_TOKEN"


def test_no_secret_of_the_yaml_reaches_the_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the code server tells the UI is its repository snapshot: resources, launchpad defaults,
    everything.
    """
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    monkeypatch.setenv("SOME_URL", "postgresql+psycopg://me:hunter2@db/j")
    with loaded(
        hubspot={"access_token": "{{ env.SOME_TOKEN }}", "journal_env": "SOME_URL"},
        source={"sql": "SELECT 1", "connection": "{{ env.SOME_URL }}"},
    ) as (component, defs):
        assert component.source.connection == "postgresql+psycopg://me:hunter2@db/j"
        shown = serialize_value(RepositorySnap.from_def(defs.get_repository_def())) + repr(component)
        assert "crm__contacts_hubspot" in shown
        assert SECRET not in shown
        assert "hunter2" not in shown


def test_a_secret_in_clear_is_refused() -> None:
    told = refusal(hubspot={"access_token": SECRET})
    assert "access_token_env: ITS_NAME" in told
    told = refusal(hubspot={"access_token": "{{ 'pat-na1-' + '0000-made-up' }}"})
    assert "pat-na1-0000-made-up" not in told


def test_a_wrong_setting_is_named_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    told = refusal(hubspot={"access_token_env": "X", "stor": "x", "share": "{{ env.SOME_TOKEN }}"})
    assert "stor: Extra inputs are not permitted" in told
    assert SECRET not in told
    assert 'share: "{{ env.X }}"' in refusal(hubspot={"access_token_env": "X", "share_env": "X"})


def test_a_whole_number_may_come_from_a_variable(
    hubspot_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", hubspot_emulator.token)
    monkeypatch.setenv("SOME_LIMIT", "50")
    settings = {
        "base_url": hubspot_emulator.url,
        "access_token_env": "SOME_TOKEN",
        "store": f"{tmp_path}/ids",
    }
    with loaded(hubspot={**settings, "limit_env": "SOME_LIMIT"}) as (component, _):
        assert component.hubspot is not None
        with component.hubspot.open() as opened:
            assert opened.settings().limit == 50


@pytest.mark.filterwarnings("ignore:Selection of the SingletonThreadPool")
def test_a_bad_query_does_not_show_the_password() -> None:
    source = Source(
        sql="SELECT nothing FROM nowhere", connection="sqlite:///file:x?password=hunter2&mode=memory&uri=true"
    )
    with pytest.raises(InputError) as error:
        list(source.read({}))
    assert "hunter2" not in f"{error.value}{source!r}"
