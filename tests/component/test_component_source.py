"""Files and queries as a source: patterns, days in every type of column, and mistakes that are told with
their place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from bench.servers import Postgres, new_database
from component_helpers import loaded, refusal

from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.source import Source

NEW_YORK = ZoneInfo("America/New_York")
FIRST = {
    "partition_start": datetime(2026, 1, 1, tzinfo=NEW_YORK),
    "partition_end": datetime(2026, 1, 2, tzinfo=NEW_YORK),
}
BETWEEN = "SELECT id FROM t WHERE moment >= {0}partition_start AND moment < {0}partition_end ORDER BY id"


def rows(source: Source, partition: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in source.read(partition or {}):
        found += each.to_pylist() if isinstance(each, pa.RecordBatch) else [each]
    return found


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def _host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host in a time zone of its own."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# Noon of the day before, of the day, and of the day after, in New York.
TIMES = {
    "DATE": ["2025-12-31", "2026-01-01", "2026-01-02"],
    "TIMESTAMP": ["2025-12-31 23:59:59", "2026-01-01 00:00:00", "2026-01-02 00:00:00"],
    "TIMESTAMPTZ": ["2026-01-01 04:59:59+00", "2026-01-01 05:00:00+00", "2026-01-02 05:00:00+00"],
    "VARCHAR": ["2025-12-31 23:59:59", "2026-01-01 00:00:00", "2026-01-02 00:00:00"],
}


@pytest.mark.skipif(os.name != "posix", reason="sets the time zone of the process")
@pytest.mark.usefixtures("_host")
@pytest.mark.parametrize("kind", TIMES)
def test_a_day_has_its_own_rows_whatever_the_column_and_the_host(tmp_path: Path, kind: str) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as database:
        database.execute(f"CREATE TABLE t (id INTEGER, moment {kind})")
        for number, at in enumerate(TIMES[kind]):
            database.execute(f"INSERT INTO t VALUES ({number}, '{at}')")
    source = Source(sql=BETWEEN.format("$"), connection=str(tmp_path / "w.duckdb"))
    assert rows(source, FIRST) == [{"id": 1}]


@pytest.mark.skipif(os.name != "posix", reason="sets the time zone of the process")
@pytest.mark.usefixtures("_host")
@pytest.mark.parametrize("server_zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        *((kind, TIMES[kind]) for kind in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")),
        *(("TEXT", TIMES[kind]) for kind in ("DATE", "TIMESTAMP")),
        ("TEXT", [f"{day}T12:00:00Z" for day in TIMES["DATE"]]),
    ],
    ids=["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TEXT of days", "TEXT of times", "TEXT of ISO 8601"],
)
def test_a_day_in_postgres_has_its_own_rows_whatever_the_column_the_host_and_the_server(
    postgres: Postgres, kind: str, texts: list[str], server_zone: str
) -> None:
    url = new_database(postgres)
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        name = connection.execute(sqlalchemy.text("SELECT current_database()")).scalar()
        connection.execute(sqlalchemy.text(f"ALTER DATABASE \"{name}\" SET timezone TO '{server_zone}'"))
        connection.execute(sqlalchemy.text(f"CREATE TABLE t (id INTEGER, moment {kind})"))
        for number, at in enumerate(texts):
            connection.execute(sqlalchemy.text(f"INSERT INTO t VALUES ({number}, '{at}')"))
    engine.dispose()
    assert rows(Source(sql=BETWEEN.format(":"), connection=url), FIRST) == [{"id": 1}]


def test_a_query_that_postgres_refuses_is_refused_in_its_words(postgres: Postgres) -> None:
    source = Source(sql="SELECT nothing FROM nowhere", connection=new_database(postgres))
    with pytest.raises(InputError, match="nowhere"):
        rows(source, FIRST)


@pytest.mark.parametrize(
    "days", [TIMES["DATE"], TIMES["TIMESTAMP"], [f"{day}T12:00:00Z" for day in TIMES["DATE"]]]
)
def test_a_day_of_texts_in_sqlite_has_its_own_rows(tmp_path: Path, days: list[str]) -> None:
    url = f"sqlite:///{tmp_path}/w.db"
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (id INTEGER, moment TEXT)"))
        for number, at in enumerate(days):
            connection.execute(sqlalchemy.text("INSERT INTO t VALUES (:n, :at)"), {"n": number, "at": at})
    engine.dispose()
    assert rows(Source(sql=BETWEEN.format(":"), connection=url), FIRST) == [{"id": 1}]


def test_what_stands_in_a_text_or_a_comment_is_no_parameter(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    sql = "SELECT '5 $usd' AS price, $partition_key AS day -- $euro"
    found = rows(Source(sql=sql, connection=str(tmp_path / "w.duckdb")), {"partition_key": "a"})
    assert found == [{"price": "5 $usd", "day": "a"}]
    sql = "SELECT 'at :noon, it''s :hot' AS said, :partition_key AS day /* :never */"
    found = rows(Source(sql=sql, connection="sqlite://"), {"partition_key": "a"})
    assert found == [{"said": "at :noon, it's :hot", "day": "a"}]


def test_a_pattern_reads_the_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, ids in (("b", [3]), ("a", [1, 2])):
        pq.write_table(pa.table({"id": ids}), tmp_path / f"{name}.parquet")
        (tmp_path / f"{name}.csv").write_text("id\n" + "".join(f"{each}\n" for each in ids))
    assert [row["id"] for row in rows(Source(path=str(tmp_path / "*.parquet")))] == [1, 2, 3]
    assert [row["id"] for row in rows(Source(path=str(tmp_path / "*.csv")))] == ["1", "2", "3"]
    with pytest.raises(InputError, match="No file matches"):
        rows(Source(path=str(tmp_path / "none" / "*.csv")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "people.csv, line 1: the file is empty."),
        (
            b"email,name\na@x.org,Ada\nb@x.org,Bob,Bobby\n",
            "people.csv, line 3: 3 cells, and the header has 2.",
        ),
        (b"email,name\na@x.org,Ada\nb@x.org,\xe9mile\n", "people.csv, line 3: the text is not UTF-8."),
        (b"email,\xe9tat\na@x.org,Ada\n", "people.csv, line 1: the text is not UTF-8."),
        (b"email,name\na@x.org," + b"x" * 3_000_000, "people.csv, line 2: field larger than field limit"),
    ],
)
def test_a_csv_that_cannot_be_read_is_told_with_file_and_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        rows(Source(path=str(tmp_path / "people.csv")))
    assert said in str(caught.value)
    assert "Bob" not in str(caught.value)


def test_a_csv_with_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email,name\n")
    [batch] = Source(path=str(tmp_path / "people.csv")).read({})
    assert (batch.num_rows, batch.schema.names) == (0, ["email", "name"])


def test_a_parquet_file_without_rows_has_none_and_is_held_to_the_columns_of_the_others(
    tmp_path: Path,
) -> None:
    """DuckDB writes such a file without a row group."""
    duckdb.sql(f"COPY (SELECT 1 AS id WHERE false) TO '{tmp_path / 'a.parquet'}'")
    assert [each.num_rows for each in Source(path=str(tmp_path / "*.parquet")).read({})] == [0]
    pq.write_table(pa.table({"id": [7]}), tmp_path / "b.parquet")
    assert rows(Source(path=str(tmp_path / "*.parquet"))) == [{"id": 7}]
    pq.write_table(pa.table({"number": [7]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet"):
        rows(Source(path=str(tmp_path / "*.parquet")))


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"cron": "every night"}, "cron 'every night' is no cron expression"),
        ({"cron": "0 2 * * *", "timezone": "Europe/Berlyn"}, "timezone 'Europe/Berlyn' is no time zone"),
    ],
)
def test_a_wrong_schedule_is_told_with_its_place(schedule: dict[str, str], said: str) -> None:
    told = refusal(schedule=schedule)
    assert said in told
    assert "defs.yaml:" in told


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_OF_NOBODY", raising=False)
    source = {"sql": "SELECT 1", "connection": "{{ env.WAREHOUSE_OF_NOBODY }}"}
    assert "WAREHOUSE_OF_NOBODY" in refusal(source=source)


@pytest.mark.parametrize(
    "attributes",
    [
        {"source": {"path": "{{ env.FOLDER_OF_NOBODY }}/people.csv"}},
        {"source": {"sql": "FROM {{ env.FOLDER_OF_NOBODY }}.people", "connection": "w.duckdb"}},
        {"asset": {"key": "a", "description": "In {{env.FOLDER_OF_NOBODY}}."}},
        {"properties": {"email": "{{ env.FOLDER_OF_NOBODY }}_mail"}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_variable_within_a_text_is_named_too_if_it_is_not_set(attributes: dict[str, Any]) -> None:
    """Dagster would write "None" into the text."""
    told = refusal(**attributes)
    assert "The environment variable FOLDER_OF_NOBODY is not set." in told
    assert "defs.yaml:" in told


def test_a_template_may_say_what_holds_where_a_variable_is_not_set() -> None:
    with loaded(source={"path": "{{ env.FOLDER_OF_NOBODY or 'here' }}/people.csv"}) as (component, _):
        assert str(component.source.path).endswith("here/people.csv")


def test_files_of_a_pattern_with_other_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("email,name\na@x.org,Ada\n")
    (tmp_path / "b.csv").write_text("name,email\nBob,b@x.org\n")
    found = rows(Source(path=str(tmp_path / "*.csv")))
    assert [each["email"] for each in found] == ["a@x.org", "b@x.org"]
    (tmp_path / "c.csv").write_text("email\nc@x.org\n")
    with pytest.raises(InputError, match=r"c\.csv has the columns email, and .*a\.csv has email, name"):
        rows(Source(path=str(tmp_path / "*.csv")))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "people.csv").mkdir()
    with pytest.raises(InputError, match=r"people\.csv cannot be read: Is a directory"):
        rows(Source(path=str(tmp_path / "people.csv")))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (
            {"source": {"path": "a.csv", "changed_since": {"column": "at"}}},
            "changed_since takes no partitions",
        ),
        (
            {"source": {"sql": "FROM t", "connection": "w.duckdb", "diff": "warehouse"}},
            "diff: warehouse takes no partitions",
        ),
    ],
    ids=["cursor", "warehouse"],
)
def test_a_source_that_has_no_partitions_is_refused_when_the_definitions_load(
    attributes: dict[str, Any], said: str
) -> None:
    days = {"key": "crm/contacts", "partitions_def": {"type": "static", "partition_keys": ["a", "b"]}}
    told = refusal(asset=days, **attributes)
    assert said in told
    assert "defs.yaml:" in told


@pytest.mark.parametrize("policy", [{"max_retries": -1}, {"delay": -5}], ids=lambda each: next(iter(each)))
def test_a_retry_policy_that_cannot_be_meant_is_told_with_its_place(policy: dict[str, int]) -> None:
    told = refusal(retry_policy=policy)
    assert f"{next(iter(policy))} is -" in told
    assert "defs.yaml:" in told


WAREHOUSE = {"sql": "SELECT * FROM people", "connection": "rows.duckdb", "diff": "warehouse"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "rows.csv", "diff": "warehouse"}, "compares the rows of a query"),
        ({**WAREHOUSE, "connection": "mysql://host/db"}, "kind mysql is not known"),
    ],
)
def test_a_warehouse_that_cannot_compare_is_refused(source: dict[str, str], said: str) -> None:
    assert said in refusal(source=source)


def test_rows_that_are_compared_in_a_warehouse_have_no_partitions() -> None:
    with pytest.raises(InputError, match="takes no partitions"):
        Source(**WAREHOUSE).rows(FIRST)


@pytest.mark.parametrize(
    ("text", "line"),
    [('id,name\n1,"a\n2,b\n3,c\n', 2), ('id,name\n1,a\n2,"b\n' + "3,c\n" * 50_000, 3)],
    ids=["a few rows", "more than a cell of csv holds"],
)
def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_behind_it(
    tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(InputError, match=f"line {line}: a quote is opened and never closed"):
        rows(Source(path=str(tmp_path / "rows.csv")))


@pytest.mark.parametrize(
    ("last", "name"),
    [('"a\nb"', "a\nb"), ('a"b', 'a"b'), ('"a ""b""\n"', 'a "b"\n'), ('"a"b\n2,"c\nd"', "c\nd")],
)
def test_other_quotes_are_read_as_before(tmp_path: Path, last: str, name: str) -> None:
    (tmp_path / "rows.csv").write_text(f"id,name\n1,{last}\n")
    assert rows(Source(path=str(tmp_path / "rows.csv")))[-1]["name"] == name
