"""Keys of an ids table whose type is another one by now."""

from __future__ import annotations

import datetime as dt

import pyarrow.parquet as pq
import pytest
from bench.sync_bench import Bench

from hubspot_batch_dagster.operations.records import Upsert

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
