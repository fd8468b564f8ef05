"""A component with a cursor column reads most nights only what changed, whatever its rows come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from bench.servers import Postgres
from component_helpers import counts, loaded, run

from hubspot_batch_dagster import HubSpotResource
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.source import Source

PROPERTIES = {"email": "email", "firstname": "firstname"}
CURSOR = {"column": "Changed At", "overlap": "30m", "full_every": 5}
ROW = "('p{0}@x.org', '{1}', TIMESTAMP '2026-03-01 {2}:00:00')"
FIRST = [ROW.format(i, "Ada", "12") for i in range(4)]
LATER = ROW.format(9, "Grace", "15")


def rows_read(result: dg.ExecuteInProcessResult) -> tuple[int, str | None]:
    """How many rows a run read, and from where."""
    (found,) = result.asset_materializations_for_node("crm__contacts")
    since = found.metadata.get("changed_since")
    return sum(counts(result).values()), None if since is None else str(since.value)


def table_of(execute: Callable[[str], object]) -> None:
    execute('CREATE TABLE people (email VARCHAR(40), firstname VARCHAR(40), "Changed At" TIMESTAMP)')
    execute(f"INSERT INTO people VALUES {', '.join(FIRST)}")


def in_duckdb(folder: Path, statement: str | None) -> None:
    with duckdb.connect(str(folder / "w.duckdb")) as database:
        if statement is None:
            table_of(database.execute)
        else:
            database.execute(statement)


def two_nights(source: dict[str, Any], hubspot: HubSpotResource, write: Callable[[str | None], None]) -> None:
    """Four rows in the first night; one more in the second, and a change that the cursor does not show."""
    write(None)
    with loaded(source={**source, "changed_since": CURSOR}, properties=PROPERTIES) as (_, defs):
        assert rows_read(run(defs, hubspot)) == (4, None)
        write(f"INSERT INTO people VALUES {LATER}")
        write("DELETE FROM people WHERE email = 'p0@x.org'")
        second = run(defs, hubspot)
        assert rows_read(second) == (4, "2026-03-01T11:30:00")
        assert counts(second) == {"created": 1, "unchanged": 3}
        assert rows_read(run(defs, hubspot)) == (1, "2026-03-01T14:30:00")


def test_a_query_on_duckdb_is_asked_for_newer_rows_only(hubspot: HubSpotResource, tmp_path: Path) -> None:
    source = {"sql": "SELECT * FROM people -- all of them", "connection": f"{tmp_path}/w.duckdb"}
    two_nights(source, hubspot, lambda statement: in_duckdb(tmp_path, statement))


def test_a_query_on_postgres_is_asked_for_newer_rows_only(
    hubspot: HubSpotResource, postgres: Postgres
) -> None:
    engine = sqlalchemy.create_engine(postgres.url)

    def write(statement: str | None) -> None:
        with engine.begin() as connection:
            if statement is None:
                connection.exec_driver_sql("DROP TABLE IF EXISTS people")
                table_of(connection.exec_driver_sql)
            else:
                connection.exec_driver_sql(statement)

    try:
        two_nights({"sql": "SELECT * FROM people;", "connection": postgres.url}, hubspot, write)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS people")
        engine.dispose()


def test_of_a_file_and_of_an_upstream_asset_older_rows_are_left_out(
    hubspot: HubSpotResource, tmp_path: Path
) -> None:
    def table(count: int, hour: int) -> pa.Table:
        at = [datetime(2026, 3, 1, hour) if i < 2 else datetime(2026, 3, 1, 3) for i in range(count)]
        return pa.table(
            {"email": [f"p{i}@x.org" for i in range(count)], "firstname": ["A"] * count, "Changed At": at}
        )

    @dg.asset
    def customers() -> pd.DataFrame:
        return pq.read_table(tmp_path / "rows.parquet").to_pandas()

    sources: list[tuple[dict[str, str], list[dg.AssetsDefinition]]] = [
        ({"path": f"{tmp_path}/rows.parquet"}, []),
        ({"asset": "customers"}, [customers]),
    ]
    for source, others in sources:
        pq.write_table(table(5, 4), tmp_path / "rows.parquet")
        with loaded(source={**source, "changed_since": CURSOR}, properties=PROPERTIES) as (_, defs):
            full = run(defs, hubspot, *others, full_refresh=True)
            assert rows_read(full) == (5, None)
            pq.write_table(table(5, 8), tmp_path / "rows.parquet")
            assert rows_read(run(defs, hubspot, *others)) == (2, "2026-03-01T03:30:00")


def test_a_cursor_that_cannot_be_meant_is_refused_when_the_definitions_load() -> None:
    query = {"sql": "SELECT 1", "connection": "w.duckdb"}
    for words, source in (
        ("overlap is '1 week'", {**query, "changed_since": {"column": "at", "overlap": "1 week"}}),
        ("full_every is 0", {**query, "changed_since": {"column": "at", "full_every": 0}}),
        ("compares all rows itself", {**query, "changed_since": {"column": "at"}, "diff": "warehouse"}),
    ):
        with pytest.raises(InputError, match=words):
            Source(**source)  # type: ignore[arg-type]
