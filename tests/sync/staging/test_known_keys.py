"""Keys of an ids table whose type is another one by now."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import duckdb
import pyarrow.parquet as pq
import pytest
from bench.sync_bench import Bench

from hubspot_batch_dagster.operations.records import Upsert
from hubspot_batch_dagster.sync.staging.stored_keys import exactly, from_text

BY_KEY = Upsert("companies", key="id", properties={"name": "name"})


@pytest.mark.parametrize(
    ("before", "both", "kept"),
    [
        ("007", ("1", 1), None),
        ("7", ("1", 1), 7),
        ("x", ("1", 1), None),
        (7.0, (1.0, 1), 7),
        (7, (1, "1"), "7"),
        (dt.datetime(2024, 1, 1, 5), (dt.datetime(2020, 1, 1), dt.date(2020, 1, 1)), None),
    ],
)
def test_a_stored_key_never_becomes_another_one_by_the_type_of_todays_keys(
    bench: Bench, before: object, both: tuple[object, object], kept: object
) -> None:
    first, second = both
    bench.run([{"id": before, "name": "a"}, {"id": first, "name": "b"}], BY_KEY)
    bench.run([{"id": second, "name": "c"}], BY_KEY)
    with bench.store.local_ids("sync") as path:
        lines = pq.read_table(path).to_pylist()
    assert len(lines) == 2
    assert [line["id"] for line in lines] in ([kept, second], [second, kept])


MOMENT = dt.datetime(2024, 1, 1, 5)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("VARCHAR", "007", "007"),
        ("BIGINT", "-7", -7),
        ("BIGINT", "007", None),
        ("BIGINT", "20000.25", None),
        ("BIGINT", "9223372036854775808", None),
        ("DOUBLE", "7", 7.0),
        ("DOUBLE", "7.5", None),
        ("DECIMAL(10,2)", "7.5", decimal.Decimal("7.50")),
        ("DECIMAL(10,2)", "7.255", None),
        ("DECIMAL(10,0)", "7.5", None),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "1", None),
        ("DATE", "2024-01-01", dt.date(2024, 1, 1)),
        ("DATE", "2024-01-01T05:00:00.000Z", None),
        ("TIMESTAMP", "2024-01-01T05:00:00.000Z", MOMENT),
        ("TIMESTAMP", "2024-01-01", dt.datetime(2024, 1, 1)),
        ("TIMESTAMP", "2024-01-01T05:00:00.000000001Z", None),
        ("TIMESTAMP_MS", "2024-01-01T05:00:00.000001Z", None),
        ("TIMESTAMP_S", "2024-01-01T05:00:00.001Z", None),
        ("TIMESTAMP_S", "2024-01-01T05:00:00.000Z", MOMENT),
    ],
)
def test_the_text_of_a_key_becomes_a_value_only_where_the_type_holds_all_of_it(
    kind: str, text: str, value: object
) -> None:
    """DuckDB's own cast would make 20000 of 20000.25, 7 of 007, and a day of any time in it."""
    one = duckdb.sql(f"SELECT {from_text({'k': kind}, 'key')} AS keys FROM (SELECT '{text}' AS key)")
    assert one.fetchall() == [({"k": value},)]
    two = from_text({"a": "VARCHAR", "k": kind}, "key")
    key = json.dumps(["x", text])
    assert duckdb.sql(f"SELECT {two} AS keys FROM (SELECT '{key}' AS key)").fetchall() == [
        ({"a": "x", "k": value},)
    ]


@pytest.mark.parametrize(
    ("stored", "kind", "kept"), [("20000.25::DOUBLE", "BIGINT", None), ("20000::DOUBLE", "BIGINT", 20000)]
)
def test_a_stored_value_takes_another_type_only_where_it_comes_back_from_it(
    stored: str, kind: str, kept: object
) -> None:
    query = (
        f"SELECT {exactly('keys', f'STRUCT(k {kind})', 'STRUCT(k DOUBLE)')} FROM (SELECT {{'k': {stored}}} AS"
        " keys)"
    )
    assert duckdb.sql(query).fetchall() in ([({"k": kept},)], [(kept,)])
