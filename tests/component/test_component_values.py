"""What a source's values become."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hubspot_batch_dagster import Upsert, prepare
from hubspot_batch_dagster.component.source import Source


def test_a_fraction_far_down_a_sql_result_stays_one(tmp_path: Path) -> None:
    rows = [(i, 10) for i in range(16_384)] + [(16_384, 99.5), (16_385, 0.99)]
    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE revenue (id, amount)")
        database.executemany("INSERT INTO revenue VALUES (?, ?)", rows)
    database.close()
    source = Source(sql="SELECT * FROM revenue ORDER BY id", connection=f"sqlite:///{tmp_path}/rows.db")
    found = prepare(source.read({}), Upsert("companies", key="id", properties={"annualrevenue": "amount"}))
    assert found.rejected.num_rows == 0
    texts = found.inputs.column("properties").to_pylist()
    assert texts[-3:] == [
        '{"annualrevenue":"10"}',
        '{"annualrevenue":"99.5"}',
        '{"annualrevenue":"0.99"}',
    ]
