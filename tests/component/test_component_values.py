"""What a source's values become."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
from component_helpers import counts, loaded, refusal, run

from hubspot_batch_dagster import HubSpotResource, Upsert, prepare
from hubspot_batch_dagster.component.source import Source
from hubspot_batch_dagster.emulator import Emulator


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


def test_what_duckdb_hands_over_as_another_value_is_itself_or_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as database:
        database.execute(
            f"""CREATE TABLE t AS SELECT 1 AS id, {2**128 - 1}::UHUGEINT AS n, now()::TIMESTAMP::TIMESTAMP_NS AS at
            UNION ALL SELECT 2, 1::UHUGEINT, 'infinity'::TIMESTAMP_NS"""
        )
    source = Source(sql="SELECT * FROM t ORDER BY id", connection=str(tmp_path / "rows.duckdb"))
    found = prepare(source.read({}), Upsert("companies", key="id", properties={"n": "n", "at": "at"}))
    assert [each["properties"]["n"] for each in found.bodies()] == [str(2**128 - 1)]
    assert found.rejected["code"].to_pylist() == ["INVALID_DATETIME"]


def test_a_query_comes_as_arrow_with_its_columns_even_without_rows(tmp_path: Path) -> None:
    """Batches of columns cost half of a dict for each row; what one chunk lacks, another may have."""
    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE t (id, name)")
        rows = [(i, None) for i in range(10_000)] + [(10_000, "late"), (10_001, 7)]
        database.executemany("INSERT INTO t VALUES (?, ?)", rows)
    database.close()
    url = f"sqlite:///{tmp_path}/rows.db"
    batches = list(Source(sql="SELECT * FROM t ORDER BY id", connection=url).read({}))
    assert [batch.num_rows for batch in batches] == [10_000, 2]
    found = prepare(iter(batches), Upsert("companies", key="id"))
    assert found.inputs.column("properties").to_pylist()[-2:] == ['{"name":"late"}', '{"name":"7"}']
    nothing = list(Source(sql="SELECT * FROM t WHERE id < 0", connection=url).read({}))
    assert [(batch.num_rows, batch.schema.names) for batch in nothing] == [(0, ["id", "name"])]
    assert prepare(iter(nothing), Upsert("companies", key="id")).inputs.num_rows == 0


def test_a_text_source_is_read_as_its_cast_says_and_a_bad_cell_is_told_by_the_check(
    hubspot_emulator: Emulator, hubspot: HubSpotResource, tmp_path: Path
) -> None:
    hubspot_emulator.add_property("contacts", "vip", type="bool", fieldType="booleancheckbox")
    hubspot_emulator.add_property("contacts", "born", type="date")
    hubspot_emulator.add_property("contacts", "worth", type="number")
    lines = ["mail,vip,born,worth", 'a@x.org,yes,29.02.2024,"1.234,5"', "b@x.org,N/A,31.02.2024,much"]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    cast = {
        "null_values": ["N/A"],
        "true_values": ["yes"],
        "false_values": ["no"],
        "date_formats": ["%d.%m.%Y"],
    }
    properties = {
        "email": "mail",
        "vip": "vip",
        "born": {"column": "born", "on_invalid": "omit"},
        "worth": {"column": "worth", "on_invalid": "omit", "cast": {"decimal": ",", "thousands": "."}},
    }
    source = {"path": str(tmp_path / "rows.csv"), "cast": cast}
    with loaded(source=source, properties=properties) as (_, defs):
        ran = run(defs, hubspot)
    assert {name: n for name, n in counts(ran).items() if name == "created"} == {"created": 2}
    stored = {each["email"]: each for each in hubspot_emulator.records("contacts").values()}
    assert [stored["a@x.org"][name] for name in ("vip", "born", "worth")] == ["true", "2024-02-29", "1234.5"]
    assert not {"vip", "born", "worth"} & set(stored["b@x.org"])
    check = next(each for each in ran.get_asset_check_evaluations() if each.check_name == "rows_rejected")
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert "2 cells were left out or cleared" in (check.description or "")
    assert check.metadata["cells_omitted"].value == 2


def test_a_property_with_an_unknown_rule_is_refused() -> None:
    assert "ignore_bad is no field" in refusal(properties={"email": {"column": "email", "ignore_bad": True}})
